"""How all lanes are searched for: without keeping deliveries waiting, and not all the time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from jackfield.clock import Moment
from jackfield.delivery.finding import MOST_REST, SPACING, Finder, Found
from jackfield.problems import Unavailable
from jackfield.storage import deliveries
from world import Clock

LANES = {7: Moment(3)}


class Crawling:
    """A store that answers when it is told to."""

    committing_since = None

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asked = 0
        self.trouble: Exception | None = None

    async def answer(self) -> None:
        """Answer, and let whoever asked take the answer."""
        self.may_answer.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def read(self, work: Any) -> Any:  # noqa: ANN401 -- as a store has it
        del work
        self.asked += 1
        await self.may_answer.wait()
        if self.trouble is not None:
            raise self.trouble
        return LANES


def finder_of(store: Crawling, clock: Clock) -> Finder:
    return Finder(store, deliveries, clock=clock)  # type: ignore[arg-type] # it reads, no more


async def test_a_search_that_takes_long_is_taken_up_when_it_has_ended() -> None:
    store, clock = Crawling(), Clock()
    finder, began_at = finder_of(store, clock), clock()
    store.may_answer.clear()

    at_once = await finder.find(clock())
    is_searching = finder.is_searching
    clock.advance(timedelta(milliseconds=400))
    await store.answer()
    found = await finder.find(clock())

    assert (at_once, is_searching) == (None, True)
    assert found == Found(began_at, LANES)
    assert not finder.is_searching
    assert store.asked == 1


async def test_the_end_of_a_search_is_said_where_nobody_waited_for_it() -> None:
    store, clock = Crawling(), Clock()
    finder, said = finder_of(store, clock), asyncio.Event()
    finder.tell(said.set)

    assert await finder.find(clock()) is not None
    was_said_at_once = said.is_set()
    store.may_answer.clear()
    finder.call()
    await finder.find(clock())
    store.may_answer.set()
    async with asyncio.timeout(10):
        await said.wait()

    assert not was_said_at_once
    assert await finder.find(clock()) is not None


async def searching(store: Crawling, clock: Clock) -> Finder:
    """Return a finder in the middle of a search."""
    finder = finder_of(store, clock)
    store.may_answer.clear()
    await finder.find(clock())
    return finder


async def after_a_search_of(milliseconds: int, store: Crawling, clock: Clock) -> Finder:
    finder = await searching(store, clock)
    clock.advance(timedelta(milliseconds=milliseconds))
    await store.answer()
    assert await finder.find(clock()) is not None
    return finder


async def test_the_longer_a_search_takes_the_later_is_the_next() -> None:
    store, clock = Crawling(), Clock()
    finder = await after_a_search_of(400, store, clock)

    clock.advance(timedelta(milliseconds=400 * SPACING - 1))
    too_soon = await finder.find(clock())
    clock.advance(timedelta(milliseconds=1))

    assert too_soon is None
    assert await finder.find(clock()) is not None


async def test_after_the_longest_search_there_is_another_within_half_a_minute() -> None:
    store, clock = Crawling(), Clock()
    finder = await after_a_search_of(10_000, store, clock)

    clock.advance(MOST_REST)

    assert await finder.find(clock()) is not None


async def test_whoever_calls_need_not_wait_for_the_next_search() -> None:
    store, clock = Crawling(), Clock()
    finder = await after_a_search_of(400, store, clock)

    finder.call()

    assert finder.is_wanted
    assert await finder.find(clock()) is not None
    assert not finder.is_wanted


async def test_a_call_in_the_middle_of_a_search_asks_for_another() -> None:
    store, clock = Crawling(), Clock()
    finder = await searching(store, clock)
    finder.call()
    await store.answer()

    await finder.find(clock())

    assert finder.is_wanted
    assert await finder.find(clock()) is not None
    assert store.asked == 2


async def test_a_clock_that_is_put_back_asks_for_another() -> None:
    store, clock = Crawling(), Clock()
    finder = await after_a_search_of(400, store, clock)

    clock.advance(timedelta(hours=-1))

    assert await finder.find(clock()) is not None


async def test_a_search_that_fails_is_no_reason_to_rest() -> None:
    store, clock = Crawling(), Clock()
    finder = finder_of(store, clock)
    store.trouble = Unavailable("The database is away.")

    with pytest.raises(Unavailable):
        await finder.find(clock())
    store.trouble = None

    assert await finder.find(clock()) is not None


async def test_a_search_that_is_given_up_is_begun_anew() -> None:
    store, clock = Crawling(), Clock()
    finder = await searching(store, clock)

    finder.forget()
    store.may_answer.set()

    assert not finder.is_searching
    assert await finder.find(clock()) is not None
    assert store.asked == 2
