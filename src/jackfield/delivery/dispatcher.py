"""Takes what is due, keeps each conversation in order, and records how every attempt ended.

What is in flight is known in memory only: there is no claim to write, because one process owns
what it dispatches. What has to survive that process is in the database: a row in `pending`
until its end is recorded, and the time of its next attempt.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta

import structlog

from jackfield.clock import Clock, Moment
from jackfield.crashpoints import Crashpoint, reach
from jackfield.deliveries import SPREAD, Attempt, Deliveries, Outcome, Pending, retry_at
from jackfield.metrics import Metrics
from jackfield.problems import Unavailable
from jackfield.units import Store, Unit

log = structlog.get_logger()

AttemptOne = Callable[[Pending], Awaitable[Attempt]]
"""Tries one pending thing once and says how it ended; it raises nothing a stranger can cause."""

LONGEST_NAP = timedelta(seconds=5)
"""Another process may have stored something due, so nobody sleeps longer than this."""

_AFTER_TROUBLE = timedelta(seconds=1)
_GRACE = timedelta(seconds=30)


class Dispatcher:
    """Dispatches every shard, `in_flight` attempts at once, one for each conversation."""

    def __init__(
        self,
        store: Store,
        deliveries: Deliveries,
        *,
        attempt_by_kind: Mapping[str, AttemptOne],
        in_flight: int,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._deliveries = deliveries
        self._attempt_by_kind = attempt_by_kind
        self._limit = in_flight
        self._clock = clock
        self._metrics = metrics
        self._news = asyncio.Event()
        self._busy: dict[int, asyncio.Task[None]] = {}
        self._ended: set[int] = set()  # since the last look at what is due began
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to dispatch, first what an earlier process left."""
        self._running = asyncio.create_task(self._run(), name="dispatcher")

    def wake(self) -> None:
        """Say that something may be due."""
        self._news.set()

    async def stop(self) -> None:
        """Take nothing more, and wait (at most 30 s) for what is in flight."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        reach(Crashpoint.DRAINING)
        if self._busy:
            _, late = await asyncio.wait(self._busy.values(), timeout=_GRACE.total_seconds())
            for task in late:
                task.cancel()

    async def _run(self) -> None:
        while True:
            self._news.clear()
            try:
                nap = await self._take()
            except Unavailable:
                log.warning("dispatcher.store_unavailable")
                nap = _AFTER_TROUBLE
            except Exception:
                # A bug met by one look must not end all deliveries.
                log.exception("dispatcher.broke")
                nap = _AFTER_TROUBLE
            if nap:
                await self._sleep(nap)

    async def _take(self) -> timedelta:
        """Start what is due and may start; return how long nothing more will be."""
        room = self._limit - len(self._busy)
        if room <= 0:
            return LONGEST_NAP  # an end wakes us
        now = self._clock()
        self._ended.clear()
        # What is in flight is still due, so it comes again and takes its share of the window.
        window = self._limit + room
        items = await self._store.read(self._deliveries.due(now, window))
        started = 0
        behind: list[Pending] = []
        for item in items:
            if item.number in self._ended or item.conversation in self._busy:
                behind += [item] if len(items) == window and not item.is_head else []
            elif not item.is_head:
                behind.append(item)
            elif started < room:
                self._start(item)
                started += 1
        if behind:
            await asyncio.gather(*[self._commit(self._deliveries.wait_behind(i)) for i in behind])
            return timedelta(0)
        return timedelta(0) if started == room else await self._until_next(now)

    async def _until_next(self, now: Moment) -> timedelta:
        """Return how long until time alone makes something due; an end or news comes by itself."""
        due_at = await self._store.read(self._deliveries.next_due_after(now))
        if due_at is None:
            return LONGEST_NAP
        return min(timedelta(milliseconds=due_at - now), LONGEST_NAP)

    async def _sleep(self, nap: timedelta) -> None:
        with suppress(TimeoutError):  # nothing new: look whether time made something due
            async with asyncio.timeout(nap.total_seconds()):
                await self._news.wait()

    def _start(self, item: Pending) -> None:
        task = asyncio.create_task(self._carry_out(item))
        self._busy[item.conversation] = task
        self._metrics.in_flight.set(len(self._busy))

    async def _carry_out(self, item: Pending) -> None:
        reach(Crashpoint.PICKED_NOT_CONNECTED)
        try:
            attempt = await self._attempt(item)
            reach(Crashpoint.RESPONSE_NOT_RECORDED)
            await self._commit(self._recorded(item, attempt))
        except Exception:
            # It stays due. Its conversation waits a moment, so that it is not sent without end.
            log.exception("dispatcher.outcome_not_recorded", subject=item.subject)
            await asyncio.sleep(_AFTER_TROUBLE.total_seconds())
        finally:
            self._ended.add(item.number)
            del self._busy[item.conversation]
            self._metrics.in_flight.set(len(self._busy))
            self._news.set()

    async def _attempt(self, item: Pending) -> Attempt:
        started_at = self._clock()
        try:
            return await self._attempt_by_kind[item.kind](item)
        except Exception:
            # A bug of ours must cost this message its turn, not its life.
            log.exception("attempt.broke", subject=item.subject)
            return Attempt(
                tried=item.tries + 1,
                started_at=started_at,
                milliseconds=self._clock() - started_at,
                outcome=Outcome.BROKE,
                detail="an error inside the gateway; its log says which",
            )

    def _recorded(self, item: Pending, attempt: Attempt) -> Unit[None]:
        now = self._clock()
        self._metrics.attempted(attempt.outcome)
        # What goes well is counted; only what does not is worth a line of everybody's log.
        say = log.debug if attempt.outcome.is_final else log.info
        say(
            "delivery.attempted",
            delivery=item.subject,
            outcome=attempt.outcome,
            status=attempt.status,
            attempt=attempt.tried,
        )
        if attempt.outcome.is_final:
            return self._deliveries.succeed(item, attempt, now=now)
        spread = random.uniform(0, SPREAD)  # noqa: S311 -- spreads a crowd, keeps no secret
        due_at = retry_at(attempt, since=item.since, now=now, spread=spread)
        if due_at is None:
            return self._deliveries.give_up(item, attempt, now=now)
        return self._deliveries.postpone(item, attempt, due_at=due_at)

    async def _commit(self, work: Unit[None]) -> None:
        """Commit, however often it takes: what was sent must not be sent again for that."""
        while True:
            try:
                return await self._store.commit(work)
            except Unavailable:
                log.warning("dispatcher.outcome_not_recorded_yet")
                await asyncio.sleep(_AFTER_TROUBLE.total_seconds())
