"""The books: what was accepted is delivered, waits, is dead or was discarded, and nothing else.

Two sides that do not derive from each other: what the units of work tallied as they did it, and
what is counted in the tables. Whatever is lost, or comes from nowhere, makes them differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Protocol

from jackfield.units import Unit


class Tally(StrEnum):
    """What is counted as it is done: `yield tally(Tally.ACCEPTED, 3)` in the unit that does it.

    Whatever is pending, held, dead or kept is counted in the tables, so going from one of these
    to another is no entry: a dead delivery that is tried again needs none.
    """

    ACCEPTED = "accepted"
    """A delivery came to be, or a piece was newly kept (unread, unknown, differs). Again for
    what had been delivered and is pending once more."""

    DELIVERED = "delivered"
    """The application answered that it has it."""

    DISCARDED = "discarded"
    """It was removed although it was not delivered: a delivery that was pending, held or dead,
    a kept piece. By retention, by an operator, by erasing a person's data."""

    REREAD = "reread"
    """A kept piece is gone because it was read again or given to an account. What came of it is
    accepted anew."""

    ADJUSTED = "adjusted"
    """What the books were set right by: what was there before they began, and what an operator
    settled. The only one that may fall."""

    DIED = "died"
    """A delivery became dead. Counted for alarms; not part of the balance."""

    REPLAYED = "replayed"
    """A delivery was sent again because somebody asked. Not part of the balance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Both sides at one moment: first what was tallied, then what is in the tables."""

    accepted: int
    adjusted: int
    delivered: int
    discarded: int
    reread: int
    pending: int
    held: int
    dead: int
    unread: int
    unknown: int
    differs: int

    @property
    def difference(self) -> int:
        """Return how many are missing; fewer than none came from nowhere. It must be 0."""
        ended = self.delivered + self.discarded + self.reread
        there = self.pending + self.held + self.dead + self.unread + self.unknown + self.differs
        return self.accepted + self.adjusted - ended - there

    @property
    def terms(self) -> Mapping[str, int]:
        """Return every term by its name."""
        return asdict(self)

    def __str__(self) -> str:
        left = f"accepted {self.accepted} + adjusted {self.adjusted}"
        others = [f"{name} {n}" for name, n in self.terms.items() if name not in _LEFT]
        return f"{left} = {' + '.join(others)}"


_LEFT = frozenset({"accepted", "adjusted"})


class Books(Protocol):
    """What is asked of the tables that are counted."""

    def balance(self) -> Unit[Balance]:
        """Return both sides; to be surveyed, so that all of it is of one moment."""
        ...

    def are_open(self) -> Unit[bool]:
        """Return whether the books have begun."""
        ...

    def open_books(self) -> Unit[None]:
        """Begin them with what is there now; what another process began stays as it is."""
        ...

    def settle(self) -> Unit[None]:
        """Adjust the books by what is missing now, so that they agree again."""
        ...
