"""What takes long to be stored is due since before it could be seen, and goes out at once then."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import pytest

from databases import open_store
from dispatching import LIMITS, bring
from elsewhere import nobody_stores_messages
from jackfield.accounts import Account
from jackfield.deliveries import lane
from jackfield.delivery.floors import LEAST_SLACK
from jackfield.delivery.lanes import Lanes
from jackfield.delivery.supply import Supply
from jackfield.inbound import Accepted
from jackfield.storage import deliveries, destinations
from small_units import Refusal, add_then_refuse
from world import Clock, World, said

LONG = 2 * LEAST_SLACK
"""What is seen only after this long is older than what a look reaches back by itself."""


@asynccontextmanager
async def slow_to_store(database_url: str) -> AsyncIterator[None]:
    """Keep messages from being stored until this is left; looks go on."""
    if not database_url.startswith("sqlite:///"):
        async with nobody_stores_messages(database_url):
            yield
        return
    path = database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def world(database_url: str, clock: Clock) -> AsyncIterator[World]:
    """A world whose store goes by the test's clock."""
    store = await open_store(database_url, clock=clock)
    yield await World(store).open()
    await store.close()


@pytest.fixture
async def page(world: World) -> Account:
    await world.tenant()
    return await world.page(application=await world.application("https://acme.example/in"))


@pytest.fixture
def supply(world: World, clock: Clock) -> Supply:
    return Supply(world.store, deliveries, destinations, limits=LIMITS, clock=clock)


def hearing(world: World, page: Account, clock: Clock) -> asyncio.Task[Accepted]:
    """Let something arrive now, whenever it can be stored."""
    return asyncio.create_task(world.hear(said("hello", to=page), at=clock()))


async def at_hand(supply: Supply, lanes: Lanes, accepted: Accepted) -> int:
    """Say that this was stored, and return how much of it is brought at once."""
    for number in accepted.lanes:
        lanes.heard(number)
    await supply.bring(lanes, busy=())
    return sum(len(lane.first) for lane in lanes.known())


async def test_what_a_look_could_not_see_yet_is_seen_by_the_next(
    world: World, page: Account, clock: Clock, supply: Supply, database_url: str
) -> None:
    lanes = Lanes(slots=32)
    await bring(supply, lanes)
    async with slow_to_store(database_url):
        arriving = hearing(world, page, clock)
        await asyncio.sleep(0)
        clock.advance(LONG)
        lanes.heard(lane(page.api_key, page.application_id))
        await supply.bring(lanes, busy=())

    assert await at_hand(supply, lanes, await arriving) == 1


async def test_what_a_survey_could_not_see_yet_is_seen_by_the_next_look(
    world: World, page: Account, clock: Clock, supply: Supply, database_url: str
) -> None:
    lanes = Lanes(slots=32)
    async with slow_to_store(database_url):
        arriving = hearing(world, page, clock)
        await asyncio.sleep(0)
        clock.advance(LONG)
        await bring(supply, lanes)

    assert await at_hand(supply, lanes, await arriving) == 1


async def test_since_when_something_is_being_stored_is_known_until_it_is(
    world: World, page: Account, clock: Clock, database_url: str
) -> None:
    began_at = clock()
    async with slow_to_store(database_url):
        first = hearing(world, page, clock)
        await asyncio.sleep(0)
        clock.advance(LONG)
        second = hearing(world, page, clock)
        await asyncio.sleep(0)
        meanwhile = world.store.committing_since
    await asyncio.gather(first, second)

    assert meanwhile == began_at
    assert world.store.committing_since is None


async def test_what_could_not_be_stored_is_not_waited_for(world: World) -> None:
    with pytest.raises(Refusal):
        await world.store.commit(add_then_refuse("acme0001"))

    assert world.store.committing_since is None
