"""What can go wrong for a caller.

Problem
├── Invalid            what was sent cannot be used; names each parameter
├── Unauthenticated    who is calling is not known
├── Forbidden          known, but not allowed
├── NotFound           nothing here by that name, for this caller
├── Conflict           the state it is in does not allow this
├── Stale              somebody changed it since the caller looked
├── TooLarge           more than is accepted in one request
└── Unavailable        not now; nothing was stored, or it is not known whether it was
    └── OutcomeUnknown the store could not say whether it committed

The status numbers and wire forms live in `api/problem_details.py` only.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InvalidParameter:
    """One parameter that cannot be used, and why, in words for the caller."""

    name: str
    reason: str


class Problem(Exception):
    """Something the caller can understand and act on; `detail` says what to do."""

    def __init__(self, detail: str = "", *, title: str = "") -> None:
        super().__init__(detail or title)
        self.title = title
        self.detail = detail


class Invalid(Problem):
    """What was sent cannot be used; `parameters` has one entry for each fault."""

    def __init__(self, *parameters: InvalidParameter, detail: str = "") -> None:
        super().__init__(detail or "; ".join(p.reason for p in parameters))
        self.parameters = parameters


class Unauthenticated(Problem):
    """Who is calling is not known."""


class Forbidden(Problem):
    """The caller is known and may not do this. Without a `detail`, the answer gives no reason."""


class NotFound(Problem):
    """Nothing here by that name, as far as this caller may know."""


class Conflict(Problem):
    """The state it is in does not allow this."""


class Stale(Problem):
    """Somebody changed it since the caller looked."""


class TooLarge(Problem):
    """More than is accepted in one request."""


class Unavailable(Problem):
    """Not now: nothing was stored."""


class OutcomeUnknown(Unavailable):
    """The store could not say whether it committed: look again by key before repeating."""
