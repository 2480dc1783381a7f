"""All that a tenant, or the operator, may do with deliveries and their URLs, in one value."""

from __future__ import annotations

from dataclasses import dataclass

from jackfield.delivery.pausing import DestinationPages, Pausing
from jackfield.delivery.rebinding import Rebinding
from jackfield.delivery.records import DeliveryRecords
from jackfield.delivery.replaying import Replaying
from jackfield.delivery.trials import Trials


@dataclass(frozen=True, slots=True)
class Afterwards:
    """Its parts, connected to one store."""

    records: DeliveryRecords
    replaying: Replaying
    rebinding: Rebinding
    trials: Trials
    destinations: DestinationPages
    pausing: Pausing
