"""A store that never learns what became of its COMMIT."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from jackfield.problems import OutcomeUnknown, Problem, Unavailable
from jackfield.units import Result, Steps, Unit, unit
from standing_in import StandIn


class _Undone(Exception):
    """Rolls a unit back that would have been committed."""


@unit
def undone(work: Unit[Any]) -> Steps[None]:
    yield from work
    raise _Undone


@dataclass
class Doubtful(StandIn):
    """The real store, whose COMMIT is never answered: it commits all the same, or does not.

    `is_blind` says that afterwards nothing can be read either; `afterwards` is what happens
    before anybody looks.
    """

    commits: bool = True
    is_blind: bool = False
    afterwards: Callable[[], Awaitable[object]] | None = None
    has_committed: bool = False

    async def commit(self, work: Unit[Result]) -> Result:
        # A unit that failed is told no more than its neighbours.
        with suppress(_Undone, Problem):
            await self.store.commit(work if self.commits else undone(work))
        if self.afterwards is not None:
            await self.afterwards()
        self.has_committed = True
        raise OutcomeUnknown("The store could not say whether it committed; look again.")

    async def read(self, work: Unit[Result]) -> Result:
        if self.has_committed and self.is_blind:
            raise Unavailable("The database could not be read.")
        return await self.store.read(work)

    async def recall(self, work: Unit[Result]) -> Result:
        return await self.read(work)
