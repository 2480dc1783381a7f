"""Below which number nothing of a lane is left, so that a conversation's head is found at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from jackfield.clock import Moment, after
from jackfield.deliveries import Pending

MATURITY = timedelta(minutes=1)
"""What was the lowest number so long ago, and is it still, is: lower ones have been stored by now.

A number is taken before it is committed. A session of ours that is idle in a transaction is ended
by PostgreSQL after as long as this, and none of its statements may last half of it.
"""

_LANES_KEPT = 10_000


class _Seen(NamedTuple):
    sure: int
    candidate: int
    since: Moment


class Numbers:
    """For each lane the lowest number that may be left in it; 0 where that is not known.

    Numbers only rise. Of what waits, the first of each conversation has a due time, and the
    others have higher numbers; so whoever sees all that has a due time sees the lowest.
    """

    def __init__(self) -> None:
        self._seen: dict[int, _Seen] = {}
        self._highest: dict[int, int] = {}

    def forget(self) -> None:
        """Know nothing of any lane."""
        self._seen.clear()
        self._highest.clear()

    def forget_lane(self, lane: int) -> None:
        """Know nothing of a lane in which something was found that should not be left."""
        self._seen.pop(lane, None)

    def lowest(self, lane: int) -> int:
        """Return a number below which nothing of a lane is left."""
        seen = self._seen.get(lane)
        return 0 if seen is None else seen.sure

    def looked(self, lane: int, items: Sequence[Pending], *, is_all: bool, now: Moment) -> None:
        """Note what a look found in a lane; only one that found all of it says what is lowest."""
        if len(self._highest) > _LANES_KEPT:
            self.forget()
        numbers = [item.number for item in items]
        highest = max([self._highest.get(lane, 0), *numbers])
        self._highest[lane] = highest
        lowest = min(numbers, default=highest)
        seen = self._seen.get(lane, _Seen(0, 0, now))
        if lowest < seen.candidate:  # it was stored since
            seen = _Seen(min(seen.sure, lowest), lowest, seen.since)
        if is_all and now >= after(seen.since, MATURITY):
            seen = _Seen(seen.candidate, lowest, now)
        elif now < seen.since:  # the clock was put back
            seen = seen._replace(since=now)
        self._seen[lane] = seen
