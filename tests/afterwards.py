"""What the tests of looking, replaying and rebinding share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from datetime import timedelta

from jackfield.clock import Clock, now
from jackfield.delivery.dispatcher import Dispatcher
from jackfield.delivery.rebinding import Rebinding
from jackfield.delivery.release import Releaser
from jackfield.delivery.replaying import Replaying
from jackfield.storage import (
    deliveries,
    delivery_records,
    destinations,
    held,
    rebinding,
    replaying,
    withdrawing,
)
from world import World


def _nobody(*_: object) -> None:
    """Wake nobody."""


def replaying_in(
    world: World,
    *,
    clock: Clock = now,
    arrived: Callable[[Collection[int]], None] = _nobody,
    released: Callable[[], None] = _nobody,
) -> Replaying:
    """Return what replays in a world."""
    return Replaying(
        world.store,
        records=delivery_records,
        replays=replaying,
        copies=replaying,
        clock=clock,
        arrived=arrived,
        released=released,
    )


def rebinding_in(world: World, *, released: Callable[[], None] = _nobody) -> Rebinding:
    """Return what rebinds in a world."""
    return Rebinding(world.store, rebinds=rebinding, clock=now, released=released)


@asynccontextmanager
async def releasing(world: World, dispatcher: Dispatcher) -> AsyncIterator[Releaser]:
    """Run a releaser as one process would."""
    releaser = Releaser(
        world.store,
        held,
        deliveries,
        destinations,
        withdrawing,
        clock=now,
        retention=timedelta(days=7),
        released=dispatcher.wake,
    )
    releaser.start()
    try:
        yield releaser
    finally:
        await releaser.stop()
