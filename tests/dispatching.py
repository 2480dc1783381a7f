"""What the tests of delivery share: a running dispatcher, and looks into the tables."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network

from sqlalchemy import select

from jackfield.clock import now
from jackfield.delivery.dispatcher import Dispatcher
from jackfield.delivery.sender import Sender
from jackfield.egress import Egress
from jackfield.metrics import Metrics
from jackfield.storage import deliveries
from jackfield.storage.dialects import Prepared
from jackfield.storage.tables import attempts as attempts_table
from jackfield.storage.tables import deliveries as deliveries_table
from jackfield.storage.tables import pending as pending_table
from jackfield.units import Rows, Steps, unit
from world import World

LOOPBACK = [ip_network("127.0.0.0/8")]


@asynccontextmanager
async def dispatching(
    world: World,
    *,
    clock: Callable[[], int] = now,
    in_flight: int = 32,
) -> AsyncIterator[Dispatcher]:
    """Run a dispatcher with a real sender, as one process would."""
    metrics = Metrics()
    async with Egress(allow=LOOPBACK) as egress:
        sender = Sender(
            world.store,
            deliveries,
            egress=egress,
            keyring=world.keys,
            clock=clock,  # type: ignore[arg-type] # a Moment is an int
            metrics=metrics,
        )
        dispatcher = Dispatcher(
            world.store,
            deliveries,
            attempt_by_kind={"deliver": sender.attempt},
            in_flight=in_flight,
            clock=clock,  # type: ignore[arg-type] # a Moment is an int
            metrics=metrics,
        )
        dispatcher.start()
        try:
            yield dispatcher
        finally:
            await dispatcher.stop()


@unit
def rows_of(prepared: Prepared) -> Steps[Rows]:
    return (yield prepared())


async def states(world: World) -> Counter[str]:
    rows = await world.store.read(rows_of(Prepared(select(deliveries_table.c.state))))
    return Counter(state for (state,) in rows)


async def left_to_do(world: World) -> int:
    return len(await world.store.read(rows_of(Prepared(select(pending_table.c.number)))))


async def until_nothing_is_left(world: World) -> None:
    async with asyncio.timeout(20):
        while await left_to_do(world):
            await asyncio.sleep(0.01)


async def until_recorded(world: World, number: int) -> None:
    recorded = Prepared(select(attempts_table.c.number))
    async with asyncio.timeout(20):
        while len(await world.store.read(rows_of(recorded))) < number:
            await asyncio.sleep(0.01)
