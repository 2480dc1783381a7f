"""What else happens while a person is erased: releases, rebindings, replays, and new messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg
import pytest

from business import erase
from databases import change, look, open_store
from due import due
from jackfield.accounts import Account
from jackfield.deliveries import Attempt, Outcome
from jackfield.delivery.rebinding import Misplaced, move_slice
from jackfield.delivery.release import release_slice
from jackfield.keeping.erasure import Erasure, Found, Person
from jackfield.storage import books, deliveries, held, people, rebinding, replaying
from jackfield.storage.opening import OpenStore
from jackfield.storage.traces import DELIVERIES, TRAILS
from jackfield.units import alone
from taking_back import DESK, NOW, THEN, owed, release_all, take_back_what_is_nowhere, unlink
from world import World, said

Raw: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@dataclass
class Erasing:
    """Somebody who is being erased: what they said was found, and is not erased yet."""

    store: OpenStore
    person: Person
    found: Found

    async def go_on(self) -> None:
        await self.store.commit(DELIVERIES.erase(self.person, self.found.items, NOW))


async def begin(store: OpenStore, account: Account, address: str = "1") -> Erasing:
    person = await store.survey(people.find(account.provider, account.external_id, address))
    return Erasing(store, person, await store.survey(DELIVERIES.look(person, "")))


Move = Callable[[World, OpenStore], Awaitable[tuple[Account, Erasing]]]
"""Lets one message be found, and then stand elsewhere among what is to be done."""


async def released(world: World, store: OpenStore) -> tuple[Account, Erasing]:
    page = await world.page()
    await world.hear(said("old", to=page, by="1"), at=THEN)
    erasing = await begin(store, page)
    await world.link(page, await world.application(DESK))
    await release_all(world)
    return page, erasing


async def rebound(world: World, store: OpenStore) -> tuple[Account, Erasing]:
    desk = await world.application(DESK)
    page = await world.page(application=desk)
    await world.hear(said("old", to=page, by="1"), at=THEN)
    erasing = await begin(store, page)
    await unlink(world, page, desk)
    await world.link(page, await world.application(f"{DESK}/other"))
    which = Misplaced(api_key=None, application_id=desk.id)
    await store.commit(alone(move_slice(which, after=0, now=NOW, rebinds=rebinding)))
    await release_all(world)
    return page, erasing


async def put_back(world: World, store: OpenStore) -> tuple[Account, Erasing]:
    page = await world.page(application=await world.application(DESK))
    await world.hear(said("old", to=page, by="1"), at=THEN)
    (item,) = await due(store, NOW)
    await store.commit(deliveries.give_up(item, Attempt(1, NOW, 5, Outcome.FAILED), now=NOW))
    erasing = await begin(store, page)
    await store.commit(alone(replaying.put_back([item.subject], now=NOW)))
    return page, erasing


MOVES = pytest.mark.parametrize("move", [released, rebound, put_back])


@MOVES
async def test_what_moves_while_it_is_erased_is_not_to_be_done_any_more(
    world: World, store: OpenStore, database_url: str, move: Move
) -> None:
    await world.tenant()
    _, erasing = await move(world, store)

    await erasing.go_on()

    assert await look(database_url, "SELECT subject FROM pending") == []
    assert await look(database_url, "SELECT id FROM deliveries") == []
    assert await look(database_url, "SELECT id FROM messages") == []
    balance = await store.survey(books.balance())
    assert (balance.discarded, balance.difference) == (1, 0)


@MOVES
async def test_what_the_person_writes_then_waits_for_nothing_that_is_gone(
    world: World, store: OpenStore, database_url: str, move: Move
) -> None:
    await world.tenant()
    page, erasing = await move(world, store)
    await erasing.go_on()

    await world.hear(said("new", to=page, by="1"), at=THEN)

    waiting = await due(store, NOW)
    assert [item.is_head for item in waiting] == [True]
    assert [text for text, _ in await owed(database_url)] == ["new"]


@MOVES
async def test_who_waited_behind_what_had_moved_goes_on(
    world: World, store: OpenStore, database_url: str, move: Move
) -> None:
    await world.tenant()
    page, erasing = await move(world, store)
    await world.hear(said("another's", to=page, by="2"), at=THEN)
    # Two conversations may share a number.
    await change(
        database_url,
        "UPDATE pending SET due_at = NULL, "
        "conversation = (SELECT conversation FROM pending ORDER BY number LIMIT 1) "
        "WHERE number = (SELECT max(number) FROM pending)",
    )

    await erasing.go_on()

    (item,) = await due(store, NOW)
    waiting = f"SELECT person FROM deliveries WHERE id = '{item.subject}'"  # noqa: S608 -- its id
    assert await look(database_url, waiting) == [("2",)]


@MOVES
@pytest.mark.parametrize("outcome", [Outcome.DELIVERED, Outcome.FAILED, Outcome.REJECTED])
async def test_an_attempt_that_was_on_its_way_meanwhile_is_counted_nowhere(
    world: World, store: OpenStore, database_url: str, move: Move, outcome: Outcome
) -> None:
    await world.tenant()
    _, erasing = await move(world, store)
    (item,) = await due(store, NOW)
    attempt = Attempt(1, NOW, 5, outcome)

    await erasing.go_on()
    if outcome is Outcome.DELIVERED:
        await store.commit(deliveries.succeed(item, attempt, now=NOW))
    elif outcome is Outcome.REJECTED:
        await store.commit(deliveries.set_aside(item, attempt, due_at=NOW, now=NOW))
    else:
        await store.commit(deliveries.give_up(item, attempt, now=NOW))

    balance = await store.survey(books.balance())
    assert (balance.delivered, balance.discarded) == (0, 1)
    assert balance.difference == 0
    assert await look(database_url, "SELECT number FROM attempts") == []
    assert await look(database_url, "SELECT number FROM pending") == []


async def test_what_is_taken_back_while_it_is_erased_is_not_held_either(
    world: World, store: OpenStore, database_url: str
) -> None:
    await world.tenant()
    page = await world.page(application=await world.application(DESK))
    await world.hear(said("old", to=page, by="1"), at=THEN)
    erasing = await begin(store, page)
    await change(database_url, "UPDATE applications SET inbound_url = NULL")
    await take_back_what_is_nowhere(world)

    await erasing.go_on()

    assert await look(database_url, "SELECT state FROM deliveries") == []
    assert (await store.survey(books.balance())).difference == 0


# What arrives meanwhile -----------------------------------------------------------------------


async def test_what_arrives_while_a_person_is_erased_is_a_message_like_any_other(
    world: World, store: OpenStore, database_url: str
) -> None:
    await world.tenant()
    page = await world.page()
    await world.hear(said("old", to=page, by="1"), at=THEN)
    person = await store.survey(people.find(page.provider, page.external_id, "1"))
    erasure = Erasure(store, TRAILS, clock=lambda: NOW)
    place: str | None = ""
    new = []

    while place is not None:
        place = (await erasure.slice(person, place=place, is_rehearsal=False)).place
        if place is None or place.endswith("/"):  # between two trails
            new.append(f"before {place}")
            await world.hear(said(new[-1], to=page, by="1"), at=THEN)
    await world.link(page, await world.application(DESK))
    await release_all(world)

    assert [text for text, _ in await owed(database_url)] == new
    assert (await store.survey(books.balance())).difference == 0


async def test_a_message_whose_delivery_was_stored_too_late_to_be_seen_stays_whole(
    world: World, store: OpenStore, database_url: str
) -> None:
    await world.tenant()
    page = await world.page()
    await world.hear(said("stored late", to=page, by="1"), at=THEN)
    ((number,),) = await look(database_url, "SELECT number FROM deliveries")
    person = await store.survey(people.find(page.provider, page.external_id, "1"))
    erasure = Erasure(store, TRAILS, clock=lambda: NOW)

    place: str | None = f"deliveries/{number}"  # another process has stored what is behind it
    while place is not None:
        place = (await erasure.slice(person, place=place, is_rehearsal=False)).place
    await world.link(page, await world.application(DESK))
    await release_all(world)

    assert [text for text, _ in await owed(database_url)] == ["stored late"]


async def test_what_arrived_while_a_person_was_erased_can_be_erased_too(
    world: World, store: OpenStore, database_url: str
) -> None:
    await world.tenant()
    page = await world.page()
    erasing = await begin(store, page)
    await world.hear(said("meanwhile", to=page, by="1"), at=THEN)
    await erasing.go_on()

    erased = await erase(store, page, "1")

    assert (erased["deliveries"], erased["messages"]) == (1, 1)
    assert await look(database_url, "SELECT id FROM messages") == []


# Another process on the same PostgreSQL -------------------------------------------------------


@pytest.fixture
async def on_postgres(postgres_url: str) -> AsyncIterator[World]:
    store = await open_store(postgres_url)
    yield await World(store).open()
    await store.close()


@asynccontextmanager
async def elsewhere(url: str) -> AsyncIterator[Raw]:
    """Give a transaction of another process, to be committed at the end."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            yield connection
    finally:
        await connection.close()


