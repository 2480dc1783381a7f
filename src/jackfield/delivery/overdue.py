"""Gives up what waited for a paused URL for as long as it might wait for a link: in slices."""

from __future__ import annotations

from typing import NamedTuple

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


class Behind(NamedTuple):
    """A lane behind the pause of a tenant's URL."""

    api_key: str
    url: str
    lane: int


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
                        behind = Behind(api_key, url, lane)
                        is_all &= await self._give_up_in(behind, before=before, now=now)
        return is_all

    async def _give_up_in(self, behind: Behind, *, before: Moment, now: Moment) -> bool:
        for _ in range(SLICES_AT_ONCE):
            work = give_up_slice(
                behind,
                before=before,
                now=now,
                deliveries=self._deliveries,
                destinations=self._destinations,
            )
            count = await self._store.commit(alone(work))
            if not count:
                return True
            log.warning("paused.expired", messages=count)
        return False


@unit
def give_up_slice(
    behind: Behind,
    *,
    before: Moment,
    now: Moment,
    deliveries: Deliveries,
    destinations: Destinations,
) -> Steps[int]:
    """Let some of a lane be dead; return how many, 0 where nothing is left, or all may go again.

    Of a conversation only the first can be seen, and its end calls the next.
    """
    gone = 0
    if not (yield from destinations.is_paused(behind.api_key, behind.url)):
        return gone
    for _ in range(ROUNDS):
        limit = SLICE - gone
        count = yield from deliveries.expire(
            behind.lane, begun_before=before, now=now, limit=limit
        )
        gone += count
        if not count or gone >= SLICE:
            break
    return gone
