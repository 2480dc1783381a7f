"""Connects what is done with deliveries afterwards to the tables it is done with."""

from __future__ import annotations

from collections.abc import Callable, Collection

from jackfield.clock import Clock
from jackfield.delivery.afterwards import Afterwards
from jackfield.delivery.pausing import Pausing
from jackfield.delivery.rebinding import Rebinding
from jackfield.delivery.replaying import Replaying
from jackfield.delivery.trials import Trials
from jackfield.storage import (
    applications,
    delivery_records,
    destination_pages,
    destinations,
    rebinding,
    replaying,
    trials,
)
from jackfield.units import Store


def connected(
    store: Store,
    *,
    clock: Clock,
    arrived: Callable[[Collection[int]], None],
    released: Callable[[], None],
) -> Afterwards:
    """Return it on a store; `arrived` and `released` wake whoever delivers."""
    return Afterwards(
        delivery_records,
        Replaying(
            store,
            records=delivery_records,
            replays=replaying,
            copies=replaying,
            clock=clock,
            arrived=arrived,
            released=released,
        ),
        Rebinding(store, rebinds=rebinding, clock=clock, released=released),
        Trials(store, applications=applications, trials=trials, clock=clock, arrived=arrived),
        destination_pages,
        Pausing(
            store,
            destinations=destinations,
            pages=destination_pages,
            clock=clock,
            changed=released,
        ),
    )
