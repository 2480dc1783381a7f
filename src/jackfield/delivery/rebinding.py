"""Moves what still waits for an application to whoever hears its account now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

import structlog

from jackfield.accounts import Provider
from jackfield.clock import Clock, Moment
from jackfield.delivery.records import RANGE
from jackfield.units import Steps, Store, Unit, alone, unit

log = structlog.get_logger()

SLICE: Final = 200
"""Deliveries per transaction, and some more where a conversation would else be cut in two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Misplaced:
    """Which deliveries are meant: what waits for an application that its account is not linked to.

    Of one account (its provider and its id there), of one application, or both; of one tenant
    unless `api_key` is None. There is no half of an account, which would mean everybody's.
    """

    api_key: str | None
    account: tuple[Provider, str] | None = None
    application_id: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """One delivery that waits where it should not, and in which conversation."""

    number: int
    account_id: int
    person: str
    conversation: int


@dataclass(frozen=True, slots=True)
class Found:
    """What one look found; the next one goes on from `goes_on_at`, None at the end."""

    waiting: Sequence[Waiting]
    goes_on_at: int | None


@dataclass(frozen=True, slots=True)
class Rebound:
    """What one step did: so many were moved (or would be), and where the next one goes on."""

    moved: int
    goes_on_at: int | None


class Rebinds(Protocol):
    """What rebinding asks of the store."""

    def misplaced(self, which: Misplaced, *, after: int, limit: int) -> Unit[Found]:
        """Return `limit` deliveries that wait where they should not, oldest first, after `after`.

        It looks at a bounded range only, so it may return fewer and still not be at the end.
        """
        ...

    def take_back(self, waiting: Sequence[Waiting], *, now: Moment) -> Unit[int]:
        """Hold the whole conversations of these again, and whatever waits behind them.

        Their accounts let them go, in the order they came, to whoever hears them now. Returns
        how many are held.
        """
        ...


class Rebinding:
    """Rebinds in slices; `released` wakes who lets go what was held."""

    def __init__(
        self,
        store: Store,
        *,
        rebinds: Rebinds,
        clock: Clock,
        released: Callable[[], None],
    ) -> None:
        self._store = store
        self._rebinds = rebinds
        self._clock = clock
        self._released = released

    async def some(self, which: Misplaced, *, after: int, slices: int) -> Rebound:
        """Move what waits where it should not, oldest first, in so many transactions at most."""
        done = Rebound(0, after)
        for _ in range(slices):
            if done.goes_on_at is None:
                break
            work = move_slice(
                which, after=done.goes_on_at, now=self._clock(), rebinds=self._rebinds
            )
            # Alone: nothing arrives between what is taken back and the mark on its account.
            step = await self._store.commit(alone(work))
            done = replace(step, moved=done.moved + step.moved)
        if done.moved:
            self._released()
            log.info("deliveries.rebound", moved=done.moved)
        return done

    async def count(self, which: Misplaced, *, after: int, looks: int) -> Rebound:
        """Count what `some` would move, in so many looks at most; nothing is changed."""
        done = Rebound(0, after)
        for _ in range(looks):
            if done.goes_on_at is None:
                break
            work = self._rebinds.misplaced(which, after=done.goes_on_at, limit=RANGE)
            found = await self._store.read(work)
            done = Rebound(done.moved + len(found.waiting), found.goes_on_at)
        return done


@unit
def move_slice(which: Misplaced, *, after: int, now: Moment, rebinds: Rebinds) -> Steps[Rebound]:
    """Take back the conversations of the oldest misplaced deliveries behind the place `after`.

    Whole conversations, so that nothing of one overtakes the rest of it.
    """
    found = yield from rebinds.misplaced(which, after=after, limit=SLICE)
    moved = 0
    if found.waiting:
        moved = yield from rebinds.take_back(found.waiting, now=now)
    return Rebound(moved, found.goes_on_at)
