"""Takes what is due, fair to all, keeps each conversation in order, and records how it ended.

What is in flight is known in memory only: there is no claim to write, because one process owns
what it dispatches. What has to survive that process is in the database: a row in `pending`
until its end is recorded, the time of its next attempt, and how each URL is doing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from datetime import timedelta

import structlog

from jackfield.clock import Clock, Moment, after
from jackfield.crashpoints import Crashpoint, reach
from jackfield.deliveries import Attempt, Elsewhere, Outcome, Pending, lasted
from jackfield.delivery.gates import Gate
from jackfield.delivery.lanes import Lanes, Start
from jackfield.delivery.recording import Recorder
from jackfield.delivery.supply import Supply
from jackfield.metrics import Metrics
from jackfield.problems import Unavailable
from jackfield.units import Result, Store, Unit, quick

log = structlog.get_logger()

AttemptOne = Callable[[Pending, str], Awaitable[Attempt | Elsewhere | None]]
"""Tries one pending thing once, at the URL whose gate let it through, and says how it ended.

Elsewhere when it goes to another URL by now, and None when it is no longer to be done; nothing was
tried then. It raises nothing a stranger can cause.
"""

LONGEST_NAP = timedelta(seconds=5)
"""Another process may have stored something due, so nobody sleeps longer than this."""

BURST = 8
"""After so many attempts that begin, everybody else has the loop once: webhooks do not wait."""

HINT_PAUSE = timedelta(hours=1)
"""So long the operator is not told again what a setting of theirs may be the reason of."""

_AFTER_TROUBLE = timedelta(seconds=1)
_LONGEST_TROUBLE = timedelta(minutes=1)
_GRACE = timedelta(seconds=30)


class Dispatcher:
    """Dispatches every shard: many attempts at once, one for each conversation."""

    def __init__(
        self,
        store: Store,
        supply: Supply,
        recorder: Recorder,
        *,
        attempt_by_kind: Mapping[str, AttemptOne],
        in_flight: int,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._supply = supply
        self._recorder = recorder
        self._attempt_by_kind = attempt_by_kind
        self._clock = clock
        self._metrics = metrics
        self._slots = in_flight
        self._lanes = Lanes(in_flight)
        self._news = asyncio.Event()
        self._begun = asyncio.Event()
        self._hints_at = Moment(0)
        self._busy: dict[int, asyncio.Task[None]] = {}  # by conversation
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to dispatch, first what an earlier process left."""
        self._lanes = Lanes(self._slots)
        self._supply.begin(self._news.set)
        self._running = asyncio.create_task(self._run(), name="dispatcher")

    async def begun(self) -> None:
        """Return when a first attempt has ended, or a first look found nothing to try."""
        await self._begun.wait()

    def wake(self) -> None:
        """Say that something may be due, or that where things go or may go has changed."""
        self._supply.restock()
        self._news.set()

    def arrived(self, lanes: Collection[int]) -> None:
        """Say that something is due in these lanes; unless it dispatches, nothing happens."""
        if self._running is not None:
            for number in lanes:
                self._lanes.heard(number)
            self._news.set()

    async def stop(self) -> None:
        """Take nothing more, and wait (at most 30 s) for what is in flight."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
            self._running = None
        reach(Crashpoint.DRAINING)
        if self._busy:
            _, late = await asyncio.wait(self._busy.values(), timeout=_GRACE.total_seconds())
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self._supply.forget()

    async def _run(self) -> None:
        while True:
            self._news.clear()
            try:
                nap = await self._take()
                if not self._busy and not self._supply.is_searching:
                    self._begun.set()
            except Unavailable:
                log.warning("dispatcher.store_unavailable")
                nap = _AFTER_TROUBLE
            except Exception:
                # A bug met by one look must not end all deliveries.
                log.exception("dispatcher.broke")
                nap = _AFTER_TROUBLE
            await (self._sleep(nap) if nap else asyncio.sleep(0))

    async def _take(self) -> timedelta:
        """Start what is due and may start; return how long nothing more will be."""
        if self._lanes.free <= 0:
            return LONGEST_NAP  # an end wakes us
        await self._supply.bring(self._lanes, busy=self._busy)
        now = self._clock()
        begun = 0
        while (start := self._lanes.next(now)) is not None:
            self._start(start)
            begun += 1
            if not begun % BURST:
                await asyncio.sleep(0)
        wakes_at = self._lanes.wakes_at(now)
        if self._lanes.dry():
            return timedelta(0)
        if wakes_at is None:
            return LONGEST_NAP
        return min(timedelta(milliseconds=wakes_at - now), LONGEST_NAP)

    async def _sleep(self, nap: timedelta) -> None:
        with suppress(TimeoutError):  # nothing new: look whether time made something due
            async with asyncio.timeout(nap.total_seconds()):
                await self._news.wait()

    def _start(self, start: Start) -> None:
        if start.item.conversation in self._busy:
            # Its row was renewed behind our back; it is looked up again when the other has ended.
            start.gate.abandon()
            self._lanes.ended(start)
            return
        task = asyncio.create_task(self._carry_out(start))
        self._busy[start.item.conversation] = task
        self._metrics.in_flight.set(len(self._busy))

    async def _carry_out(self, start: Start) -> None:
        reach(Crashpoint.PICKED_NOT_CONNECTED)
        item = start.item
        try:
            attempt = await self._attempt(item, start.gate.url)
            if isinstance(attempt, Attempt):
                reach(Crashpoint.RESPONSE_NOT_RECORDED)
                await self._record(start, attempt)
            else:
                start.gate.abandon()
                await self._follow(start, attempt)
        except Exception:
            # It stays due; a bug of ours must not send it without end.
            log.exception("dispatcher.outcome_not_recorded", subject=item.subject)
            await self._put_off(start)
        finally:
            self._supply.ended(item)
            del self._busy[item.conversation]
            self._lanes.ended(start)
            self._metrics.in_flight.set(len(self._busy))
            self._begun.set()
            self._news.set()

    async def _attempt(self, item: Pending, url: str) -> Attempt | Elsewhere | None:
        started_at = self._clock()
        try:
            return await self._attempt_by_kind[item.kind](item, url)
        except Exception:
            # A bug of ours must cost this message its turn, not its life.
            log.exception("attempt.broke", subject=item.subject)
            return Attempt(
                tried=item.tries + 1,
                started_at=started_at,
                milliseconds=lasted(started_at, self._clock()),
                outcome=Outcome.BROKE,
                detail="an error inside the gateway; its log says which",
            )

    async def _record(self, start: Start, attempt: Attempt) -> None:
        """Record how an attempt ended, and let go what may go because of that."""
        item, gate, now = start.item, start.gate, self._clock()
        self._metrics.attempted(attempt.outcome)
        start.lane.learn(attempt.milliseconds)
        self._say(item, attempt)
        if attempt.outcome is Outcome.NOT_ALLOWED and now >= self._hints_at:
            self._hint(item, gate, now=now)
        if attempt.outcome is Outcome.NOWHERE:
            gate.abandon()
            self._lanes.goes_nowhere(start.lane)
            await self._supply.take_back(item, self._commit)
            self._lanes.heard(item.lane)  # it may go somewhere by now
            return
        was_sound = gate.destination.is_sound
        recorded = self._recorder.recorded(item, attempt, gate, now=now)
        has_next = await self._commit(quick(recorded))
        if has_next:
            self._lanes.heard(item.lane)
        if not attempt.outcome.is_final:
            reach(Crashpoint.FAILED_NOT_SCHEDULED)
            self._lanes.heard(item.lane)
        if gate.destination.is_sound and not was_sound:
            await self._supply.let_all_go(self._lanes, gate)

    async def _put_off(self, start: Start) -> None:
        """Have it tried later, however often that takes: its conversation waits meanwhile."""
        item, pause = start.item, _AFTER_TROUBLE
        while True:
            try:
                work = self._recorder.put_off(item, start.gate, now=self._clock())
                await self._commit(quick(work))
            except Exception:
                log.exception("dispatcher.not_put_off", subject=item.subject)
                await asyncio.sleep(pause.total_seconds())
                pause = min(2 * pause, _LONGEST_TROUBLE)
            else:
                self._lanes.heard(item.lane)
                return

    async def _follow(self, start: Start, elsewhere: Elsewhere | None) -> None:
        """Send what is owed in a lane through the gate of the URL where it goes by now.

        What goes nowhere because it is no longer to be done lets the next one go.
        """
        if elsewhere is not None:
            gate = self._supply.gate(start.gate.api_key, elsewhere.url)
            self._lanes.move(start.lane, gate)
            self._lanes.heard(start.item.lane)
        elif await self._commit(self._supply.buried(start.item)):
            self._lanes.heard(start.item.lane)

    @staticmethod
    def _say(item: Pending, attempt: Attempt) -> None:
        # What goes well is counted; only what does not is worth a line of everybody's log.
        say = log.debug if attempt.outcome.is_final else log.info
        say(
            "delivery.attempted",
            delivery=item.subject,
            outcome=attempt.outcome,
            status=attempt.status,
            attempt=attempt.tried,
        )

    def _hint(self, item: Pending, gate: Gate, *, now: Moment) -> None:
        # A tenant is told what is wrong in its own words; only the operator can set this.
        self._hints_at = after(now, HINT_PAUSE)
        log.warning(
            "delivery.not_allowed",
            tenant=gate.api_key,
            delivery=item.subject,
            setting="JACKFIELD_EGRESS_ALLOW",
        )

    async def _commit(self, work: Unit[Result]) -> Result:
        """Commit, however often it takes: what was sent must not be sent again for that."""
        while True:
            try:
                return await self._store.commit(work)
            except Unavailable:
                log.warning("dispatcher.outcome_not_recorded_yet")
                await asyncio.sleep(_AFTER_TROUBLE.total_seconds())
