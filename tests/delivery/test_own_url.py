"""A tenant's own URL that goes or changes: nothing stays behind, and nothing is overtaken."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from afterwards import releasing
from databases import change, look, open_store
from dispatching import LIMITS, bring, dispatching, states
from due import due
from elsewhere import stored_elsewhere_while, until_waiting
from jackfield.clock import Moment, after
from jackfield.deliveries import Attempt, Outcome
from jackfield.delivery.destinations import Paused
from jackfield.delivery.lanes import Lanes
from jackfield.delivery.release import release_slice
from jackfield.delivery.supply import SURVEY_PAUSE, Supply
from jackfield.storage import deliveries, destinations, held
from jackfield.units import alone
from receiver import Received, Receiver
from taking_back import (
    DESK,
    NOW,
    OWN,
    THEN,
    give,
    let_tenant,
    owed,
    release_all,
    take_all,
    withdrawer,
)
from world import Clock, World, said

LATER = after(NOW, timedelta(minutes=10))


async def fails(world: World) -> None:
    """Let the tenant's own URL refuse all that is due: the next try is ten minutes away."""
    for item in await due(world.store, NOW):
        refused = Attempt(1, NOW, 5, Outcome.FAILED)
        work = deliveries.postpone(item, refused, due_at=LATER, failing_since=None)
        await world.store.commit(work)


async def test_what_waits_for_another_try_goes_to_the_next_link_before_what_arrives(
    world: World, database_url: str
) -> None:
    await world.tenant(inbound_url=OWN)
    page = await world.page()
    await world.hear(said("0", to=page), at=THEN)
    await fails(world)

    await let_tenant(world, None)
    await world.hear(said("9", to=page), at=THEN)
    desk = await world.application(DESK)
    await world.link(page, desk)
    await release_all(world)

    assert await owed(database_url) == [("0", desk.id), ("9", desk.id)]
    assert await look(database_url, "SELECT count(*) FROM withdrawals") == [(0,)]


@pytest.mark.usefixtures("slices")
async def test_what_arrives_while_it_is_taken_back_in_slices_stays_behind(
    world: World, database_url: str
) -> None:
    await world.tenant(inbound_url=OWN)
    page = await world.page()
    await world.hear(*[said(str(n), to=page, by=str(n)) for n in range(8)], at=THEN)
    await fails(world)

    await let_tenant(world, None)
    at_once = await owed(database_url)
    desk = await world.application(DESK)
    await world.link(page, desk)
    await world.hear(said("8", to=page), at=THEN)
    await release_all(world)
    while_it_lasts = await owed(database_url)
    await withdrawer(world).take_slices()  # of a process that then dies
    await world.hear(said("9", to=page), at=THEN)
    await take_all(world)
    await release_all(world)

    assert at_once == while_it_lasts == [(str(n), None) for n in range(5)]
    assert await owed(database_url) == [(str(n), desk.id) for n in range(10)]


@pytest.mark.usefixtures("slices")
async def test_an_own_url_that_is_there_again_hears_what_was_left_before_what_was_taken(
    world: World, database_url: str
) -> None:
    await world.tenant(inbound_url=OWN)
    page = await world.page()
    await world.hear(*[said(str(n), to=page) for n in range(8)], at=THEN)
    await let_tenant(world, None)

    await let_tenant(world, f"{OWN}/new")
    await world.hear(said("8", to=page), at=THEN)
    await take_all(world)
    await release_all(world)

    assert await owed(database_url) == [(str(n), None) for n in range(9)]


async def test_what_an_own_url_had_paused_goes_to_whoever_is_linked_next_in_its_order(
    world: World,
) -> None:
    async def gone(_: Received) -> int:
        return 410

    async with Receiver(gone) as own, Receiver() as desk:
        await world.tenant(inbound_url=own.url)
        page = await world.page()
        await world.hear(said("0", to=page), said("1", to=page))
        async with dispatching(world) as dispatcher, releasing(world, dispatcher) as releaser:
            await own.until(1)
            await let_tenant(world, None)
            await world.link(page, await world.application(desk.url))
            await world.hear(said("2", to=page))
            releaser.wake()
            await desk.until(3)

    assert desk.texts == ["0", "1", "2"]


@pytest.mark.parametrize("is_paused", [True, False])
async def test_a_changed_own_url_hears_what_waited_for_the_old_one_in_its_order(
    world: World, *, is_paused: bool
) -> None:
    clock = Clock()

    async def refuse(_: Received) -> int:
        return 410 if is_paused else 503

    async with Receiver(refuse) as old, Receiver() as new:
        await world.tenant(inbound_url=old.url)
        page = await world.page()
        await world.hear(said("0", to=page), said("1", to=page), at=clock())
        async with dispatching(world, clock=clock) as dispatcher:
            await old.until(1)
            await let_tenant(world, new.url)
            await world.hear(said("2", to=page), at=clock())
            dispatcher.wake()
            async with asyncio.timeout(20):
                while len(new.texts) < 3:
                    clock.advance(timedelta(seconds=1))
                    dispatcher.wake()
                    await asyncio.sleep(0.02)

    assert old.texts == ["0"]
    assert new.texts == ["0", "1", "2"]


