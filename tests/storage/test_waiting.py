"""What waits is found with its reason and since when, in indexes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from business import ACTS, Business
from databases import change
from jackfield.applications import Application
from jackfield.clock import Moment, after
from jackfield.keeping.watch import Sight
from jackfield.metrics import Waiting
from jackfield.storage import waiting
from jackfield.storage.opening import OpenStore
from world import Clock, World, said

NOW = Moment(1_700_000_000_000)
THEN = after(NOW, timedelta(hours=-3))
EARLIER = after(NOW, timedelta(hours=-9))
SOON = after(NOW, timedelta(minutes=5))
URL = "https://desk.example/in"
OWN_URL = "https://acme.example/in"


@pytest.fixture
async def desk(world: World) -> Application:
    await world.tenant()
    return await world.application(URL)


async def look(store: OpenStore) -> Sight:
    return await store.survey(waiting.sight(NOW))


async def trouble(
    database_url: str, url: str = URL, *, paused: str = "NULL", breaker: str = "closed"
) -> None:
    """Let a URL of the tenant's be in trouble until soon; a paused one was paused long ago."""
    await change(
        database_url,
        "INSERT INTO destinations (api_key, url, paused_at, breaker, failures, not_before) "  # noqa: S608 -- our own words
        f"VALUES ('acme0001', '{url}', {paused}, '{breaker}', 3, {SOON})",
    )


async def test_where_nothing_waits_nothing_is_seen(store: OpenStore, desk: Application) -> None:
    assert await look(store) == Sight({}, {})


async def test_what_is_due_is_ready_since_then_and_what_is_not_has_failed_before(
    world: World, store: OpenStore, desk: Application, database_url: str
) -> None:
    page = await world.page(application=desk)
    other = await world.page("3", application=await world.application("https://other.example/"))
    await world.hear(said("failed first", to=page, by="1"), at=EARLIER)
    await world.hear(said("failed", to=page, by="2"), said("waits", to=page, by="2"), at=THEN)
    await change(database_url, f"UPDATE pending SET tries = 3, due_at = {SOON}")  # noqa: S608 -- our own number
    await change(
        database_url,
        "UPDATE pending SET due_at = NULL, tries = 0 "
        "WHERE number = (SELECT max(number) FROM pending)",
    )
    only_failed = await look(store)
    await world.hear(said("due", to=page, by="3"), at=THEN)
    await world.hear(said("due before", to=other, by="3"), at=after(THEN, timedelta(seconds=-1)))

    seen = await look(store)

    assert only_failed.since == {Waiting.BACKOFF: EARLIER}
    assert seen.since == {
        Waiting.BACKOFF: EARLIER,
        Waiting.READY: after(THEN, timedelta(seconds=-1)),
    }


async def test_a_retry_that_is_due_is_ready_since_it_was_due(
    world: World, store: OpenStore, desk: Application, database_url: str
) -> None:
    page = await world.page(application=desk)
    await world.hear(said("failed first", to=page), at=EARLIER)
    await change(database_url, f"UPDATE pending SET tries = 3, due_at = {THEN}")  # noqa: S608 -- our own number

    assert (await look(store)).since == {Waiting.READY: THEN}


@pytest.mark.parametrize(
    ("reason", "paused", "breaker"),
    [
        (Waiting.THROTTLED, "NULL", "closed"),
        (Waiting.BREAKER, "NULL", "open"),
        (Waiting.PAUSED, "5", "closed"),
        (Waiting.PAUSED, "5", "open"),
    ],
)
async def test_what_waits_for_a_url_in_trouble_waits_for_that_since_it_came(
    world: World,
    store: OpenStore,
    desk: Application,
    database_url: str,
    *,
    reason: Waiting,
    paused: str,
    breaker: str,
) -> None:
    page = await world.page(application=desk)
    sound = await world.page("3", application=await world.application("https://other.example/"))
    await world.hear(said("tried", to=page, by="1"), at=EARLIER)
    await change(database_url, f"UPDATE pending SET tries = 1, due_at = {THEN}")  # noqa: S608 -- our own number
    await world.hear(said("new", to=page, by="2"), at=THEN)
    await world.hear(said("not its", to=sound, by="2"), at=THEN)

    await trouble(database_url, paused=paused, breaker=breaker)

    assert (await look(store)).since == {reason: EARLIER, Waiting.READY: THEN}


async def test_a_throttle_that_is_over_throttles_nothing(
    world: World, store: OpenStore, desk: Application, database_url: str
) -> None:
    page = await world.page(application=desk)
    await world.hear(said("new", to=page), at=THEN)
    await trouble(database_url)
    await change(database_url, f"UPDATE destinations SET not_before = {NOW}")  # noqa: S608 -- our own number

    assert (await look(store)).since == {Waiting.READY: THEN}


async def test_the_tenants_own_url_may_be_in_trouble_too(
    world: World, store: OpenStore, database_url: str
) -> None:
    await world.tenant(inbound_url=OWN_URL)
    await world.tenant("globex01", inbound_url=OWN_URL)
    mine = await world.page()
    theirs = await world.page("3", api_key="globex01")
    await world.hear(said("mine", to=mine), at=EARLIER)
    await world.hear(said("theirs", to=theirs), at=THEN)

    await trouble(database_url, OWN_URL, breaker="open")

    assert (await look(store)).since == {Waiting.BREAKER: EARLIER, Waiting.READY: THEN}


async def test_what_waits_for_somebody_is_seen_since_it_came(
    world: World, store: OpenStore
) -> None:
    clock = Clock(EARLIER)
    business = Business(world, store, clock)
    await business.open()
    for _ in range(2):
        await ACTS["hear two"](business)
        await ACTS["hear strange things"](business)
        clock.time = THEN

    seen = await look(store)

    wanted = (Waiting.HELD, Waiting.UNREAD, Waiting.UNKNOWN)
    assert {reason: seen.since[reason] for reason in wanted} == dict.fromkeys(wanted, EARLIER)


async def test_urls_are_counted_by_their_state(
    store: OpenStore, desk: Application, database_url: str
) -> None:
    for n, (paused, breaker) in enumerate(
        [("NULL", "closed"), ("NULL", "open"), ("NULL", "open"), ("5", "open"), ("5", "closed")],
    ):
        url = f"https://desk.example/{n}"
        await trouble(database_url, url, paused=paused, breaker=breaker)

    assert (await look(store)).endpoints == {"closed": 1, "open": 2, "paused": 2}


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ("_FIRST", "INDEX ix_pending_first"),
        ("_AGAIN", "INDEX ix_pending_again"),
        ("_OLDEST_HELD", "INDEX ix_deliveries_held"),
        ("_OLDEST_KEPT", "INDEX ix_inbound_bodies_kind_id"),
    ],
)
def test_no_table_is_read_to_its_end_for_it(sqlite_url: str, statement: str, index: str) -> None:
    text, constants = getattr(waiting, statement).sqlite
    values = dict(constants) | {"now": NOW, "kind": "unread", "limit": 1}

    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {text}", values).fetchall()

    assert index in str(plan)
