"""What is taken back at once is a slice; whatever is left of it is taken back slice by slice.

An application that goes, a URL that is taken away, an account that is deleted: there may be a
million messages behind it. The change itself takes back the newest of them, and where these are
not all it leaves a mark. What came first goes last, so that at any moment what still waits for a
URL is older than what is held: nothing overtakes, even where the URL is there again meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from jackfield.clock import Clock, Moment
from jackfield.problems import Unavailable
from jackfield.units import Store, Unit, alone

log = structlog.get_logger()

RANGE = 1_000
"""Pending rows that a slice looks through for those of a lane: nobody waits long behind it."""

SLICE = 200
"""Messages of a deleted account that die in one slice, of what is pending and of what is held."""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A mark: of a tenant's lane, or else of a deleted account, what is numbered up to `up_to`."""

    number: int
    api_key: str
    lane: int | None
    application_id: str | None
    account_id: int | None
    up_to: int


class Withdrawals(Protocol):
    """What taking back asks of the store."""

    def begun(self) -> Unit[list[Withdrawal]]:
        """Return what is not taken back yet as a whole, the oldest mark first."""
        ...

    def take_slice(self, withdrawal: Withdrawal, *, up_to: int, now: Moment) -> Unit[int | None]:
        """Take back some of what is left, of what is numbered up to `up_to`; of a lane the newest.

        Returns up to which number there may be more. None at the end, which is also where the
        lane goes somewhere again: the mark is gone then.
        """
        ...


class Withdrawer:
    """Takes back whatever is marked, a slice of each at a time."""

    def __init__(
        self,
        store: Store,
        withdrawals: Withdrawals,
        *,
        clock: Clock,
        ended: Callable[[], None],
    ) -> None:
        """Take `ended`, to be called when all that was behind a mark is taken back."""
        self._store = store
        self._withdrawals = withdrawals
        self._clock = clock
        self._ended = ended
        self._left: dict[Withdrawal, int] = {}  # up to which number, where it has begun here

    async def take_slices(self) -> bool:
        """Take a slice of each; return whether there is more to take now.

        Raises `Unavailable` when the database cannot be reached.
        """
        marked = await self._store.read(self._withdrawals.begun())
        left = {each: self._left.get(each, each.up_to) for each in marked}
        for withdrawal in left.keys() - self._left.keys():
            log.info("withdrawal.begun", lane=withdrawal.lane, account=withdrawal.account_id)
        self._left = left
        rests = [await self._take_or_log(each, up_to) for each, up_to in left.items()]
        return any(rests)

    async def _take_or_log(self, withdrawal: Withdrawal, up_to: int) -> bool:
        try:
            return await self._take(withdrawal, up_to)
        except Unavailable:
            raise
        except Exception:
            # A bug met with one must not keep every other one, and all releases, waiting.
            log.exception("withdrawal.broke", number=withdrawal.number)
            return False

    async def _take(self, withdrawal: Withdrawal, up_to: int) -> bool:
        """Take a slice; return whether there is more."""
        work = self._withdrawals.take_slice(withdrawal, up_to=up_to, now=self._clock())
        rest = await self._store.commit(alone(work))
        if rest is not None:
            self._left[withdrawal] = rest
            return True
        log.info("withdrawal.ended", lane=withdrawal.lane, account=withdrawal.account_id)
        self._ended()
        return False