@pytest.mark.parametrize("is_erased", [True, False])
async def test_a_lane_that_waits_for_a_paused_url_is_looked_at_anew_once_it_goes_nowhere(
    world: World, database_url: str, *, is_erased: bool
) -> None:
    clock = Clock()
    await world.tenant(inbound_url=OWN)
    page = await world.page()
    await world.hear(said("0", to=page, by="p"), said("1", to=page, by="q"), at=clock())
    paused = destinations.pause("acme0001", OWN, because=Paused.REQUESTED, now=clock())
    await world.store.commit(paused)
    lanes = Lanes(slots=32)
    supply = Supply(world.store, deliveries, destinations, limits=LIMITS, clock=clock)
    await bring(supply, lanes)
    # As it is when another process binds something in the very moment in which the URL goes.
    await change(database_url, "UPDATE tenants SET inbound_url = NULL")
    if is_erased:
        first = "SELECT min(number) FROM pending"
        await change(
            database_url,
            f"DELETE FROM deliveries WHERE id IN "  # noqa: S608 - our own
            f"(SELECT subject FROM pending WHERE number = ({first}))",
        )
        await change(database_url, f"DELETE FROM pending WHERE number = ({first})")  # noqa: S608 - our own

    clock.advance(SURVEY_PAUSE)
    await bring(supply, lanes)

    assert set(await states(world)) == {"held"}
    assert await owed(database_url) == []


async def test_what_another_process_was_storing_for_it_is_held_with_the_rest(
    on_postgres: World, postgres_url: str
) -> None:
    world = on_postgres
    await world.tenant(inbound_url=OWN)
    page = await world.page()

    async with stored_elsewhere_while(world, postgres_url, said("0", to=page)):
        going = asyncio.create_task(let_tenant(world, None))
        await until_waiting(postgres_url, 2)
    await going

    assert await states(world) == {"held": 1}


async def test_what_another_process_was_releasing_to_it_is_held_with_the_rest(
    on_postgres: World, postgres_url: str
) -> None:
    world = on_postgres
    await world.tenant(inbound_url=OWN)
    page = await world.page(application=await world.application(None))
    await world.hear(said("0", to=page), at=THEN)
    await change(postgres_url, "UPDATE accounts SET releasing = 1")
    await change(postgres_url, "DELETE FROM pending")
    await change(postgres_url, "UPDATE deliveries SET state = 'held', held_because = 'unlinked'")
    other = await open_store(postgres_url)
    holder = await asyncpg.connect(postgres_url)

    async with holder.transaction():
        await holder.execute("LOCK TABLE pending IN SHARE MODE")  # nothing can be bound meanwhile
        work = alone(release_slice(page.id, now=NOW, held=held))
        binding = asyncio.create_task(other.commit(work))
        await until_waiting(postgres_url, 1)
        going = asyncio.create_task(let_tenant(world, None))
        await until_waiting(postgres_url, 2)
    await asyncio.gather(binding, going)
    await other.close()
    await holder.close()

    assert await states(world) == {"held": 1}


async def test_what_another_process_is_about_to_release_to_it_stays_held(
    on_postgres: World, postgres_url: str
) -> None:
    world = on_postgres
    await world.tenant()
    page = await world.page()
    await world.hear(said("0", to=page), at=THEN)
    await let_tenant(world, OWN)
    other = await open_store(postgres_url)
    holder = await asyncpg.connect(postgres_url)

    async with holder.transaction():
        await holder.execute("SELECT id FROM accounts FOR NO KEY UPDATE")  # as who takes it away
        work = alone(release_slice(page.id, now=NOW, held=held))
        binding = asyncio.create_task(other.commit(work))
        await until_waiting(postgres_url, 1)
        await holder.execute("UPDATE tenants SET inbound_url = NULL")
    await binding
    await other.close()
    await holder.close()

    assert await states(world) == {"held": 1}


async def test_what_its_application_may_hear_by_now_is_released_to_it_before_what_arrives(
    world: World, database_url: str
) -> None:
    await world.tenant(inbound_url=OWN)
    desk = await world.application(None)
    page = await world.page(application=desk)
    await world.hear(said("0", to=page), at=THEN)
    await fails(world)
    await give(world, desk, DESK)

    await let_tenant(world, None)
    await world.hear(said("9", to=page), at=Moment(THEN + 1))
    await release_all(world)

    assert await owed(database_url) == [("0", desk.id), ("9", desk.id)]