async def until_waiting(url: str, number: int) -> None:
    async with asyncio.timeout(20):
        while await look(url, "SELECT count(*) FROM pg_locks WHERE NOT granted") != [(number,)]:
            await asyncio.sleep(0.01)


async def test_what_another_process_is_releasing_goes_as_a_whole(
    on_postgres: World, postgres_url: str
) -> None:
    world = on_postgres
    await world.tenant()
    page = await world.page()
    await world.hear(said("old", to=page, by="1"), at=THEN)
    eraser = await open_store(postgres_url)
    erasing = await begin(eraser, page)
    await world.link(page, await world.application(DESK))

    async with elsewhere(postgres_url) as nobody_adds:
        await nobody_adds.execute("LOCK TABLE pending IN SHARE MODE")
        work = alone(release_slice(page.id, now=NOW, held=held))
        releasing = asyncio.create_task(world.store.commit(work))
        await until_waiting(postgres_url, 1)
        going = asyncio.create_task(erasing.go_on())
        await until_waiting(postgres_url, 2)
    await asyncio.gather(releasing, going)

    assert await look(postgres_url, "SELECT number FROM pending") == []
    assert await look(postgres_url, "SELECT id FROM deliveries") == []
    assert (await eraser.survey(books.balance())).difference == 0
    await eraser.close()


