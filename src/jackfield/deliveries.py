"""What is owed to a URL: where it is bound to, when to try again, when to set it aside."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Literal, Protocol, TypeAlias

from jackfield.clock import Moment, after
from jackfield.units import Unit

FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(minutes=15)
LONGEST_RETRY_AFTER = timedelta(hours=6)
SPREAD = 0.2
"""Each delay is drawn out by up to this share, so that a crowd does not come back at once."""

GIVE_UP_AFTER = timedelta(hours=24)
SHARDS = 256


WebhookVersion: TypeAlias = Literal["v1", "v0.1"]


class Held(StrEnum):
    """Why a message waits for somebody, not for a URL."""

    CLAIMED = "claimed"  # the account is not known to be its owner's
    UNLINKED = "unlinked"  # no application, and the tenant has no URL of its own
    DISABLED = "disabled"  # the tenant may not use the gateway for now
    RELEASING = "releasing"  # older messages of the account are on their way out


class Outcome(StrEnum):
    """How one attempt ended, in one word with consequences."""

    DELIVERED = "delivered"  # 2xx
    REJECTED = "rejected"  # any other answer below 500
    FAILED = "failed"  # 5xx
    THROTTLED = "throttled"  # 429
    GONE = "gone"  # 410
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    NOT_ALLOWED = "not_allowed"  # the egress guard said no
    NOWHERE = "nowhere"  # the URL it was bound to is no more
    BROKE = "broke"  # an error of ours; the log has it

    @property
    def is_final(self) -> bool:
        """Whether the delivery is done with; everything else is tried again (ruling R15)."""
        return self is Outcome.DELIVERED


@dataclass(frozen=True, slots=True)
class Receiver:
    """An account as an arriving message finds it: whose it is, and who would hear it."""

    account_id: int
    external_id: str
    routing_key: str
    api_key: str
    is_claimed: bool
    is_disabled: bool
    is_releasing: bool
    application_id: str | None
    link_version: int
    webhook_version: WebhookVersion | None
    has_own_url: bool


@dataclass(frozen=True, slots=True)
class Binding:
    """Who a delivery is bound to: an application, or (None) the tenant's own inbound URL."""

    application_id: str | None
    link_version: int
    webhook_version: WebhookVersion


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt, as it is kept."""

    tried: int
    started_at: Moment
    milliseconds: int
    outcome: Outcome
    status: int | None = None
    detail: str | None = None
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """One thing that is still to be done. `number` gives the order within a conversation."""

    number: int
    kind: str
    subject: str
    conversation: int
    since: Moment
    tries: int
    is_head: bool


def bind(receiver: Receiver) -> Binding | Held:
    """Decide whom a message to this account is bound to now, or why it must wait."""
    if receiver.is_disabled:
        return Held.DISABLED
    if receiver.is_claimed:
        return Held.CLAIMED
    if receiver.application_id is not None and receiver.webhook_version is not None:
        return Binding(
            receiver.application_id,
            receiver.link_version,
            receiver.webhook_version,
        )
    if receiver.has_own_url:
        return Binding(None, receiver.link_version, "v1")
    return Held.UNLINKED


def conversation(account_id: int, person: str, application_id: str | None) -> int:
    """Return the 64-bit number of a conversation: account, person and application.

    Two conversations may share a number; they then wait for each other, and nothing is lost.
    """
    name = f"{account_id}/{application_id or ''}/{person}".encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), signed=True)


def lane(api_key: str, application_id: str | None) -> int:
    """Return the 64-bit number of a lane: all that one tenant owes to one application.

    Without an application it is what the tenant owes to its own URL.
    """
    name = f"{api_key}/{application_id or ''}".encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), signed=True)


def shard(account_id: int, person: str) -> int:
    """Return which of the 256 shards a person at an account belongs to."""
    name = f"{account_id}/{person}".encode()
    return hashlib.blake2b(name, digest_size=1).digest()[0]


def retry_at(
    attempt: Attempt,
    *,
    since: Moment,
    now: Moment,
    spread: float,
) -> Moment | None:
    """Return when to try again, or None when it is given up (ruling R15).

    5 s, doubling to 15 min, for 24 h from `since`; each delay times 1 + `spread` (0 to 0.2).
    `Retry-After` counts where it asks for more, at most 6 h. What was scheduled within the 24
    hours is still tried, so nothing is given up while it waits for its turn.
    """
    if now >= after(since, GIVE_UP_AFTER):
        return None
    doublings = min(attempt.tried - 1, 10)
    delay = min(FIRST_DELAY * 2**doublings, LONGEST_DELAY) * (1 + spread)
    if attempt.retry_after is not None:
        delay = max(delay, min(attempt.retry_after, LONGEST_RETRY_AFTER))
    return after(now, delay)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What one attempt sends, read afresh each time; the signature secrets are sealed."""

    url: str | None
    body: bytes
    api_key: str
    application_id: str | None
    signature_secrets: Sequence[bytes]
    accepted_at: Moment


class Deliveries(Protocol):
    """What the dispatcher asks of the tables of deliveries, pending work and attempts."""

    def due(self, now: Moment, limit: int) -> Unit[list[Pending]]:
        """Return what is due, the longest due first, at most `limit`."""
        ...

    def longest_due_at(self) -> Unit[Moment | None]:
        """Return since when the longest due thing is due, or when the next will be, or None."""
        ...

    def next_due_after(self, now: Moment) -> Unit[Moment | None]:
        """Return when the next thing that is not due yet will be, or None."""
        ...

    def outgoing(self, delivery_id: str) -> Unit[Outgoing | None]:
        """Return what to send where; None when the delivery is no longer pending."""
        ...

    def wait_behind(self, pending: Pending) -> Unit[None]:
        """Let it wait for the head of its conversation, if there still is one before it."""
        ...

    def succeed(self, pending: Pending, attempt: Attempt, *, now: Moment) -> Unit[None]:
        """Record the attempt that ended it, and call the next of its conversation."""
        ...

    def postpone(self, pending: Pending, attempt: Attempt, *, due_at: Moment) -> Unit[None]:
        """Record the attempt and when the next one is due."""
        ...

    def give_up(self, pending: Pending, attempt: Attempt, *, now: Moment) -> Unit[None]:
        """Record the last attempt, keep the delivery as dead, and call the next."""
        ...
