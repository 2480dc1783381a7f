"""Finds every lane with something to do; where that takes long, deliveries go on meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from jackfield.clock import Clock, Moment, after
from jackfield.deliveries import Deliveries
from jackfield.delivery.floors import CommittingStore, seen_until

PATIENCE = timedelta(milliseconds=50)
"""So long a search is waited for; whoever looks for what is due need not wait longer."""

SPACING = 50
"""After a search, none for so many times as long as it took: it walks over all that is there.

Where a reader's snapshot keeps PostgreSQL from cleaning up, that is also what is done with.
"""


MOST_REST = timedelta(seconds=30)
"""What was stored late is found sooner than `numbers.MATURITY`, however long a search takes."""


@dataclass(frozen=True, slots=True)
class Found:
    """The lanes with something to do, each with when its earliest is due, of all seen `until`."""

    until: Moment
    earliest: Mapping[int, Moment]


class Finder:
    """Searches when it is asked to, one search at a time."""

    def __init__(self, store: CommittingStore, deliveries: Deliveries, *, clock: Clock) -> None:
        self._store = store
        self._deliveries = deliveries
        self._clock = clock
        self._search: asyncio.Task[Mapping[int, Moment]] | None = None
        self._since = self._until = Moment(0)
        self._rests_until = Moment(0)
        self._is_called = True
        self._ended: Callable[[], None] | None = None

    def tell(self, ended: Callable[[], None]) -> None:
        """Call `ended` whenever a search has ended that nobody waited for."""
        self._ended = ended

    @property
    def is_searching(self) -> bool:
        """Whether a search goes on, or nobody has asked for what it found."""
        return self._search is not None

    @property
    def is_wanted(self) -> bool:
        """Whether to ask again soon: a search goes on, or there is news since it began."""
        return self._is_called or self.is_searching

    def call(self) -> None:
        """Let the next search begin as soon as it is asked for, however long the last one took."""
        self._is_called = True

    def forget(self) -> None:
        """Give up a search that goes on."""
        if self._search is not None:
            self._search.cancel()
            self._search = None
        self.call()

    async def find(self, now: Moment) -> Found | None:
        """Return what was found; None while a search goes on, or where it is too soon for one.

        Raises what the store raises.
        """
        if self._search is None:
            is_put_back = now < self._since  # the clock
            if not self._is_called and not is_put_back and now < self._rests_until:
                return None
            self._since, self._until = now, seen_until(self._store, now)
            self._is_called = False
            self._search = asyncio.create_task(self._asked(), name="finder")
            await asyncio.wait({self._search}, timeout=PATIENCE.total_seconds())
            if not self._search.done() and self._ended is not None:
                self._search.add_done_callback(self._say)
        if not self._search.done():
            return None
        search, self._search = self._search, None
        earliest = search.result()
        took = self._clock() - self._since
        rest = min(SPACING * timedelta(milliseconds=took), MOST_REST)
        self._rests_until = after(self._clock(), rest)
        return Found(self._until, earliest)

    def _say(self, search: asyncio.Task[Mapping[int, Moment]]) -> None:
        if not search.cancelled():
            search.exception()  # raised for whoever takes it up; if nobody does, it is no matter
        if self._ended is not None and search is self._search:
            self._ended()

    async def _asked(self) -> Mapping[int, Moment]:
        return await self._store.read(self._deliveries.lanes())
