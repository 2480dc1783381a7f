"""How a tenant's URL is doing: when it is left alone, and how gently it is called again.

Everything here is a rule about values; `gates.py` counts what is under way, and the dispatcher
keeps what changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from jackfield.clock import Moment, after
from jackfield.deliveries import Attempt, Outcome
from jackfield.delivery.retries import FIRST_DELAY, LONGEST_RETRY_AFTER
from jackfield.units import Unit

FAILURES_TO_OPEN = 3
"""Conversations in a row that a URL must fail, with no success between, to count as down."""

LONGEST_PROBE_DELAY = timedelta(minutes=1)
"""A URL that is down is tried at least this often, by one delivery at a time."""

SLOW_START = timedelta(minutes=1)
"""So long a URL that is back gets a tenth of what it may have; in as long again it gets all."""

SLOW_SHARE = 0.1

KNOWN_AT_ONCE = 500
"""Of so many URLs it is read at once what is remembered of them."""

FIRST = ("", "")
"""Before the first of them."""


class Breaker(StrEnum):
    """Whether a URL counts as up."""

    CLOSED = "closed"  # it is called
    OPEN = "open"  # it failed as a whole; one delivery at a time finds out whether it is back


class Paused(StrEnum):
    """Why a URL is not called at all until somebody resumes it."""

    GONE = "gone"  # it answered 410 (ruling R30)
    REQUESTED = "requested"  # its tenant or the operator wanted it


@dataclass(frozen=True, slots=True)
class Destination:
    """What is remembered of one URL of one tenant; one without a fault needs no row.

    `failures` counts the conversations that failed in a row, `not_before` is the earliest next
    call, `slow_start_at` when it came back, and `resumed_at` when it was last resumed.
    """

    paused_at: Moment | None = None
    paused_because: Paused | None = None
    breaker: Breaker = Breaker.CLOSED
    failures: int = 0
    not_before: Moment | None = None
    slow_start_at: Moment | None = None
    resumed_at: Moment | None = None

    @property
    def is_sound(self) -> bool:
        """Whether it refuses, when it does, a delivery and not all of them."""
        return self.breaker is Breaker.CLOSED and self.paused_at is None


@dataclass(frozen=True, slots=True)
class Limits:
    """What one URL may have: calls at the same time, and calls begun in a second."""

    at_once: int
    per_second: float


class Destinations(Protocol):
    """What is asked of the table of destinations."""

    def known(
        self, *, after: tuple[str, str] = FIRST, limit: int = KNOWN_AT_ONCE
    ) -> Unit[dict[tuple[str, str], Destination]]:
        """Return destinations with something to remember, in the order of (API key, URL)."""
        ...

    def remember(self, api_key: str, url: str, destination: Destination) -> Unit[None]:
        """Keep how the URL is doing; whether it is paused stays as it is."""
        ...

    def note(self, api_key: str, url: str, destination: Destination) -> Unit[None]:
        """Do as `remember` does for a URL of which something is remembered, or that is in use.

        Of one that only copies go to nothing is kept.
        """
        ...

    def is_paused(self, api_key: str, url: str) -> Unit[bool]:
        """Return whether the URL is paused now."""
        ...

    def lanes(self, api_key: str, url: str) -> Unit[list[int]]:
        """Return the lanes whose deliveries go to the URL now."""
        ...

    def pause(self, api_key: str, url: str, *, because: Paused, now: Moment) -> Unit[bool]:
        """Call the URL no more; return False when it is paused already, and stays so."""
        ...

    def resume(self, api_key: str, url: str, *, now: Moment) -> Unit[bool]:
        """Call the URL again, gently; return False when it is not paused.

        The 24 hours of what waits for it begin anew, and whatever it failed at is forgotten.
        """
        ...


def judged(
    destination: Destination,
    attempt: Attempt,
    *,
    is_news: bool,
    now: Moment,
) -> Destination:
    """Return how the URL is doing after one more attempt (rulings R15 and R30).

    A success closes the breaker. Failing as a whole is told from refusing one message by several
    conversations failing with no success between; `is_news` says that this one has not been
    counted. One that fails alone has its own schedule and needs no breaker. 429, and
    `Retry-After` with any refusal, is a wish of the whole URL. 410 pauses it, and whoever records
    that does so.
    """
    match attempt.outcome:
        case Outcome.DELIVERED:
            return _succeeded(destination, now=now)
        case Outcome.GONE | Outcome.NOWHERE | Outcome.BROKE:
            return destination
        case Outcome.THROTTLED:
            return _throttled(destination, attempt.retry_after or FIRST_DELAY, now=now)
        case _:
            failed = _failed(destination, is_news=is_news, now=now)
            if attempt.retry_after is None:
                return failed
            return _throttled(failed, attempt.retry_after, now=now)


def _succeeded(destination: Destination, *, now: Moment) -> Destination:
    if destination.breaker is Breaker.CLOSED:
        return replace(destination, failures=0) if destination.failures else destination
    return replace(
        destination,
        breaker=Breaker.CLOSED,
        failures=0,
        not_before=None,
        slow_start_at=now,
    )


def _throttled(destination: Destination, wait: timedelta, *, now: Moment) -> Destination:
    until = after(now, min(wait, LONGEST_RETRY_AFTER))
    if destination.not_before is not None and destination.not_before >= until:
        return destination
    return replace(destination, not_before=until, slow_start_at=until)


def _failed(destination: Destination, *, is_news: bool, now: Moment) -> Destination:
    if destination.breaker is Breaker.OPEN:
        if now < (destination.not_before or 0):
            return destination  # it was under way when the breaker opened, and says nothing new
    elif not is_news:
        return destination
    failures = destination.failures + 1
    if failures < FAILURES_TO_OPEN:
        return replace(destination, failures=failures)
    doublings = min(failures - FAILURES_TO_OPEN, 10)
    delay = min(FIRST_DELAY * 2**doublings, LONGEST_PROBE_DELAY)
    return replace(
        destination,
        breaker=Breaker.OPEN,
        failures=failures,
        not_before=after(now, delay),
    )


def limits_at(destination: Destination, limits: Limits, *, now: Moment) -> Limits:
    """Return what the URL may have now: little while it is just back, and never nothing."""
    began = destination.slow_start_at
    if began is None or now >= after(began, 2 * SLOW_START):
        return limits
    risen = timedelta(milliseconds=now - began) / SLOW_START - 1
    share = SLOW_SHARE + (1 - SLOW_SHARE) * max(0.0, risen)
    return Limits(max(1, int(limits.at_once * share)), max(1.0, limits.per_second * share))
