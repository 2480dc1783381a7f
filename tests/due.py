"""What is due, of every lane, as one list."""

from __future__ import annotations

from jackfield.clock import Moment
from jackfield.deliveries import Pending
from jackfield.storage import deliveries
from jackfield.units import Store


async def due(store: Store, now: Moment, *, limit: int = 100) -> list[Pending]:
    """Return what is due by `now`, the longest due first; at most `limit` of each queue."""
    lanes = await store.read(deliveries.lanes())
    found = await store.read(deliveries.due(dict.fromkeys(lanes, limit), floors={}, lowest={}))
    items = [item for of_lane in found.values() for item in of_lane if item.due_at <= now]
    return sorted(items, key=lambda item: (item.due_at, item.number))
