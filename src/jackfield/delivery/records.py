"""What is seen of deliveries afterwards: which ones are asked for, and what is said of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from jackfield.clock import Moment
from jackfield.units import Unit

RANGE = 2_000
"""Deliveries that one look walks over at most, whatever it looks for: nobody waits for a scan."""


class Kind(StrEnum):
    """What a delivery brings."""

    INBOUND = "inbound"
    STATUS = "status"
    TEST = "test"


class State(StrEnum):
    """How far a delivery has come."""

    HELD = "held"  # waits for somebody
    PENDING = "pending"  # waits for its URL
    DELIVERED = "delivered"
    DEAD = "dead"  # given up


class Wait(StrEnum):
    """Why a delivery that is pending has not gone out yet."""

    DUE = "due"  # it is its turn
    BEHIND = "behind"  # an earlier message of its conversation goes first
    BACKOFF = "backoff"  # its next attempt has a time
    ASIDE = "aside"  # refused while others are not: it goes on out of order
    BREAKER = "breaker"  # its URL fails as a whole
    PAUSED = "paused"  # somebody, or a 410, paused its URL


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which deliveries are meant; what is None narrows nothing.

    An account is named by `provider` and `external_id`. `reason` is why it is held, or was when
    it died, or else how its last attempt ended. `since` and `until` are about when it was
    accepted, the second one not included.
    """

    api_key: str | None = None
    provider: str | None = None
    external_id: str | None = None
    application_id: str | None = None
    state: State | None = None
    reason: str | None = None
    since: Moment | None = None
    until: Moment | None = None
    without_tests: bool = False


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """One delivery in a listing; `number` is its place, and nothing of its message is in it.

    `provider` and `external_id` are None for a test that no message stands behind.
    """

    number: int
    id: str
    kind: str
    state: State
    reason: str | None
    message_id: str
    api_key: str
    provider: str | None
    external_id: str | None
    application_id: str | None
    url: str | None
    tries: int
    accepted_at: Moment
    finished_at: Moment | None


@dataclass(frozen=True, slots=True)
class AttemptLine:
    """One attempt as it was recorded; `tried` begins again with 1 when it is replayed."""

    tried: int
    started_at: Moment
    milliseconds: int
    outcome: str
    status: int | None
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryDetails:
    """What is known of one delivery beside its line.

    `is_told` says whether its tenant may know what was said, and that `person` said it: not while
    its account is only claimed. `has_account` says whether that is still there. `due_at` is when
    the next attempt is due, if that is known; `attempts` are the last 200 at most, oldest first.
    """

    line: DeliveryLine
    person: str
    is_told: bool
    has_account: bool
    link_version: int | None
    bound_at: Moment | None
    aside_at: Moment | None
    due_at: Moment | None
    is_paused: bool
    paused_because: str | None
    is_broken: bool
    attempts: Sequence[AttemptLine]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What one look found; the next one goes on from `goes_on_at`, None at the end.

    It may have found less than asked for, or nothing, and still not be at the end.
    """

    lines: Sequence[DeliveryLine]
    goes_on_at: int | None


@dataclass(frozen=True, slots=True)
class Counted:
    """How many one look found; the next one goes on from `goes_on_at`, None at the end.

    Of them `again` would be sent again, `held` would go to whoever hears their account now, and
    `copied` could be copied.
    """

    count: int
    again: int
    held: int
    copied: int
    goes_on_at: int | None


class DeliveryRecords(Protocol):
    """What is asked of the tables by those who look afterwards."""

    def newest(self, selection: Selection, *, before: int | None, limit: int) -> Unit[Chosen]:
        """Return `limit` deliveries at most, newest first, those before the place `before`."""
        ...

    def oldest(self, selection: Selection, *, after: int, until: int, limit: int) -> Unit[Chosen]:
        """Return `limit` deliveries at most, oldest first, those after one place up to another."""
        ...

    def count(self, selection: Selection, *, after: int, until: int) -> Unit[Counted]:
        """Count those of the next range after one place up to another, and what could be done."""
        ...

    def last(self) -> Unit[int]:
        """Return the place of the newest delivery there is; 0 when there is none."""
        ...

    def find(self, delivery_id: str) -> Unit[DeliveryDetails | None]:
        """Return all that is known of one delivery, whoever's it is, or None."""
        ...


def waits_for(details: DeliveryDetails, *, now: Moment) -> str | None:
    """Return the word for why it waits: of `Held` or `Wait`; None when it is done with."""
    match details.line.state:
        case State.HELD:
            return details.line.reason
        case State.PENDING:
            return _waits_for_its_url(details, now=now)
        case _:
            return None


def _waits_for_its_url(details: DeliveryDetails, *, now: Moment) -> Wait:
    if details.is_paused:
        return Wait.PAUSED
    if details.is_broken:
        return Wait.BREAKER
    if details.aside_at is not None:
        return Wait.ASIDE
    if details.due_at is None:
        return Wait.BEHIND
    return Wait.BACKOFF if details.due_at > now else Wait.DUE
