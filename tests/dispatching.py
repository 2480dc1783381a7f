"""What the tests of delivery share: a running dispatcher, and looks into the tables."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network

from sqlalchemy import select

from jackfield.clock import now
from jackfield.delivery.destinations import Limits
from jackfield.delivery.dispatcher import AttemptOne, Dispatcher
from jackfield.delivery.lanes import Lanes
from jackfield.delivery.recording import ORDER_HOLD, Recorder
from jackfield.delivery.sender import Sender
from jackfield.delivery.supply import Supply
from jackfield.egress import Egress
from jackfield.metrics import Metrics
from jackfield.storage import deliveries, destinations
from jackfield.storage.dialects import Prepared
from jackfield.storage.tables import attempts as attempts_table
from jackfield.storage.tables import deliveries as deliveries_table
from jackfield.storage.tables import pending as pending_table
from jackfield.units import Rows, Steps, unit
from world import World

LOOPBACK = [ip_network("127.0.0.0/8")]
LIMITS = Limits(at_once=64, per_second=1000)


@asynccontextmanager
async def dispatching(
    world: World,
    *,
    clock: Callable[[], int] = now,
    in_flight: int = 32,
    limits: Limits = LIMITS,
    order_hold: timedelta = ORDER_HOLD,
    egress: Egress | None = None,
) -> AsyncIterator[Dispatcher]:
    """Run a dispatcher with a real sender, as one process would."""
    metrics = Metrics()
    async with egress or Egress(allow=LOOPBACK) as door:
        sender = Sender(
            world.store,
            deliveries,
            egress=door,
            keyring=world.keys,
            clock=clock,  # type: ignore[arg-type] # a Moment is an int
            metrics=metrics,
        )
        dispatcher = dispatcher_of(
            world,
            {"deliver": sender.attempt},
            clock=clock,
            in_flight=in_flight,
            limits=limits,
            order_hold=order_hold,
        )
        dispatcher.start()
        try:
            yield dispatcher
        finally:
            await dispatcher.stop()


def dispatcher_of(
    world: World,
    attempt_by_kind: Mapping[str, AttemptOne],
    *,
    clock: Callable[[], int] = now,
    in_flight: int = 32,
    limits: Limits = LIMITS,
    order_hold: timedelta = ORDER_HOLD,
) -> Dispatcher:
    """Return a dispatcher that makes its attempts as it is told."""
    return Dispatcher(
        world.store,
        Supply(world.store, deliveries, destinations, limits=limits, clock=clock),  # type: ignore[arg-type] # a Moment is an int
        Recorder(deliveries, destinations, order_hold=order_hold),
        attempt_by_kind=attempt_by_kind,
        in_flight=in_flight,
        clock=clock,  # type: ignore[arg-type] # the same
        metrics=Metrics(),
    )


async def bring(supply: Supply, lanes: Lanes) -> None:
    """Bring what is due of all lanes, however long the search for them takes."""
    await supply.bring(lanes, busy=())
    while supply.is_searching:
        await asyncio.sleep(0.01)
        await supply.bring(lanes, busy=())


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
