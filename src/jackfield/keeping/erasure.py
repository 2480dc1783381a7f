"""Erases what is kept of one person at one account: trail by trail, in slices nobody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from jackfield.clock import Clock, Moment
from jackfield.keeping.retention import SLICE, SurveyedStore
from jackfield.problems import Invalid
from jackfield.units import Unit

PAUSE = 0.02
"""Seconds between two slices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One person as one account knows them, under every id it has for them.

    Of an account that is no more, neither its number nor its routing key is known.
    """

    provider: str
    external_id: str
    account_id: int | None
    routing_key: str | None
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What one slice of a table has of a person.

    `upto` is the place where the slice ends, None after the last. `undelivered` of the items were
    still owed or given up, and so many `messages` go with them. `elsewhere` are kept pieces that
    name the person and may hold what others said; somebody must look at them.
    """

    upto: str | None
    items: Sequence[Any] = ()
    undelivered: int = 0
    messages: int = 0
    elsewhere: Sequence[int] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """A table that may hold something of a person.

    `look` takes the person and a place ("" before the first row) and is surveyed; `erase` takes
    the person, items that were found, and the time, and looks again whether they may go.
    """

    name: str
    look: Callable[[Person, str], Unit[Found]]
    erase: Callable[[Person, Sequence[Any], Moment], Unit[None]]


@dataclass(frozen=True, slots=True)
class Slice:
    """What one slice had: of which trail, how much, and where the next begins, if there is one."""

    trail: str
    number: int
    undelivered: int
    messages: int
    elsewhere: Sequence[int]
    place: str | None


class Erasure:
    """Goes along the trails in their order; what is owed comes before who it is of."""

    def __init__(self, store: SurveyedStore, trails: Sequence[Trail], *, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._trails = {trail.name: trail for trail in trails}
        self._names = [trail.name for trail in trails]

    async def slice(self, person: Person, *, place: str, is_rehearsal: bool) -> Slice:
        """Erase what one slice has of a person, or in a rehearsal only count it.

        `place` is "" at the beginning, and then what the slice before gave: whoever stops in
        between goes on there, or begins again. Raises Invalid for a place that is none.
        """
        name, _, behind = (place or f"{self._names[0]}/").partition("/")
        trail = self._trails.get(name)
        if trail is None:
            raise Invalid(detail="There is no such place to go on from; begin again without one.")
        found = await self._store.survey(trail.look(person, behind))
        for start in range(0, 0 if is_rehearsal else len(found.items), SLICE):
            items = found.items[start : start + SLICE]
            await self._store.commit(trail.erase(person, items, self._clock()))
            await asyncio.sleep(PAUSE)
        return Slice(
            name,
            len(found.items),
            found.undelivered,
            found.messages,
            found.elsewhere,
            self._next(name, found.upto),
        )

    def _next(self, name: str, upto: str | None) -> str | None:
        if upto is not None:
            return f"{name}/{upto}"
        following = self._names.index(name) + 1
        return f"{self._names[following]}/" if following < len(self._names) else None