TAKE = "DELETE FROM pending"
END = "UPDATE deliveries SET state = 'dead'"


async def test_whoever_ends_the_same_at_the_same_time_does_not_wait_for_the_erasure(
    on_postgres: World, postgres_url: str
) -> None:
    async with ended_while_erased(on_postgres, postgres_url) as (ending, going_on):
        await ending.execute(TAKE)  # as an outcome that is recorded
        await going_on()
        await ending.execute("SET LOCAL lock_timeout = '200ms'")
        await ending.execute(END)

    assert await look(postgres_url, "SELECT id FROM deliveries") == []


async def test_whoever_takes_the_same_in_another_order_harms_no_erasure(
    on_postgres: World, postgres_url: str
) -> None:
    async with ended_while_erased(on_postgres, postgres_url) as (ending, going_on):
        await ending.execute(END)  # as what is taken back
        await going_on()
        await ending.execute(TAKE)  # the erasure, which waited first, is tried again

    assert await look(postgres_url, "SELECT id FROM deliveries") == []


@asynccontextmanager
async def ended_while_erased(
    world: World, url: str
) -> AsyncIterator[tuple[Raw, Callable[[], Awaitable[None]]]]:
    """Give a transaction that ends a delivery, and what lets an erasure go on until it waits."""
    await world.tenant()
    page = await world.page(application=await world.application(DESK))
    await world.hear(said("old", to=page, by="1"), at=THEN)
    eraser = await open_store(url)
    erasing = await begin(eraser, page)
    going: list[asyncio.Task[None]] = []

    async def go_on() -> None:
        going.append(asyncio.create_task(erasing.go_on()))
        await until_waiting(url, 1)

    async with elsewhere(url) as ending:
        yield ending, go_on
    await asyncio.gather(*going)
    await eraser.close()
