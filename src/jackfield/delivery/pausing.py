"""Which URLs are left alone, seen and decided by whoever they belong to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import structlog

from jackfield.clock import Clock, Moment
from jackfield.delivery.destinations import Breaker, Destination, Destinations, Paused
from jackfield.problems import NotFound
from jackfield.units import Steps, Store, Unit, unit

log = structlog.get_logger()


class Condition(StrEnum):
    """How a URL is doing, in one word."""

    UP = "up"
    WAITING = "waiting"  # it asked for time: 429, or Retry-After
    DOWN = "down"  # it fails as a whole; one delivery at a time finds out whether it is back
    PAUSED = "paused"  # until somebody resumes it


@dataclass(frozen=True, slots=True)
class Remembered:
    """A URL of a tenant about which something is remembered."""

    api_key: str
    url: str
    destination: Destination


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose URLs are meant: a tenant's, or only those of one of its applications."""

    api_key: str
    application_id: str | None = None


class DestinationPages(Protocol):
    """What is asked of the table of destinations by those who look."""

    def page(
        self,
        *,
        api_key: str | None,
        application_id: str | None,
        after: tuple[str, str],
        limit: int,
    ) -> Unit[Sequence[Remembered]]:
        """Return `limit` of one tenant's, or everybody's, by (API key, URL) behind `after`."""
        ...

    def find(self, api_key: str, url: str) -> Unit[Remembered | None]:
        """Return what is remembered of a URL, or None."""
        ...

    def is_used(self, whose: Whose, url: str) -> Unit[bool]:
        """Return whether an application of theirs hears at the URL, or the tenant itself."""
        ...


class Pausing:
    """Pauses and resumes URLs; `changed` tells who calls them."""

    def __init__(
        self,
        store: Store,
        *,
        destinations: Destinations,
        pages: DestinationPages,
        clock: Clock,
        changed: Callable[[], None],
    ) -> None:
        self._store = store
        self._destinations = destinations
        self._pages = pages
        self._clock = clock
        self._changed = changed

    async def pause(self, whose: Whose, url: str) -> Remembered:
        """Call a URL no more until it is resumed; what is owed to it waits (ruling R30).

        Paused already, it stays as it is. Raises NotFound for a URL that is not theirs.
        """
        remembered = await self._store.commit(self._pause(whose, url))
        self._changed()
        log.info("destination.paused", tenant=whose.api_key)
        return remembered

    async def resume(self, whose: Whose, url: str) -> Remembered:
        """Call a URL again, gently; the 24 hours of what waits for it begin anew.

        One that is not paused stays as it is. Raises NotFound for a URL that is not theirs.
        """
        remembered = await self._store.commit(self._resume(whose, url))
        self._changed()
        log.info("destination.resumed", tenant=whose.api_key)
        return remembered

    @unit
    def _pause(self, whose: Whose, url: str) -> Steps[Remembered]:
        yield from self._check(whose, url)
        yield from self._destinations.pause(
            whose.api_key, url, because=Paused.REQUESTED, now=self._clock()
        )
        return (yield from self._found(whose, url))

    @unit
    def _resume(self, whose: Whose, url: str) -> Steps[Remembered]:
        yield from self._check(whose, url)
        yield from self._destinations.resume(whose.api_key, url, now=self._clock())
        return (yield from self._found(whose, url))

    @unit
    def _check(self, whose: Whose, url: str) -> Steps[None]:
        """Raise NotFound unless the URL is used, or is one that something is remembered of."""
        if (yield from self._pages.is_used(whose, url)):
            return
        # Test URLs belong to nobody's application, so to the tenant only.
        if whose.application_id is not None:
            raise NotFound
        if (yield from self._pages.find(whose.api_key, url)) is None:
            raise NotFound

    @unit
    def _found(self, whose: Whose, url: str) -> Steps[Remembered]:
        found = yield from self._pages.find(whose.api_key, url)
        return found or Remembered(whose.api_key, url, Destination())


def condition(destination: Destination, *, now: Moment) -> Condition:
    """Return how a URL is doing now."""
    if destination.paused_at is not None:
        return Condition.PAUSED
    if destination.breaker is Breaker.OPEN:
        return Condition.DOWN
    if next_call(destination, now=now) is not None:
        return Condition.WAITING
    return Condition.UP


def next_call(destination: Destination, *, now: Moment) -> Moment | None:
    """Return until when a URL is left alone; None when it may be called now, or is paused.

    What is remembered of it stays as it was when its time had come.
    """
    if destination.paused_at is not None:
        return None
    until = destination.not_before
    return until if until is not None and until > now else None
