"""What is remembered of URLs stays within bounds, and so does the reading of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from afterwards import replaying_in
from databases import change, look
from dispatching import LIMITS, bring, dispatching, until_nothing_is_left, until_recorded
from jackfield.clock import FOREVER, Moment, after
from jackfield.deliveries import Attempt, Outcome
from jackfield.delivery import gates as gates_module
from jackfield.delivery import remembered
from jackfield.delivery.destinations import FAILURES_TO_OPEN, Breaker, Destination, Paused
from jackfield.delivery.gates import Gates
from jackfield.delivery.lanes import Lanes
from jackfield.delivery.records import Selection
from jackfield.delivery.supply import SURVEY_PAUSE, Supply
from jackfield.keeping.retention import Retention, Spans
from jackfield.storage import deliveries, destinations
from jackfield.storage.opening import OpenStore
from jackfield.storage.unused_urls import AT_ONCE, URLS
from receiver import Received, Receiver
from world import Clock, World, said

ACME = "acme0001"
DAY = timedelta(days=1)
REFUSED = Attempt(tried=1, started_at=Moment(7), milliseconds=1, outcome=Outcome.FAILED)
SPANS = Spans(messages=FOREVER, dead=FOREVER, attempts=FOREVER)


async def remembered_urls(database_url: str) -> list[str]:
    rows = await look(database_url, "SELECT url FROM destinations ORDER BY url")
    return [url for (url,) in rows]


async def copy_to(world: World, database_url: str, url: str) -> None:
    """Send a copy of a message that is held to a test URL."""
    await world.tenant()
    await world.hear(said("hello", to=await world.page()))
    ((original,),) = await look(database_url, "SELECT id FROM deliveries")
    await replaying_in(world).one(original, among=Selection(api_key=ACME), to=url)


async def wait(_: Received) -> int:
    """Answer that it is too much for now."""
    return 429


async def test_a_copy_that_is_answered_410_is_dead_and_its_url_is_not_paused(
    world: World, database_url: str
) -> None:
    async def gone(_: Received) -> int:
        return 410

    async with Receiver(gone) as trial:
        await copy_to(world, database_url, trial.url)
        async with dispatching(world):
            await until_nothing_is_left(world)

    copies = "SELECT d.state, a.outcome FROM deliveries d JOIN attempts a ON a.delivery_id = d.id"
    assert await look(database_url, copies) == [("dead", "gone")]
    assert await remembered_urls(database_url) == []


async def test_nothing_is_kept_of_a_test_url_that_wants_time(
    world: World, database_url: str
) -> None:
    async with Receiver(wait) as trial:
        await copy_to(world, database_url, trial.url)
        async with dispatching(world):
            await until_recorded(world, 1)

    assert await remembered_urls(database_url) == []


async def test_what_a_copy_learns_of_a_url_that_an_application_has_is_kept(
    world: World, database_url: str
) -> None:
    async with Receiver(wait) as trial:
        await copy_to(world, database_url, trial.url)
        await world.application(trial.url)
        async with dispatching(world):
            await until_recorded(world, 1)

    query = "SELECT url, not_before > 0 FROM destinations"
    assert await look(database_url, query) == [(trial.url, True)]


async def test_a_copy_that_finds_a_url_back_that_was_down_is_remembered(
    world: World, database_url: str
) -> None:
    async with Receiver() as trial:
        await copy_to(world, database_url, trial.url)
        down = Destination(breaker=Breaker.OPEN, failures=3)
        await world.store.commit(destinations.remember(ACME, trial.url, down))
        async with dispatching(world):
            await until_nothing_is_left(world)

    assert await look(database_url, "SELECT breaker FROM destinations") == [("closed",)]


async def pause(world: World, *urls: str, at: Moment) -> None:
    for url in urls:
        work = destinations.pause(ACME, url, because=Paused.REQUESTED, now=at)
        await world.store.commit(work)


async def test_what_is_remembered_is_read_in_pages_and_as_a_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "KNOWN_AT_ONCE", 2)
    await world.tenant()
    await pause(world, *"abcde", at=Clock()())

    pages = [list(page) async for page in remembered.pages_of(world.store, destinations)]

    assert pages == [[(ACME, url) for url in page] for page in ("ab", "cd", "e")]


async def forget(store: OpenStore, clock: Clock) -> int:
    one = Retention(store, [URLS], spans=SPANS, clock=clock, pause=timedelta())
    return await one.walk(URLS)


async def test_urls_that_nobody_has_any_more_are_forgotten_after_a_day(
    world: World, store: OpenStore, database_url: str
) -> None:
    clock = Clock()
    await world.tenant(inbound_url="https://own.example/in")
    application = await world.application("https://desk.example/in")
    await change(
        database_url,
        "UPDATE applications SET status_url = 'https://desk.example/status' "  # noqa: S608 -- our own
        f"WHERE id = '{application.id}'",
    )
    await change(database_url, "UPDATE tenants SET status_url = 'https://own.example/status'")
    used = [
        f"https://{who}.example/{what}" for who in ("desk", "own") for what in ("in", "status")
    ]
    old = [f"https://old.example/{n:03}" for n in range(2 * AT_ONCE + 1)]
    await pause(world, *used, *old, at=clock())
    clock.advance(DAY)
    await pause(world, "https://young.example/", at=clock())

    too_early = await forget(store, clock)
    clock.advance(timedelta(milliseconds=1))
    gone = await forget(store, clock)

    assert (too_early, gone) == (0, len(old))
    assert await remembered_urls(database_url) == [*used, "https://young.example/"]


async def test_a_paused_test_url_is_remembered_while_a_copy_waits_for_it(
    world: World, store: OpenStore, database_url: str
) -> None:
    clock = Clock()
    await copy_to(world, database_url, "https://trial.example/")
    await pause(world, "https://trial.example/", at=clock())
    clock.advance(2 * DAY)

    while_it_waits = await forget(store, clock)
    await change(database_url, "DELETE FROM pending")

    assert (while_it_waits, await forget(store, clock)) == (0, 1)


async def test_a_url_that_was_forgotten_while_it_was_paused_is_called_again(
    world: World, database_url: str
) -> None:
    clock = Clock()
    url = "https://desk.example/in"
    await world.tenant()
    page = await world.page(application=await world.application(url))
    await pause(world, url, at=clock())
    await world.hear(said("0", to=page), at=clock())
    lanes = Lanes(slots=32)
    supply = Supply(world.store, deliveries, destinations, limits=LIMITS, clock=clock)
    await bring(supply, lanes)
    while_paused = lanes.next(clock())
    await change(database_url, "DELETE FROM destinations")

    clock.advance(timedelta(minutes=1) + SURVEY_PAUSE)
    await bring(supply, lanes)

    assert while_paused is None
    assert lanes.next(clock()) is not None


def test_gates_of_urls_that_are_forgotten_are_dropped_whatever_is_wrong_with_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gates_module, "GATES_KEPT", 1)
    gates = Gates(LIMITS)
    down = Destination(breaker=Breaker.OPEN, not_before=after(Moment(0), DAY))
    gates.learn({(ACME, "kept"): down, (ACME, "used"): down, (ACME, "forgotten"): down})
    there = {url: gates.of(ACME, url) for url in ("kept", "used", "forgotten", "just now")}
    for at in range(FAILURES_TO_OPEN):
        there["just now"].begin()
        there["just now"].end(REFUSED, conversation=at, now=Moment(7))

    gates.forget_idle({there["used"]}, {(ACME, "kept")}, since=Moment(7))

    assert gates.of(ACME, "kept") is there["kept"]
    assert gates.of(ACME, "used") is there["used"]
    assert gates.of(ACME, "just now") is there["just now"]
    assert gates.of(ACME, "forgotten") is not there["forgotten"]
