"""Walking a list of accounts: every page costs the same, and shows nobody twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from external_accounts import BASE, NUMBER, page
from gateway import Answer, Client, Doors, opened

HOST = "http://gateway.example"

_examples = count(1)


def ids(answer: Any) -> list[str]:  # noqa: ANN401 - JSON
    return [account["external_id"] for account in answer["_embedded"]]


def target(answer: Any, name: str) -> str | None:  # noqa: ANN401 - JSON
    """Return where a link leads, or None when there is none of that name."""
    link = answer["_links"].get(name)
    return None if link is None else str(link["href"]).removeprefix(HOST)


async def several(caller: Client, amount: int, *, start: int = 0) -> list[str]:
    names = [f"{number:03}" for number in range(start, start + amount)]
    for name in names:
        assert (await page(caller, name)).status == 201
    return names


async def walk(caller: Client, first: str, *, along: str) -> list[Any]:
    """Return the pages from `first` on."""
    pages = []
    at: str | None = first
    while at is not None:
        answer = await caller.get(at)
        assert answer.status == 200
        pages.append(answer.json)
        assert len(pages) < 100
        at = target(answer.json, along)
    return pages


@pytest.mark.parametrize("size", [1, 3, 7, 8])
async def test_walking_shows_the_same_pages_as_jumping(doors: Doors, size: int) -> None:
    caller = await doors.tenant()
    names = await several(caller, 7)

    walked = await walk(caller, f"{BASE}?page_size={size}", along="next")
    jumped = [
        (await caller.get(f"{BASE}?page_size={size}&page_number={n + 1}")).json
        for n in range(len(walked))
    ]

    assert [name for each in walked for name in ids(each)] == names
    assert [each["page_number"] for each in walked] == list(range(1, len(walked) + 1))
    without_self = [each | {"_links": each["_links"] | {"self": None}} for each in walked]
    assert without_self == [each | {"_links": each["_links"] | {"self": None}} for each in jumped]


@pytest.mark.parametrize("size", [1, 3, 7])
async def test_walking_back_leads_to_the_first_page(doors: Doors, size: int) -> None:
    caller = await doors.tenant()
    await several(caller, 7)
    there = await walk(caller, f"{BASE}?page_size={size}", along="next")

    last = target(there[-1], "self")
    assert last is not None
    back = await walk(caller, last, along="prev")

    assert [ids(each) for each in back] == [ids(each) for each in reversed(there)]
    assert [each["page_number"] for each in back] == list(range(len(there), 0, -1))


async def test_a_page_says_where_it_is_itself(doors: Doors) -> None:
    caller = await doors.tenant()
    await several(caller, 5)
    second = target((await caller.get(BASE + "?page_size=2")).json, "next")
    assert second is not None

    answer = (await caller.get(second)).json
    before = target(answer, "prev")
    assert before is not None
    back = (await caller.get(before)).json

    assert target(answer, "self") == second
    assert target(back, "self") == before
    assert target(back, "next") == second


async def test_a_walk_among_one_provider_stays_there(doors: Doors) -> None:
    caller = await doors.tenant()
    await several(caller, 3)
    number = await caller.post(BASE + "/whatsapp", NUMBER)
    await several(caller, 2, start=3)

    pages = await walk(caller, BASE + "?page_size=2&provider=messenger", along="next")
    others = await walk(caller, BASE + "?page_size=1&provider=whatsapp", along="next")

    assert [len(ids(each)) for each in pages] == [2, 2, 1]
    assert [each["_embedded"] for each in others] == [[number.json]]


async def test_where_another_tenant_was_there_is_only_what_is_ones_own(doors: Doors) -> None:
    caller, other = await doors.tenant(), await doors.tenant("umbr0002")
    await several(other, 4)
    mine = await page(caller, "mine")
    theirs = target((await other.get(BASE + "?page_size=2")).json, "next")
    assert theirs is not None

    answer = await caller.get(theirs)

    assert answer.json["_embedded"] == [mine.json]


async def test_a_page_whose_accounts_are_gone_still_leads_on(doors: Doors) -> None:
    caller = await doors.tenant()
    names = await several(caller, 6)
    second = (await caller.get(BASE + "?page_size=2&page_number=2")).json
    onward, back = target(second, "next"), target(second, "prev")
    assert onward is not None
    assert back is not None
    for name in (*names[:2], *names[4:]):
        await caller.ask("DELETE", f"{BASE}/messenger/{name}")

    after_it = (await caller.get(onward)).json
    before_it = (await caller.get(back)).json

    assert (ids(after_it), ids(before_it)) == ([], [])
    assert target(after_it, "next") is None
    assert target(before_it, "prev") is None
    to_the_left, to_the_right = target(after_it, "prev"), target(before_it, "next")
    assert to_the_left is not None
    assert to_the_right is not None
    assert ids((await caller.get(to_the_left)).json) == names[2:4]
    assert ids((await caller.get(to_the_right)).json) == names[2:4]


@pytest.mark.parametrize("place", ["after=f_________8", "before=AAAAAAAAAAA"])
async def test_a_place_beyond_either_end_is_empty(doors: Doors, place: str) -> None:
    caller = await doors.tenant()
    await several(caller, 2)

    answer = await caller.get(f"{BASE}?page_number=2&{place}")

    assert (answer.status, ids(answer.json)) == (200, [])


# While others make and delete --------------------------------------------------------------


@pytest.fixture
async def both(sqlite_url: str, postgres_url: str) -> AsyncIterator[list[Doors]]:
    async with opened(sqlite_url) as sqlite, opened(postgres_url) as postgres:
        yield [sqlite, postgres]


meanwhile = st.lists(
    st.lists(st.none() | st.integers(0, 30), max_size=4),
    max_size=12,
)
"""What others do between one page and the next, or while it is read: make one (None), or delete
one of those there."""


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    amount=st.integers(0, 9),
    size=st.integers(1, 4),
    along=st.sampled_from(["next", "prev"]),
    acts=meanwhile,
    is_at_once=st.booleans(),
)
async def test_a_walk_shows_each_surviving_account_once_whatever_others_do(
    both: list[Doors],
    amount: int,
    size: int,
    along: str,
    acts: list[list[int | None]],
    *,
    is_at_once: bool,
) -> None:
    key = f"walk{next(_examples)}"
    for doors in both:
        caller = await doors.tenant(key)
        made = [f"{key}-{number}" for number in range(amount)]
        for name in made:
            await page(caller, name)
        there = list(made)
        beyond = "&before=f_________8" if along == "prev" else ""
        at: str | None = f"{BASE}?page_size={size}{beyond}"
        shown: list[str] = []
        others = iter(acts)
        meant: list[Awaitable[Answer]] = []
        while at is not None:
            answer, *_ = await asyncio.gather(caller.get(at), *meant)
            shown += ids(answer.json)
            at = target(answer.json, along)
            meant = []
            for act in next(others, []):
                if act is None:
                    name = f"{key}-{len(made)}"
                    made.append(name)
                    there.append(name)
                    meant.append(page(caller, name))
                elif there:
                    name = there.pop(act % len(there))
                    meant.append(caller.ask("DELETE", f"{BASE}/messenger/{name}"))
            if not is_at_once or at is None:
                await asyncio.gather(*meant)
                meant = []

        survivors = {name for name in there if name in made[:amount]}
        assert len(shown) == len(set(shown))
        assert survivors <= set(shown) <= set(made)
