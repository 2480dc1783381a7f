"""Gives up what waited for a paused URL for as long as it might wait for a link: in slices."""

from __future__ import annotations

import structlog

from jackfield.clock import Moment
from jackfield.deliveries import Deliveries
from jackfield.delivery.destinations import Destinations
from jackfield.delivery.remembered import pages_of
from jackfield.units import Steps, Store, alone, unit

log = structlog.get_logger()

SLICE = 200
"""Messages per transaction: few enough that the hot path never waits long behind one."""

ROUNDS = 20
"""In one transaction so many of one conversation can die: each is called by the one before."""

SLICES_AT_ONCE = 50
"""Of a lane so many slices are given up before what is to be released has its turn."""


class Overdue:
    """Looks behind every pause for what waited too long."""

    def __init__(self, store: Store, deliveries: Deliveries, destinations: Destinations) -> None:
        self._store = store
        self._deliveries = deliveries
        self._destinations = destinations

    async def give_up(self, *, before: Moment, now: Moment) -> bool:
        """Keep as dead what waits since before; return whether that was all.

        Raises `Unavailable` when the database cannot be reached.
        """
        is_all = True
        async for page in pages_of(self._store, self._destinations):
            for (api_key, url), destination in page.items():
                if destination.paused_at is not None:
                    for lane in await self._store.read(self._destinations.lanes(api_key, url)):
                        is_all &= await self._give_up_in(lane, before=before, now=now)
        return is_all

    async def _give_up_in(self, lane: int, *, before: Moment, now: Moment) -> bool:
        for _ in range(SLICES_AT_ONCE):
            work = _slice(lane, before=before, now=now, deliveries=self._deliveries)
            count = await self._store.commit(alone(work))
            if not count:
                return True
            log.warning("paused.expired", messages=count)
        return False


@unit
def _slice(lane: int, *, before: Moment, now: Moment, deliveries: Deliveries) -> Steps[int]:
    """Let some of a lane be dead; return how many, 0 where nothing is left.

    Of a conversation only the first can be seen, and its end calls the next.
    """
    gone = 0
    for _ in range(ROUNDS):
        limit = SLICE - gone
        count = yield from deliveries.expire(lane, begun_before=before, now=now, limit=limit)
        gone += count
        if not count or gone >= SLICE:
            break
    return gone
