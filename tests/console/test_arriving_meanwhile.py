"""What arrives in the moment in which its tenant is let in again is left behind by nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
import pytest

from databases import look
from gateway import Doors, opened
from jackfield.accounts import Account
from jackfield.console import tenants
from jackfield.console.tenant_orders import SetTenant, ShowTenant
from world import World, said

URL = "https://acme.example/in"
ACME = ShowTenant(api_key="acme0001")
HEARS = SetTenant(api_key="acme0001", inbound_url=URL)

STRANDED = (
    "SELECT d.held_because FROM deliveries d JOIN accounts a ON a.id = d.account_id "
    "WHERE d.state = 'held' AND a.releasing = 0"
)
"""What waits although somebody may hear it, and is on nobody's way out."""

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


async def page_of_a_disabled_tenant(world: World, doors: Doors) -> Account:
    await world.tenant(inbound_url=URL)
    page = await world.page()
    await tenants.disable_tenant(doors.gateway, ACME)
    return page


async def test_what_arrives_in_the_batch_that_lets_its_tenant_in_goes_out(
    both: Doors, database_url: str
) -> None:
    world = await World(both.gateway.store).open()
    page = await page_of_a_disabled_tenant(world, both)

    await asyncio.gather(
        world.hear(said("hello", to=page)), tenants.enable_tenant(both.gateway, ACME)
    )

    assert await look(database_url, "SELECT count(*) FROM deliveries") == [(1,)]
    assert await look(database_url, STRANDED) == []


async def test_what_arrives_in_the_batch_that_gives_its_tenant_a_url_goes_out(
    both: Doors, database_url: str
) -> None:
    world = await World(both.gateway.store).open()
    await world.tenant()
    page = await world.page()

    await asyncio.gather(
        world.hear(said("hello", to=page)), tenants.set_tenant(both.gateway, HEARS)
    )

    assert await look(database_url, "SELECT count(*) FROM deliveries") == [(1,)]
    assert await look(database_url, STRANDED) == []


@pytest.fixture
async def other(postgres_url: str) -> AsyncIterator[Doors]:
    """Another gateway on the same database, as another process would be."""
    async with opened(postgres_url) as doors:
        yield doors


@asynccontextmanager
async def stopped_at(table: str, postgres_url: str) -> AsyncIterator[None]:
    """Have whoever comes to a table wait there, until this is left."""
    outside = await asyncpg.connect(postgres_url)
    try:
        async with outside.transaction():
            await outside.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await outside.close()


async def until_waiting(postgres_url: str, *, how_many: int) -> None:
    async with asyncio.timeout(1.5):
        while (await look(postgres_url, WAITING))[0][0] < how_many:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("is_first", ["message", "order"])
@pytest.mark.parametrize("order", ["enable", "set"])
async def test_what_arrives_in_another_process_meanwhile_goes_out(
    other: Doors, postgres_url: str, order: str, is_first: str
) -> None:
    async with opened(postgres_url) as doors:
        world = await World(doors.gateway.store).open()
        if order == "enable":
            page = await page_of_a_disabled_tenant(world, doors)
            letting_in: Awaitable[object] = tenants.enable_tenant(doors.gateway, ACME)
        else:
            await world.tenant()
            page = await world.page()
            letting_in = tenants.set_tenant(doors.gateway, HEARS)
        elsewhere = replace(world, store=other.gateway.store)
        arriving = elsewhere.hear(said("hello", to=page))

        # A message stops before it is stored, an order before it looks what is held.
        table = "messages" if is_first == "message" else "deliveries"
        steps = (arriving, letting_in) if is_first == "message" else (letting_in, arriving)
        async with stopped_at(table, postgres_url):
            first = asyncio.ensure_future(steps[0])
            await until_waiting(postgres_url, how_many=1)
            second = asyncio.ensure_future(steps[1])
            await asyncio.wait([second], timeout=0.3)
        await asyncio.gather(first, second)

    assert await look(postgres_url, "SELECT count(*) FROM deliveries") == [(1,)]
    assert await look(postgres_url, STRANDED) == []
