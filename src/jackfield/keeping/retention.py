"""What was kept long enough goes: shelf by shelf, in slices that nobody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, Protocol, TypeVar

import structlog

from jackfield.clock import FOREVER, Clock, Moment, after
from jackfield.crashpoints import Crashpoint, reach
from jackfield.problems import Unavailable
from jackfield.units import Steps, Store, Surveyed, Unit, unit

log = structlog.get_logger()

SHORTEST_MEMORY = timedelta(days=8)
"""Providers send again for a week; until then an event's key must be known, whatever else goes."""

SLICE = 200
"""Rows that one transaction lets go: few enough that the hot path never waits long behind one."""

PAUSE = timedelta(milliseconds=50)
"""Between two slices: so much of the time belongs to everybody else."""

HOURLY = timedelta(hours=1)
"""Between two walks over a shelf; what goes is days old, so an hour does not matter."""

DAILY = timedelta(days=1)
"""The same where nothing stands in order of time: each walk looks at every row."""


_AFTER_TROUBLE = timedelta(minutes=1)
_ONE_DAY = timedelta(days=1)

Place = TypeVar("Place")


@dataclass(frozen=True, slots=True)
class Spans:
    """How long things are kept: messages since they were accepted, dead ones since they died."""

    messages: timedelta
    dead: timedelta
    attempts: timedelta

    @property
    def keys(self) -> timedelta:
        """How long an event's key is known: longer than its message, and at least eight days.

        Dead messages that are never let go need no keys for ever: nobody sends them again.
        """
        if self.messages == FOREVER:
            return FOREVER
        dead = timedelta() if self.dead == FOREVER else self.dead
        return max(max(self.messages, dead) + _ONE_DAY, SHORTEST_MEMORY)


@dataclass(frozen=True, slots=True)
class Cutoffs:
    """What is older than these goes."""

    messages: Moment
    dead: Moment
    attempts: Moment
    keys: Moment
    urls: Moment


def cutoffs(spans: Spans, *, now: Moment) -> Cutoffs:
    """Return the moments before which nothing is kept any more."""
    return Cutoffs(
        messages=after(now, -spans.messages),
        dead=after(now, -spans.dead),
        attempts=after(now, -spans.attempts),
        keys=after(now, -spans.keys),
        urls=after(now, -_ONE_DAY),
    )


@dataclass(frozen=True, slots=True)
class Look(Generic[Place]):
    """One slice of a shelf: where it ends, and how many in it may go.

    `upto` is None where nothing follows that could be old enough.
    """

    upto: Place | None
    ripe: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf(Generic[Place]):
    """A table whose rows go when they are old enough, and how it is walked over.

    `start` is the place before the first row, and `every` how long after one walk the next
    begins. `look` takes a place, the cutoffs and a limit, and looks at so many rows behind the
    place; it is surveyed. `clear` takes two places and the cutoffs, lets go what may go between
    the two, and returns how many went.
    """

    name: str
    start: Place
    every: timedelta
    look: Callable[[Place, Cutoffs, int], Unit[Look[Place]]]
    clear: Callable[[Place, Place, Cutoffs], Unit[int]]


class SurveyedStore(Store, Surveyed, Protocol):
    """Where units run, beside those that look for long."""


class Retention:
    """Walks over the shelves while its process is on duty."""

    def __init__(
        self,
        store: SurveyedStore,
        shelves: Sequence[Shelf[Any]],
        *,
        spans: Spans,
        clock: Clock,
        pause: timedelta = PAUSE,
    ) -> None:
        self._store = store
        self._shelves = shelves
        self._spans = spans
        self._clock = clock
        self._pause = pause.total_seconds()
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, with a walk over all shelves."""
        self._running = asyncio.create_task(self._run(), name="retention")

    async def stop(self) -> None:
        """Stop between two slices."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def walk(self, shelf: Shelf[Place]) -> int:
        """Walk over one shelf from its start to what is too young; return how many went."""
        limits = cutoffs(self._spans, now=self._clock())
        place: Place | None = shelf.start
        gone = 0
        while place is not None:
            look = await self._store.survey(shelf.look(place, limits, SLICE))
            if look.upto is not None and look.ripe:
                gone += await self._store.commit(_cleared(shelf.clear(place, look.upto, limits)))
            place = look.upto
            await asyncio.sleep(self._pause)
        if gone:
            log.info("retention.let_go", of=shelf.name, number=gone)
        return gone

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due = dict.fromkeys(range(len(self._shelves)), loop.time())
        while True:
            number = min(due, key=due.__getitem__)
            await asyncio.sleep(max(0.0, due[number] - loop.time()))
            pause = await self._walk_or_log(self._shelves[number])
            due[number] = loop.time() + pause.total_seconds()

    async def _walk_or_log(self, shelf: Shelf[Any]) -> timedelta:
        """Walk over a shelf; return after how long the next walk begins."""
        try:
            await self.walk(shelf)
        except Unavailable:
            log.warning("retention.store_unavailable")
            return _AFTER_TROUBLE
        except Exception:
            # A bug met on one shelf is met again at its next turn, and holds up no other.
            log.exception("retention.broke", of=shelf.name)
        return shelf.every


@unit
def _cleared(clear: Unit[int]) -> Steps[int]:
    """Clear a slice of any shelf; who dies before it is committed has let nothing go."""
    gone = yield from clear
    reach(Crashpoint.SWEEPING)
    return gone
