"""Looks over deliveries: each once, newest or oldest first, never further than a range."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from databases import look
from jackfield.accounts import Account, Provider
from jackfield.clock import Moment, after, now
from jackfield.delivery import records
from jackfield.delivery.records import DeliveryLine, Selection, State
from jackfield.storage import delivery_pages, delivery_records, held
from jackfield.storage.dialects import Prepared
from world import World, said

ACME = Selection(api_key="acme0001")


REACH = 3
"""So short that a few messages are many."""


async def newest(world: World, selection: Selection, *, limit: int = 2) -> list[DeliveryLine]:
    """Return all that a walk finds."""
    found: list[DeliveryLine] = []
    before = None
    while True:
        page = await world.store.read(
            delivery_pages.newest(selection, before=before, limit=limit, reach=REACH),
        )
        assert len(page.lines) <= limit
        found += page.lines
        if page.goes_on_at is None:
            return found
        assert before is None or page.goes_on_at < before
        before = page.goes_on_at


async def oldest(world: World, selection: Selection, *, limit: int = 2) -> list[DeliveryLine]:
    found: list[DeliveryLine] = []
    until, at = await world.store.read(delivery_pages.last()), 0
    while True:
        page = await world.store.read(
            delivery_pages.oldest(selection, after=at, until=until, limit=limit, reach=REACH),
        )
        assert len(page.lines) <= limit
        found += page.lines
        if page.goes_on_at is None:
            return found
        assert page.goes_on_at > at
        at = page.goes_on_at


async def count(world: World, selection: Selection) -> int:
    found = 0
    until, at = await world.store.read(delivery_pages.last()), 0
    while True:
        counted = await world.store.read(
            delivery_pages.count(selection, after=at, until=until, reach=REACH)
        )
        found += counted.count
        if counted.goes_on_at is None:
            return found
        at = counted.goes_on_at


async def ids(database_url: str, where: str) -> list[str]:
    query = f"SELECT id FROM deliveries WHERE {where} ORDER BY number"  # noqa: S608 -- our own words
    return [delivery_id for (delivery_id,) in await look(database_url, query)]


async def several(world: World) -> tuple[Account, Account]:
    """Let two accounts of one tenant and one of another hear things, some held and some dead."""
    await world.tenant()
    await world.tenant("zenith01")
    desk = await world.application("https://desk.example/in")
    theirs = await world.application("https://zenith.example/in", api_key="zenith01")
    linked = await world.page("2001", application=desk)
    unlinked = await world.page("2002")
    other = await world.page("2003", application=theirs, api_key="zenith01")
    for n in range(5):
        await world.hear(
            said(f"a{n}", to=linked), said(f"b{n}", to=unlinked), said(f"c{n}", to=other)
        )
    soon = after(now(), timedelta(seconds=1))
    await world.store.commit(held.expire(accepted_before=soon, now=soon, limit=2))
    return linked, unlinked


async def test_every_delivery_of_a_tenant_is_seen_once_whichever_way(
    world: World, database_url: str
) -> None:
    await several(world)
    wanted = await ids(database_url, "api_key = 'acme0001'")

    downward, upward = await newest(world, ACME), await oldest(world, ACME)

    assert [line.id for line in upward] == wanted
    assert [line.id for line in downward] == wanted[::-1]
    assert await count(world, ACME) == len(wanted) == 10


@pytest.mark.parametrize(
    ("narrow", "where"),
    [
        ({"state": State.DEAD}, "state = 'dead'"),
        ({"state": State.HELD}, "state = 'held'"),
        ({"state": State.PENDING}, "state = 'pending'"),
        ({"provider": "messenger", "external_id": "2002"}, "account_id = 2"),
        (
            {"provider": "messenger", "external_id": "2002", "state": State.HELD},
            "account_id = 2 AND state = 'held'",
        ),
        (
            {"provider": "messenger", "external_id": "2003", "state": State.HELD},
            "1 = 0",
        ),
        ({"provider": "whatsapp"}, "1 = 0"),
        ({"reason": "unlinked"}, "held_because = 'unlinked'"),
        ({"reason": "unlinked", "state": State.DEAD}, "state = 'dead'"),
        ({"application_id": "nobody's"}, "1 = 0"),
    ],
)
async def test_a_listing_is_narrowed(
    world: World, database_url: str, narrow: dict[str, Any], where: str
) -> None:
    await several(world)
    selection = Selection(api_key="acme0001", **narrow)

    wanted = await ids(database_url, f"api_key = 'acme0001' AND {where}")

    assert [line.id for line in await oldest(world, selection)] == wanted
    assert [line.id for line in await newest(world, selection)] == wanted[::-1]
    assert await count(world, selection) == len(wanted)


async def test_an_operator_looks_at_every_tenants(world: World, database_url: str) -> None:
    await several(world)

    everything = await oldest(world, Selection())
    dead = await oldest(world, Selection(state=State.DEAD))

    assert [line.id for line in everything] == await ids(database_url, "1 = 1")
    assert {line.api_key for line in everything} == {"acme0001", "zenith01"}
    assert [line.id for line in dead] == await ids(database_url, "state = 'dead'")


async def test_a_line_says_whose_it_is_and_why_it_waits(world: World) -> None:
    await several(world)

    lines = await newest(world, ACME)

    assert {(line.provider, line.external_id) for line in lines} == {
        ("messenger", "2001"),
        ("messenger", "2002"),
    }
    assert {(line.state, line.reason) for line in lines} == {
        (State.PENDING, None),
        (State.HELD, "unlinked"),
        (State.DEAD, "unlinked"),
    }


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(minutes=st.tuples(st.integers(-30, 700), st.integers(-30, 700)))
async def test_times_narrow_exactly_although_they_are_found_by_halving(
    world: World, database_url: str, minutes: tuple[int, int]
) -> None:
    if not await ids(database_url, "1 = 1"):
        await world.tenant()
        page = await world.page(application=await world.application("https://desk.example/in"))
        for n in range(40):
            # One process's clock is some minutes behind the other's.
            at = _at(n * 17 - (25 if n % 2 else 0))
            await world.hear(said(str(n), to=page), at=at)
    since, until = _at(minutes[0]), _at(minutes[1])
    where = f"accepted_at >= {since} AND accepted_at < {until}"

    found = await oldest(world, Selection(api_key="acme0001", since=since, until=until))

    assert [line.id for line in found] == await ids(database_url, where)


def _at(minutes: int) -> Moment:
    return after(Moment(1_800_000_000_000), timedelta(minutes=minutes))


async def test_one_look_walks_over_a_range_only(world: World) -> None:
    await world.tenant()
    page = await world.page(application=await world.application("https://desk.example/in"))
    await world.hear(*[said(str(n), to=page) for n in range(10)])
    dead = Selection(api_key="acme0001", reason="nothing has this one")

    page_of_none = await world.store.read(
        delivery_pages.newest(dead, before=None, limit=5, reach=REACH)
    )

    assert page_of_none.lines == []
    assert page_of_none.goes_on_at == 8  # of ten, the newest three were looked at


async def test_what_is_known_of_one_delivery(world: World, database_url: str) -> None:
    linked, _ = await several(world)
    await world.hear(said("behind", to=linked))
    pending = (await ids(database_url, f"account_id = {linked.id}"))[0]

    details = await world.store.read(delivery_records.find(pending))

    assert details is not None
    assert (details.line.id, details.line.state) == (pending, State.PENDING)
    assert (details.person, details.link_version) == ("700000000000007", 1)
    assert details.attempts == []
    assert records.waits_for(details, now=now()) == "due"
    assert await world.store.read(delivery_records.find("nothing")) is None


async def test_accounts_of_all_kinds_are_found_by_their_id(world: World) -> None:
    await world.tenant()
    number = await world.page("447700900123", provider=Provider.WHATSAPP)
    page = await world.page("447700900123")
    await world.hear(said("to the number", to=number), said("to the Page", to=page))

    lines = await newest(
        world, Selection(api_key="acme0001", provider="whatsapp", external_id="447700900123")
    )

    assert [line.provider for line in lines] == ["whatsapp"]


@pytest.mark.parametrize(
    ("names", "index"),
    [
        ({"api_key"}, "ix_deliveries_api_key_number"),
        ({"api_key", "reason", "provider", "external_id"}, "ix_deliveries_api_key_number"),
        ({"api_key", "dead"}, "ix_deliveries_dead"),
        ({"held"}, "ix_deliveries_held"),
        ({"own_held"}, "ix_deliveries_held"),
        (set(), "INTEGER PRIMARY KEY"),
    ],
)
def test_every_look_finds_its_range_in_an_index(
    sqlite_url: str, names: set[str], index: str
) -> None:
    path = sqlite_url.removeprefix("sqlite:///")
    asked = frozenset(names)

    plans = [
        plan_of(path, prepared)
        for is_upward in (True, False)
        for prepared in (
            delivery_pages._page(asked, is_upward=is_upward),  # noqa: SLF001 -- a plan is nobody else's affair
            delivery_pages._span(asked & delivery_pages._WALKED, is_upward=is_upward),  # noqa: SLF001 -- the same
        )
    ]

    for plan in plans:
        (walked,) = [step for step in plan if step.startswith(("SEARCH deliveries", "SCAN deliv"))]
        assert walked.startswith("SEARCH")
        assert index in walked


def plan_of(path: str, prepared: Prepared) -> list[str]:
    """Return the steps that SQLite takes to find what a statement asks for."""
    text, constants = prepared.sqlite
    values = dict.fromkeys(re.findall(r":(\w+)", text)) | dict(constants)
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {text}", values)
        return [str(row[3]) for row in rows]
