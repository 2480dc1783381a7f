"""Looks every minute whether all that was accepted is still accounted for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import structlog

from jackfield.balance import Balance, Books
from jackfield.clock import SECOND, Clock, iso
from jackfield.metrics import Figure, Metrics
from jackfield.problems import Unavailable
from jackfield.units import Surveyed

log = structlog.get_logger()

PAUSE = timedelta(minutes=1)


class Auditor:
    """Audits while its process is on duty; its last audit is in the metrics until it stops."""

    def __init__(
        self,
        store: Surveyed,
        books: Books,
        *,
        clock: Clock,
        metrics: Metrics,
        pause: timedelta = PAUSE,
    ) -> None:
        self._store = store
        self._books = books
        self._clock = clock
        self._metrics = metrics
        self._pause = pause
        self._warnings: Sequence[str] = ()
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, with an audit at once."""
        self._running = asyncio.create_task(self._run(), name="auditor")

    async def stop(self) -> None:
        """Stop, and say no more of what was found: it may be another's turn to look."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        self._warnings = ()
        self._metrics.hide(Figure.AUDIT_DIFFERENCE, Figure.AUDIT_MESSAGES, Figure.AUDIT_TIME)

    def warnings(self) -> Sequence[str]:
        """Return what an operator must know of the last audit: nothing, when the books agree."""
        return self._warnings

    async def audit(self) -> Balance:
        """Compare both sides now, show them, and say so in the log where they differ."""
        balance = await self._store.survey(self._books.balance())
        now = self._clock()
        self._metrics.show(Figure.AUDIT_DIFFERENCE, {"": balance.difference})
        self._metrics.show(Figure.AUDIT_MESSAGES, balance.terms)
        self._metrics.show(Figure.AUDIT_TIME, {"": now / SECOND})
        self._warnings = ()
        if balance.difference:
            log.error("audit.differs", difference=balance.difference, **balance.terms)
            seen = f"The books differ by {balance.difference} at {iso(now)}: {balance}"
            self._warnings = (f"{seen}; docs/monitoring.md says what that means.",)
        return balance

    async def _run(self) -> None:
        while True:
            try:
                await self.audit()
            except Unavailable:
                log.warning("auditor.store_unavailable")
            except Exception:
                # What looks for faults of others must not end by one of its own.
                log.exception("auditor.broke")
            await asyncio.sleep(self._pause.total_seconds())
