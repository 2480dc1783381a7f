"""The things of the plain model: who there is, what was said, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from jackfield.clock import Moment
from jackfield.problems import Problem

GIVE_UP_AFTER = timedelta(hours=24)
ORDER_HOLD = timedelta(minutes=15)
RETENTION = timedelta(days=7)

Url = tuple[str, str]
"""A tenant's API key, and a URL: what is paused for one tenant is not for another."""

Problems = type[Problem] | None
"""What a caller is told: the kind of problem, or None when it is done."""


class State(StrEnum):
    """Each accepted message is in exactly one."""

    HELD = "held"
    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Tenant:
    own_url: str | None = None
    is_disabled: bool = False


@dataclass(frozen=True, slots=True)
class Application:
    api_key: str
    url: str | None
    hears_messages: bool = True


@dataclass(frozen=True, slots=True)
class Account:
    """`number` is another one when a deleted account is registered again."""

    number: int
    api_key: str
    has_several_ids: bool
    is_claimed: bool
    application: str | None
    is_marked: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """Who hears: an application, or (None) the tenant's own URL."""

    api_key: str
    application: str | None


@dataclass(frozen=True, slots=True)
class Said:
    """One event: `text` is its own and is heard at most where it is bound."""

    account: str
    people: tuple[str, ...]
    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """`binding` counts how often it was bound, `turn` is its place among all that were.

    `is_displaced` says that it lost its place in its conversation: it was taken back, or sent
    again.
    """

    text: str
    place: int
    account: int
    person: str
    api_key: str
    accepted_at: Moment
    state: State = State.HELD
    target: Target | None = None
    binding: int = 0
    turn: int = 0
    since: Moment = field(default=Moment(0))
    tries: int = 0
    attempts: int = 0
    failing_since: Moment | None = None
    is_aside: bool = False
    is_displaced: bool = False
