"""What is old enough goes, and nothing that anybody still waits for."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from business import ACTS, Business
from databases import change, look
from jackfield.clock import FOREVER, Moment
from jackfield.inbound import known_by
from jackfield.keeping.retention import (
    HOURLY,
    SHORTEST_MEMORY,
    SLICE,
    Cutoffs,
    Look,
    Retention,
    Shelf,
    Spans,
    cutoffs,
)
from jackfield.problems import Unavailable
from jackfield.storage import shelves
from jackfield.storage.opening import OpenStore
from jackfield.storage.shelves import SHELVES
from jackfield.units import Steps, unit
from world import World, said

A_MONTH = timedelta(days=30)
SPANS = Spans(messages=A_MONTH, dead=A_MONTH, attempts=timedelta(days=7))


@pytest.fixture
async def business(world: World, store: OpenStore) -> Business:
    return await Business(world, store).open()


def retention_of(business: Business, spans: Spans = SPANS) -> Retention:
    return Retention(business.store, SHELVES, spans=spans, clock=business.clock, pause=timedelta())


async def let_go(business: Business, spans: Spans = SPANS) -> dict[str, int]:
    """Walk over every shelf; return how many of each went, if any."""
    retention = retention_of(business, spans)
    gone: dict[str, int] = {}
    for shelf in SHELVES:
        gone[shelf.name] = await retention.walk(shelf)
    assert (await business.balance()).difference == 0
    return {name: number for name, number in gone.items() if number}


async def rows(database_url: str) -> dict[str, int]:
    """Return how many rows there are of each table that retention touches."""
    names = ("messages", "deliveries", "pending", "attempts", "inbound_bodies")
    counts = {}
    for name in (*names, "provider_message_ids"):
        ((counts[name],),) = await look(database_url, f"SELECT count(*) FROM {name}")  # noqa: S608 -- our own
    return counts


async def test_a_delivered_message_goes_after_a_month_with_its_delivery_and_its_attempts(
    business: Business, database_url: str
) -> None:
    await business.world.hear(said("old", to=business.heard, by="1"), at=business.clock())
    await ACTS["deliver"](business)
    business.clock.advance(timedelta(days=1))
    await business.world.hear(said("young", to=business.heard, by="2"), at=business.clock())
    await ACTS["deliver"](business)
    business.clock.advance(A_MONTH - timedelta(days=1))

    too_early = await let_go(business, Spans(messages=A_MONTH, dead=A_MONTH, attempts=FOREVER))
    business.clock.advance(timedelta(milliseconds=1))
    gone = await let_go(business, Spans(messages=A_MONTH, dead=A_MONTH, attempts=FOREVER))

    assert (too_early, gone) == ({}, {"deliveries": 1})
    assert await rows(database_url) == {
        "messages": 1,
        "deliveries": 1,
        "pending": 0,
        "attempts": 1,
        "inbound_bodies": 0,
        "provider_message_ids": 2,
    }


async def test_what_waits_for_anybody_stays_however_old_it_is(
    business: Business, database_url: str
) -> None:
    for name in ("hear two", "hear strange things"):
        await ACTS[name](business)
    await change(database_url, "DELETE FROM inbound_bodies WHERE kind = 'unknown'")
    await change(database_url, "INSERT INTO totals VALUES ('discarded', 'by hand', 1)")
    before = await rows(database_url)
    business.clock.advance(timedelta(days=10_000))

    gone = await let_go(business)

    assert gone == {"known events": 4}
    assert await rows(database_url) == before | {"provider_message_ids": 0}


async def test_a_dead_message_goes_a_month_after_it_died_and_is_counted_as_discarded(
    business: Business, database_url: str
) -> None:
    await business.world.hear(said("hello", to=business.heard), at=business.clock())
    business.clock.advance(A_MONTH)
    await ACTS["give up"](business)
    business.clock.advance(A_MONTH)

    too_early = await let_go(business)
    business.clock.advance(timedelta(milliseconds=1))
    gone = await let_go(business)

    balance = await business.balance()
    assert (too_early, gone) == ({"known events": 1}, {"deliveries": 1})
    assert (balance.accepted, balance.dead, balance.discarded) == (1, 0, 1)
    assert Counter(await rows(database_url)).total() == 0


async def test_what_was_written_to_nobodys_account_goes_like_the_dead_but_not_what_is_unread(
    business: Business, database_url: str
) -> None:
    await ACTS["hear strange things"](business)
    await ACTS["hear again"](business)
    kinds = "SELECT kind FROM inbound_bodies ORDER BY kind"
    before = await look(database_url, kinds)
    business.clock.advance(A_MONTH + timedelta(milliseconds=1))

    gone = await let_go(business)

    assert before == [("differs",), ("unknown",), ("unread",)]
    assert gone["kept pieces"] == 2
    assert await look(database_url, kinds) == [("unread",)]
    assert (await business.balance()).discarded == 2


async def test_attempts_go_after_a_week_but_those_that_say_why_it_is_not_delivered(
    business: Business, database_url: str
) -> None:
    await business.world.hear(
        *[said("hello", to=business.heard, by=str(n)) for n in range(3)], at=business.clock()
    )
    await ACTS["deliver"](business)
    await ACTS["give up"](business)
    await ACTS["set aside"](business)
    business.clock.advance(timedelta(days=7, milliseconds=1))

    gone = await let_go(business)

    assert gone == {"attempts": 1}
    assert await look(
        database_url,
        "SELECT d.state FROM attempts a JOIN deliveries d ON d.id = a.delivery_id "
        "ORDER BY d.state",
    ) == [("dead",), ("pending",)]


async def test_an_event_that_comes_again_is_known_after_its_message_is_gone(
    business: Business,
) -> None:
    spans = Spans(messages=timedelta(hours=1), dead=A_MONTH, attempts=A_MONTH)
    short = Spans(messages=timedelta(hours=1), dead=timedelta(hours=1), attempts=A_MONTH)
    event = said("hello", to=business.heard, key="again")
    await business.world.hear(event, at=business.clock())
    await ACTS["deliver"](business)
    business.clock.advance(SHORTEST_MEMORY)

    gone = await let_go(business, short)
    again = await business.world.hear(event, at=business.clock())
    business.clock.advance(timedelta(milliseconds=1))
    still = await let_go(business, spans)
    forgotten = await let_go(business, short)

    assert (gone, again.repeated) == ({"deliveries": 1}, 1)
    assert (still, forgotten) == ({}, {"known events": 1})


async def test_of_the_keys_in_one_slice_only_the_old_ones_go(
    business: Business, database_url: str
) -> None:
    await business.world.hear(said("old", to=business.unheard, key="m2"), at=business.clock())
    business.clock.advance(timedelta(days=1))
    await business.world.hear(
        said("young", to=business.unheard, key="m1"),
        said("young", to=business.unheard, key="m3"),
        at=business.clock(),
    )
    business.clock.advance(A_MONTH + timedelta(milliseconds=1))

    gone = await let_go(business)

    assert gone == {"known events": 1}
    assert await look(
        database_url, "SELECT event_key FROM provider_message_ids ORDER BY event_key"
    ) == sorted([(known_by("m1"),), (known_by("m3"),)])


async def test_copies_that_were_sent_for_a_test_take_no_message_with_them(
    business: Business, database_url: str
) -> None:
    await business.world.hear(said("hello", to=business.unheard), at=business.clock())
    await change(
        database_url,
        "INSERT INTO deliveries (id, kind, message_id, api_key, account_id, person, state, "
        "accepted_at) SELECT 'copy', 'test', message_id, api_key, account_id, person, "
        "'delivered', accepted_at FROM deliveries",
    )
    business.clock.advance(A_MONTH * 2)

    gone = await let_go(business, Spans(messages=A_MONTH, dead=A_MONTH, attempts=FOREVER))

    assert gone == {"deliveries": 1, "known events": 1}
    assert await look(database_url, "SELECT state FROM deliveries") == [("held",)]
    assert (await rows(database_url))["messages"] == 1


async def test_what_stays_among_old_rows_hides_none_of_those_that_go(
    business: Business, database_url: str
) -> None:
    many = SLICE + 20
    await business.world.hear(
        *[said("stays", to=business.unheard, by=str(n)) for n in range(many)],
        at=business.clock(),
    )
    await business.world.hear(
        *[said("goes", to=business.heard, by=str(n)) for n in range(many)], at=business.clock()
    )
    await change(database_url, "DELETE FROM pending")
    await change(database_url, "UPDATE deliveries SET state = 'delivered' WHERE state = 'pending'")
    await change(
        database_url,
        f"INSERT INTO totals (name, scope, count) VALUES ('delivered', 'by hand', {many})",  # noqa: S608 -- our own
    )
    business.clock.advance(A_MONTH * 2)

    gone = await let_go(business)

    assert gone == {"deliveries": many, "known events": many * 2}
    assert (await rows(database_url))["messages"] == many


async def test_what_is_kept_for_ever_is(business: Business, database_url: str) -> None:
    for name in ("hear two", "hear strange things", "deliver", "give up"):
        await ACTS[name](business)
    before = await rows(database_url)
    business.clock.advance(timedelta(days=30_000))

    gone = await let_go(business, Spans(messages=FOREVER, dead=FOREVER, attempts=FOREVER))

    assert gone == {}
    assert await rows(database_url) == before


async def test_a_walk_goes_no_further_than_what_may_be_old_enough(business: Business) -> None:
    await business.world.hear(
        *[said("young", to=business.unheard, by=str(n)) for n in range(SLICE * 2 + 1)],
        at=business.clock(),
    )
    limits = cutoffs(SPANS, now=business.clock())

    first = await business.store.survey(shelves.DELIVERIES.look(0, limits, SLICE))

    assert first == Look(None, 0)


spans_of = st.one_of(st.just(FOREVER), st.timedeltas(timedelta(seconds=1), timedelta(days=3650)))


@given(st.builds(Spans, messages=spans_of, dead=spans_of, attempts=spans_of))
def test_a_key_outlives_its_message_and_every_repeat(spans: Spans) -> None:
    assert spans.keys >= SHORTEST_MEMORY
    assert spans.keys > spans.messages or spans.messages == FOREVER
    assert spans.dead == FOREVER or spans.keys > spans.dead or spans.keys == FOREVER


@given(
    st.builds(Spans, messages=spans_of, dead=spans_of, attempts=spans_of),
    st.integers(0, 2**45).map(Moment),
)
def test_every_cutoff_fits_into_a_column(spans: Spans, now: Moment) -> None:
    found = cutoffs(spans, now=now)

    for cutoff in (found.messages, found.dead, found.attempts, found.keys):
        assert -(2**63) < cutoff < now


# The walk by itself ----------------------------------------------------------------------------


def shelf(name: str, walks: list[str], errors: Sequence[Exception] = ()) -> Shelf[int]:
    """Return an empty shelf that notes each walk, and meets with these errors first."""
    left = list(errors)

    @unit
    def look(_place: int, _cutoffs: Cutoffs, _limit: int) -> Steps[Look[int]]:
        walks.append(name)
        if left:
            raise left.pop(0)
        yield from ()
        return Look(None, 0)

    @unit
    def clear(_place: int, _upto: int, _cutoffs: Cutoffs) -> Steps[int]:
        yield from ()
        raise AssertionError

    every = timedelta(milliseconds=1) if name == "often" else HOURLY
    return Shelf(name=name, start=0, every=every, look=look, clear=clear)


async def run_until(
    business: Business, walks: list[str], *, number: int, of: Sequence[Any]
) -> None:
    retention = Retention(business.store, of, spans=SPANS, clock=business.clock, pause=timedelta())
    retention.start()
    async with asyncio.timeout(20):
        while len(walks) < number:
            await asyncio.sleep(0.001)
    await retention.stop()


async def test_each_shelf_is_walked_over_at_its_own_pace(business: Business) -> None:
    walks: list[str] = []

    await run_until(business, walks, number=6, of=[shelf("seldom", walks), shelf("often", walks)])

    assert walks[:2] == ["seldom", "often"]
    assert set(walks[2:]) == {"often"}


async def test_trouble_with_one_shelf_holds_up_no_other(business: Business) -> None:
    walks: list[str] = []
    of = [
        shelf("away", walks, [Unavailable("away")]),
        shelf("broken", walks, [ZeroDivisionError()]),
        shelf("often", walks),
    ]

    with capture_logs() as logs:
        await run_until(business, walks, number=5, of=of)

    assert walks[:3] == ["away", "broken", "often"]
    assert [entry["event"] for entry in logs] == ["retention.store_unavailable", "retention.broke"]


async def test_a_running_retention_lets_go(business: Business, database_url: str) -> None:
    await business.world.hear(said("hello", to=business.heard), at=business.clock())
    await ACTS["deliver"](business)
    business.clock.advance(A_MONTH * 2)
    retention = retention_of(business)

    retention.start()
    async with asyncio.timeout(20):
        while Counter(await rows(database_url)).total():
            await asyncio.sleep(0.01)
    await retention.stop()

    assert (await business.balance()).delivered == 1
