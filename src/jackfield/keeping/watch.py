"""What an operator sees of what waits: since when, for which reason, and how its URLs do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import structlog

from jackfield.clock import SECOND, Clock, Moment
from jackfield.metrics import Figure, Metrics, Waiting
from jackfield.problems import Unavailable
from jackfield.units import Surveyed, Unit

log = structlog.get_logger()

PAUSE = timedelta(seconds=5)
"""Whoever asks more often is told what was seen last."""

SHARE = 50
"""Looking takes at most one part in so many of the time, however much there is to look at."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What is there at one moment: since when the longest waits, and URLs by their state."""

    since: Mapping[Waiting, Moment]
    endpoints: Mapping[str, int]


class Waits(Protocol):
    """What is asked of the tables of what waits."""

    def sight(self, now: Moment) -> Unit[Sight]:
        """Return what waits now; to be surveyed.

        What is `ready` waits since it was due, everything else since its 24 hours began, since
        it was accepted where it is held, and since it came where it was kept.
        """
        ...


class Engine(Surveyed, Protocol):
    """A store that knows how its database is."""

    async def condition(self) -> Mapping[Figure, Mapping[str, float]]:
        """Return the figures that the database itself gives, each by the values of its label.

        Raises `Unavailable` when it cannot be asked.
        """
        ...


class Watch:
    """Looks when it is asked, but not too often, and shows in the metrics what it saw."""

    def __init__(
        self,
        store: Engine,
        waits: Waits,
        *,
        clock: Clock,
        metrics: Metrics,
        pause: timedelta = PAUSE,
    ) -> None:
        self._store = store
        self._waits = waits
        self._clock = clock
        self._metrics = metrics
        self._pause = pause.total_seconds()
        self._due = 0.0
        self._looking: asyncio.Task[None] | None = None

    async def look(self, *, patience: timedelta) -> None:
        """Look, and wait at most `patience` for it; a longer look ends by itself.

        When the database cannot be asked, what was seen last stays.
        """
        if self._looking is None or self._looking.done():
            if asyncio.get_running_loop().time() < self._due:
                return
            self._looking = asyncio.create_task(self._look(), name="watch")
        await asyncio.wait([self._looking], timeout=patience.total_seconds())

    async def close(self) -> None:
        """Look no longer."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            now = self._clock()
            sight = await self._store.survey(self._waits.sight(now))
            condition = await self._store.condition()
        except Unavailable:
            log.warning("watch.store_unavailable")
        except Exception:
            log.exception("watch.broke")
        else:
            self._metrics.set_oldest_pending_ages(ages(sight.since, now=now))
            self._metrics.show(Figure.ENDPOINT_STATE, sight.endpoints)
            for figure, values in condition.items():
                self._metrics.show(figure, values)
        ended = loop.time()
        self._due = ended + max(self._pause, SHARE * (ended - began))


def ages(since: Mapping[Waiting, Moment], *, now: Moment) -> dict[Waiting, float]:
    """Return how many seconds the longest waits for each reason; a clock set back makes it 0."""
    return {reason: max(0, now - moment) / SECOND for reason, moment in since.items()}
