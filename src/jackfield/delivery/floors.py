"""From which moment on each lane is looked at: what is done with lies before it.

Where a reader's snapshot keeps PostgreSQL from cleaning up, whatever was done since is still in
its indexes, and a look from the very beginning would walk over all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

from jackfield.clock import Moment, after
from jackfield.units import Committing, Store

LEAST_SLACK = timedelta(seconds=2)
"""What is due this much earlier than anything was may still appear: by another process, or clock.

A survey finds whatever is older, and from then on the slack is as much as that asks for.
"""

MOST_SLACK = timedelta(minutes=1)

_NARROWING = 0.9
"""What is left of a wider slack after a survey that found nothing late."""


class CommittingStore(Store, Committing, Protocol):
    """A store of which it is known what it is storing yet."""


def seen_until(store: Committing, now: Moment) -> Moment:
    """Return up to when a look that begins at `now` sees all that this process stores.

    What it is storing yet may be due since it was handed in, however long storing it takes.
    """
    since = store.committing_since
    return now if since is None else min(since, now)


class Floors:
    """For each lane a moment before which nothing of it is due, as far as was seen."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Know nothing of any lane."""
        self._of: dict[int, Moment] = {}  # the lanes that had something, or were looked at
        self._of_others = Moment(0)
        self._slack = LEAST_SLACK
        self.surveying()

    def surveying(self) -> None:
        """Note that a survey begins; looks may go on until it ends."""
        self._before, self._before_of_others = dict(self._of), self._of_others

    def of(self, lane: int) -> Moment:
        """Return from where on a lane is to be looked at."""
        return self._of.get(lane, self._of_others)

    def looked(self, lane: int, earliest: Moment | None, until: Moment) -> None:
        """Note the earliest that a look found of a lane, None where it is empty.

        `until` is what it saw; see `seen_until`.
        """
        self._of[lane] = self._below(earliest, until)

    def surveyed(self, earliest: Mapping[int, Moment], until: Moment) -> None:
        """Note the earliest of every lane that has something: all that there was, however late.

        `until` is what the survey saw; see `seen_until`.
        """
        late = max(
            (
                self._before.get(lane, self._before_of_others) - moment
                for lane, moment in earliest.items()
            ),
            default=0,
        )
        if late > 0:
            self._slack = min(self._slack + timedelta(milliseconds=2 * late), MOST_SLACK)
        else:
            self._slack = max(self._slack * _NARROWING, LEAST_SLACK)
        self._of_others = self._below(None, until)
        self._of = {lane: self._below(moment, until) for lane, moment in earliest.items()}

    def _below(self, earliest: Moment | None, until: Moment) -> Moment:
        return after(until if earliest is None else min(earliest, until), -self._slack)
