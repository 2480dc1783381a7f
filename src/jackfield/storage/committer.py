"""Many small units of work, one transaction (group commit).

While one transaction is being made durable, the next units gather; the batch goes when the
writer is free. There is no timer: a lone request waits for nobody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

from jackfield.clock import Clock, Moment
from jackfield.metrics import Metrics
from jackfield.problems import Unavailable
from jackfield.units import Counted, Result, Unit

LARGEST_BATCH = 128


@dataclass(frozen=True, slots=True)
class Done:
    """A unit whose transaction is committed, and what it tallied."""

    result: Any
    tallies: Sequence[Counted] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """A unit of which nothing was stored, or of which that is not known."""

    error: BaseException


Ended = Done | Failed


def tallies_of(ended: Iterable[Ended]) -> Mapping[str, int]:
    """Return what the units that are done tallied, all together, in the order of the names.

    Whoever stores sums in this order waits for nobody who waits for him.
    """
    sums: dict[str, int] = {}
    for end in ended:
        if isinstance(end, Done):
            for name, by in end.tallies:
                sums[name] = sums.get(name, 0) + by
    return {name: sums[name] for name in sorted(sums)}


def outcome(ended: Ended) -> Any:  # noqa: ANN401 -- whatever the unit returned
    """Return what a unit returned, or raise what it raised."""
    if isinstance(ended, Failed):
        raise ended.error
    return ended.result


RunBatch = Callable[[Sequence[Unit[Any]]], Awaitable[list[Ended]]]
"""Runs units in one transaction, or in several where one unit would harm its neighbours.

Gives one `Ended` for each unit, in order, and raises nothing of a unit's.
"""


class _Given(NamedTuple):
    """A unit that was handed in, when, and who waits for its end."""

    work: Unit[Any]
    future: asyncio.Future[Any]
    at: Moment


class Committer:
    """Gathers units into batches for one writer."""

    def __init__(
        self,
        run_batch: RunBatch,
        *,
        clock: Clock,
        metrics: Metrics,
        most_quick: int = LARGEST_BATCH,
    ) -> None:
        """Take `most_quick`: so many quick units go together at most, and of others more."""
        self._run_batch = run_batch
        self._most_quick = most_quick
        self._clock = clock
        self._metrics = metrics
        self._waiting: deque[_Given] = deque()
        self._batch: Sequence[_Given] = ()
        self._writing: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def since(self) -> Moment | None:
        """When the oldest unit was handed in that has not ended; None where all have."""
        oldest = next(chain(self._batch, self._waiting), None)
        return None if oldest is None else oldest.at

    async def commit(self, work: Unit[Result]) -> Result:
        """Return the result of `work` once it is durable; see `Store.commit`."""
        if self._closed:
            raise Unavailable("The store is closing; try again shortly.")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Given(work, future, self._clock()))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return await future

    async def close(self) -> None:
        """Take no more units and wait for those already taken."""
        self._closed = True
        if self._writing is not None:
            await asyncio.wait([self._writing])  # whoever stops waiting here stops no writing

    async def _write(self) -> None:
        try:
            while self._waiting:
                self._batch = batch = self._gather()
                with self._metrics.commit_seconds.time():
                    ended = await self._run([given.work for given in batch])
                self._metrics.commit_batch_size.observe(len(batch))
                for given, end in zip(batch, ended, strict=True):
                    _answer(given.future, end)
                self._metrics.tallied(tallies_of(ended))
        finally:
            self._batch = ()
            self._writing = None

    def _gather(self) -> list[_Given]:
        batch = [self._waiting.popleft()]
        most = self._most_quick if batch[0].work.is_quick else LARGEST_BATCH
        while self._waiting and len(batch) < most:
            if not _go_together(batch[-1].work, self._waiting[0].work):
                break
            batch.append(self._waiting.popleft())
        return batch

    async def _run(self, units: Sequence[Unit[Any]]) -> list[Ended]:
        try:
            return await self._run_batch(units)
        except Exception as error:  # noqa: BLE001 -- each waiting caller is told, and raises it
            return [Failed(error)] * len(units)


def _go_together(one: Unit[Any], other: Unit[Any]) -> bool:
    return one.is_quick == other.is_quick and not (one.is_alone or other.is_alone)


def _answer(future: asyncio.Future[Any], end: Ended) -> None:
    if future.done():  # the caller went away; what it asked for is committed all the same
        return
    if isinstance(end, Done):
        future.set_result(end.result)
    else:
        future.set_exception(end.error)
