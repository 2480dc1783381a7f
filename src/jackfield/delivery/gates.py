"""The gate of each URL: what is under way to it, and whether one more call may begin now."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace
from datetime import timedelta

from jackfield.clock import SECOND, Moment, after
from jackfield.deliveries import Attempt
from jackfield.delivery.destinations import (
    Breaker,
    Destination,
    Limits,
    judged,
    limits_at,
)

NEVER = Moment(2**62)
"""Later than any clock: somebody must do something first."""

GATES_KEPT = 10_000
"""Of so many URLs it is remembered how they did lately, also while nothing is owed to them."""

_LATE = timedelta(minutes=1)

LAST_CHANCES = 4
"""Of what outlived its 24 hours while a URL is down, so many at once get the try they are owed."""


class Gate:
    """Counts the calls to one URL of one tenant; a new process begins with none under way."""

    __slots__ = (
        "_limits",
        "_refilled_at",
        "_tokens",
        "_witnesses",
        "api_key",
        "destination",
        "failed_at",
        "in_flight",
        "succeeded_at",
        "url",
    )

    def __init__(self, api_key: str, url: str, limits: Limits, destination: Destination) -> None:
        self.api_key = api_key
        self.url = url
        self.destination = destination
        self.in_flight = 0
        self.succeeded_at: Moment | None = None
        self.failed_at = Moment(0)
        self._limits = limits
        self._tokens = 1.0
        self._refilled_at: Moment | None = None
        self._witnesses: set[int] = set()

    def learn(self, kept: Destination) -> bool:
        """Take over what others decided about the URL; return whether it was resumed just now.

        How it does otherwise is known better here, where its answers come.
        """
        is_resumed = kept.resumed_at != self.destination.resumed_at and kept.paused_at is None
        if is_resumed:
            self.destination = kept
            self._witnesses.clear()
        else:
            self.destination = replace(
                self.destination, paused_at=kept.paused_at, paused_because=kept.paused_because
            )
        return is_resumed

    def closed_until(self, now: Moment) -> Moment | None:
        """Return when time alone lets a call begin, `NEVER` while paused; None if it may now."""
        destination = self.destination
        if destination.paused_at is not None:
            return NEVER
        if destination.not_before is not None and now < destination.not_before:
            return destination.not_before
        limits = limits_at(destination, self._limits, now=now)
        lacking = 1 - self._refill(limits, now)
        return (
            None if lacking <= 0 else Moment(now + 1 + int(lacking / limits.per_second * SECOND))
        )

    def has_room(self, at_once: int, now: Moment) -> bool:
        """Return whether a call more is not too many; `at_once` is how many there may be at most.

        While the URL is down there is one at a time, which finds out whether it is back.
        """
        if self.destination.breaker is Breaker.OPEN:
            return self.in_flight == 0
        limits = limits_at(self.destination, self._limits, now=now)
        return self.in_flight < min(at_once, limits.at_once)

    def grants_last_chance(self) -> bool:
        """Return whether what outlived its 24 hours may be tried although the URL is down.

        Nothing dies untried, and what waits for a URL that never comes back must end some day.
        """
        is_down = self.destination.breaker is Breaker.OPEN
        is_paused = self.destination.paused_at is not None
        return is_down and not is_paused and self.in_flight < LAST_CHANCES

    def begin(self) -> None:
        """Count one call that begins."""
        self.in_flight += 1
        self._tokens -= 1

    def end(self, attempt: Attempt, *, conversation: int, now: Moment) -> bool:
        """Count its end, and return whether how the URL is doing must be kept."""
        self.in_flight -= 1
        before = self.destination
        self.destination = judged(
            before,
            attempt,
            is_news=conversation not in self._witnesses,
            now=now,
        )
        if attempt.outcome.is_final:
            self.succeeded_at = now
            self._witnesses.clear()
        else:
            self.failed_at = now
            if self.destination.failures > before.failures:
                self._witnesses.add(conversation)
        return _worth_keeping(before) != _worth_keeping(self.destination)

    def abandon(self) -> None:
        """Count the end of a call of which nothing was learned."""
        self.in_flight -= 1

    def _refill(self, limits: Limits, now: Moment) -> float:
        # A tenth of a second's worth may gather, so that what comes in gusts is not slowed down.
        most = max(1.0, limits.per_second / 10)
        if self._refilled_at is None:
            self._tokens = most
        else:
            gained = max(0, now - self._refilled_at) * limits.per_second / SECOND
            self._tokens = min(most, self._tokens + gained)
        self._refilled_at = now
        return self._tokens


def _worth_keeping(destination: Destination) -> tuple[object, ...]:
    """Return what a new process must know; failures that opened nothing are not worth a write."""
    return destination.breaker, destination.not_before, destination.slow_start_at


class Gates:
    """The gates of all URLs that were called lately, or of which something is kept."""

    def __init__(self, limits: Limits) -> None:
        """Take `limits`, which each URL of each tenant has."""
        self._limits = limits
        self._gates: dict[tuple[str, str], Gate] = {}

    def of(self, api_key: str, url: str) -> Gate:
        """Return the gate of a URL of a tenant."""
        found = self._gates.get((api_key, url))
        if found is None:
            found = Gate(api_key, url, self._limits, Destination())
            self._gates[api_key, url] = found
        return found

    def learn(self, known: Mapping[tuple[str, str], Destination]) -> list[Gate]:
        """Take over what is kept of URLs, and return the gates of those that were resumed."""
        resumed = []
        for (api_key, url), kept in known.items():
            there = self._gates.get((api_key, url))
            if there is None:
                self._gates[api_key, url] = Gate(api_key, url, self._limits, kept)
            elif there.learn(kept):
                resumed.append(there)
        return resumed

    def forget(self) -> None:
        """Know nothing: another process may have called them meanwhile."""
        self._gates.clear()

    def forgotten(self, kept: Container[tuple[str, str]], now: Moment) -> None:
        """Open the gates of paused URLs of which nothing is kept any more."""
        for key, gate in self._gates.items():
            paused_at = gate.destination.paused_at
            # What was paused a moment ago may not be kept yet.
            if paused_at is not None and key not in kept and now >= after(paused_at, _LATE):
                gate.learn(Destination())

    def forget_idle(
        self, used: Container[Gate], kept: Container[tuple[str, str]], *, since: Moment
    ) -> None:
        """Drop gates beyond `GATES_KEPT` that nothing goes through.

        But for those that something is wrong with and was kept of by `since`, or is wrong since.
        """
        if len(self._gates) <= GATES_KEPT:
            return
        for key, gate in list(self._gates.items()):
            is_wanted = key in kept or gate.failed_at >= since
            is_in_use = gate in used or gate.in_flight
            if not is_in_use and (gate.destination.is_sound or not is_wanted):
                del self._gates[key]
