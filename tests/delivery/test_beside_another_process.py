"""Two processes on one PostgreSQL: what one is storing or ending while the other looks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from databases import open_store
from due import due
from elsewhere import stored_elsewhere_while, until_waiting
from jackfield import links
from jackfield.accounts import Account, Standing
from jackfield.applications import Application, remove
from jackfield.delivery.rebinding import Misplaced, move_slice
from jackfield.delivery.release import release_slice
from jackfield.storage import (
    accounts,
    applications,
    deliveries,
    held,
    people,
    rebinding,
)
from jackfield.storage.traces import DELIVERIES
from jackfield.units import Steps, Unit, alone, unit
from taking_back import DESK, NOW, OWN, THEN, give, let_tenant, owed, release_all
from world import World, said


@unit
def relinked(account: Account, application: Application) -> Steps[None]:
    """Link an account to another application, as PATCH does."""

    @unit
    def as_it_is(there: Account) -> Steps[Account]:
        yield from ()
        return there

    yield from links.change(
        account.provider,
        account.external_id,
        edit=as_it_is,
        linked_to=[application.id],
        api_key=account.api_key,
        accounts=accounts,
        applications=applications,
    )


@asynccontextmanager
async def done_elsewhere_while(world: World, url: str, work: Unit[None]) -> AsyncIterator[None]:
    """Let another process have done `work` but for its COMMIT, until what is done here waits."""
    idle = await world.page("idle")
    other = await open_store(url)
    blocker = await asyncpg.connect(url)

    @unit
    def and_wait() -> Steps[None]:
        yield from work
        yield from held.finish(idle.id)

    try:
        async with blocker.transaction():
            await blocker.execute("SELECT id FROM accounts WHERE id = $1 FOR UPDATE", idle.id)
            doing = asyncio.create_task(other.commit(alone(and_wait())))
            await until_waiting(url, 1)
            yield
            await until_waiting(url, 2)
        await doing
    finally:
        await blocker.close()
        await other.close()


@pytest.mark.parametrize("has_own_url", [True, False])
async def test_what_is_released_beside_a_relink_goes_to_whom_the_account_is_linked_then(
    on_postgres: World, postgres_url: str, *, has_own_url: bool
) -> None:
    world = on_postgres
    await world.tenant(inbound_url=OWN if has_own_url else None)
    one, two = await world.application(DESK), await world.application(f"{DESK}/two")
    page = await world.page(application=one, standing=Standing.CLAIMED)
    await world.hear(said("0", to=page), at=THEN)
    await world.store.commit(accounts.vouch(page.id))

    async with done_elsewhere_while(world, postgres_url, relinked(page, two)):
        work = release_slice(page.id, now=NOW, held=held)
        releasing = asyncio.create_task(world.store.commit(alone(work)))
    await releasing
    await world.hear(said("9", to=page), at=THEN)
    await release_all(world)

    assert await owed(postgres_url) == [("0", two.id), ("9", two.id)]


async def test_an_application_that_gains_a_url_hears_first_what_another_process_was_storing(
    on_postgres: World, postgres_url: str
) -> None:
    world = on_postgres
    await world.tenant()
    desk = await world.application(None)
    page = await world.page(application=desk)

    async with stored_elsewhere_while(world, postgres_url, said("0", to=page)):
        giving = asyncio.create_task(give(world, desk, DESK))
        await until_waiting(postgres_url, 2)
    await giving
    await world.hear(said("9", to=page), at=THEN)
    await release_all(world)

    assert await owed(postgres_url) == [("0", desk.id), ("9", desk.id)]


async def test_an_own_url_that_comes_lets_out_first_what_another_process_was_holding_again(
    on_postgres: World, postgres_url: str
) -> None:
    world = on_postgres
    await world.tenant()
    desk = await world.application(DESK)
    page = await world.page(application=desk)
    await world.hear(said("0", to=page), at=THEN)
    removal = remove(desk.id, api_key=desk.api_key, applications=applications)

    async with done_elsewhere_while(world, postgres_url, removal):
        giving = asyncio.create_task(let_tenant(world, OWN))
    await giving
    await world.hear(said("9", to=page), at=THEN)
    await release_all(world)

    assert await owed(postgres_url) == [("0", None), ("9", None)]


async def test_what_is_rebound_goes_before_what_another_process_was_storing(
    on_postgres: World, postgres_url: str
) -> None:
    world = on_postgres
    await world.tenant()
    one, two = await world.application(DESK), await world.application(f"{DESK}/two")
    page = await world.page(application=one)
    await world.hear(said("0", to=page), at=THEN)
    await world.store.commit(relinked(page, two))
    await release_all(world)
    misplaced = Misplaced(api_key=None, application_id=one.id)

    async with stored_elsewhere_while(world, postgres_url, said("9", to=page)):
        work = move_slice(misplaced, after=0, now=NOW, rebinds=rebinding)
        moving = asyncio.create_task(world.store.commit(alone(work)))
        await until_waiting(postgres_url, 2)
    assert (await moving).moved == 1
    await release_all(world)

    assert await owed(postgres_url) == [("0", two.id), ("9", two.id)]


async def test_what_is_rebound_goes_before_what_came_for_another_since_it_was_found(
    world: World, database_url: str
) -> None:
    await world.tenant()
    one, two, three = [await world.application(f"{DESK}/{n}") for n in range(3)]
    page = await world.page(application=one)
    await world.hear(said("0", to=page), at=THEN)
    await world.store.commit(relinked(page, two))
    misplaced = Misplaced(api_key=None, application_id=one.id)
    found = await world.store.read(rebinding.misplaced(misplaced, after=0, limit=10))
    await world.store.commit(relinked(page, three))
    await release_all(world)
    await world.hear(said("9", to=page), at=THEN)

    await world.store.commit(alone(rebinding.take_back(found.waiting, now=NOW)))
    await release_all(world)

    assert await owed(database_url) == [("0", three.id), ("9", three.id)]


async def test_what_is_put_behind_a_head_that_another_process_ends_is_not_forgotten(
    on_postgres: World, postgres_url: str
) -> None:
    world = on_postgres
    await world.tenant()
    page = await world.page(application=await world.application(DESK))
    await world.hear(said("old", to=page, by="1"), at=THEN)
    other = await open_store(postgres_url)
    person = await other.survey(people.find(page.provider, page.external_id, "1"))
    found = await other.survey(DELIVERIES.look(person, ""))
    await world.hear(said("new", to=page, by="1"), at=THEN)
    (behind,) = [item for item in await due(world.store, NOW) if not item.is_head]

    async with done_elsewhere_while(world, postgres_url, deliveries.wait_behind(behind)):
        erasing = DELIVERIES.erase(person, found.items, NOW)
        ending = asyncio.create_task(other.commit(erasing))
    await ending
    await other.close()

    assert [item.number for item in await due(world.store, NOW)] == [behind.number]
