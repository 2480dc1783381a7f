"""What is owed to a URL: whom it is bound to, how it is known, and how an attempt ended."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Literal, Protocol, TypeAlias

from jackfield.clock import Moment
from jackfield.units import Unit

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


LONGEST_ATTEMPT = timedelta(minutes=1)
"""None goes on for longer: ruling R26 ends it after 15 s."""


def lasted(started_at: Moment, ended_at: Moment) -> int:
    """Return how long an attempt took, in milliseconds; a clock may have been set meanwhile."""
    return min(max(ended_at - started_at, 0), LONGEST_ATTEMPT // timedelta(milliseconds=1))


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt, as it is kept; `retry_after` is what was asked for."""

    tried: int
    started_at: Moment
    milliseconds: int
    outcome: Outcome
    status: int | None = None
    detail: str | None = None
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """No attempt was made: it goes to another URL by now, which may be paused or down."""

    url: str


@dataclass(frozen=True, slots=True)
class Pending:
    """One thing that is still to be done. `number` gives the order within a conversation.

    `since` is when its 24 hours began, `failing_since` since when it is refused while its URL
    takes others. `head` is the number of the first of its conversation, before which it must
    not go.
    """

    number: int
    kind: str
    subject: str
    lane: int
    conversation: int
    due_at: Moment
    since: Moment
    failing_since: Moment | None
    tries: int
    head: int

    @property
    def is_head(self) -> bool:
        """Whether it may go: nothing of its conversation is before it."""
        return self.head == self.number


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

    A test URL in the application's place gives a conversation of its own.

    Two conversations may share a number; they then wait for each other, and nothing is lost.
    """
    name = f"{account_id}/{application_id or ''}/{person}".encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), signed=True)


def conversation_aside(delivery_id: str) -> int:
    """Return the number of the conversation that a delivery is when it goes out of order."""
    name = f"aside/{delivery_id}".encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), signed=True)


@lru_cache(maxsize=4_096)
def lane(api_key: str, application_id: str | None) -> int:
    """Return the 64-bit number of a lane: all that one tenant owes to one application.

    Without an application it is what the tenant owes to its own URL. A test URL in its place
    gives the lane of the tests that go there.
    """
    name = f"{api_key}/{application_id or ''}".encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), signed=True)


def shard(account_id: int, person: str) -> int:
    """Return which of the 256 shards a person at an account belongs to."""
    name = f"{account_id}/{person}".encode()
    return hashlib.blake2b(name, digest_size=1).digest()[0]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What one attempt sends, read afresh each time."""

    url: str | None
    body: bytes
    api_key: str
    application_id: str | None
    accepted_at: Moment


@dataclass(frozen=True, slots=True)
class Target:
    """Where the deliveries of a lane go; no URL when whoever they are bound to has none now."""

    api_key: str
    url: str | None


class Deliveries(Protocol):
    """What the dispatcher asks of the tables of deliveries, pending work and attempts."""

    def lanes(self) -> Unit[dict[int, Moment]]:
        """Return every lane in which something has a time, with the earliest of these."""
        ...

    def due(
        self,
        lanes: Mapping[int, int],
        *,
        floors: Mapping[int, Moment],
        lowest: Mapping[int, int],
    ) -> Unit[dict[int, list[Pending]]]:
        """Return of each lane what is due first, at most as many as it says, in both queues.

        What is due before the floor of its lane is left out: of a lane that is known to have
        nothing there, not even what is done with needs to be looked through. Nor is the head of
        a conversation looked for below the `lowest` number that may be left in its lane.
        What was never tried and what was are two queues, each in order of time and then of number.
        What will be due later is among them.
        """
        ...

    def target(self, subject: str) -> Unit[Target | None]:
        """Return where the lane of this delivery goes; None when the delivery is gone."""
        ...

    def outgoing(self, pending: Pending) -> Unit[Outgoing | None]:
        """Return what to send where; None when it is no longer to be done."""
        ...

    def signature_secrets(self, api_key: str) -> Unit[Sequence[bytes]]:
        """Return what is signed with for a tenant, sealed, the newest first."""
        ...

    def wait_behind(self, pending: Pending) -> Unit[None]:
        """Let it wait for the head of its conversation, if there still is one before it."""
        ...

    def succeed(self, pending: Pending, attempt: Attempt, *, now: Moment) -> Unit[bool]:
        """Record the attempt that ended it; return whether the next of its conversation is due."""
        ...

    def postpone(
        self,
        pending: Pending,
        attempt: Attempt,
        *,
        due_at: Moment,
        failing_since: Moment | None,
    ) -> Unit[None]:
        """Record the attempt and when the next one is due."""
        ...

    def set_aside(
        self, pending: Pending, attempt: Attempt, *, due_at: Moment, now: Moment
    ) -> Unit[bool]:
        """Postpone it out of order: the next of its conversation is due, it waits by itself.

        Returns whether there is a next.
        """
        ...

    def give_up(self, pending: Pending, attempt: Attempt, *, now: Moment) -> Unit[bool]:
        """Record the last attempt, keep the delivery as dead; return as `succeed`."""
        ...

    def hurry(self, lane: int, *, now: Moment, limit: int) -> Unit[int]:
        """Let at most `limit` that wait for another try be due now; return how many."""
        ...

    def expire(self, lane: int, *, begun_before: Moment, now: Moment, limit: int) -> Unit[int]:
        """Keep at most `limit` whose 24 hours began before that as dead; return how many."""
        ...

    def take_back(self, pending: Pending, *, now: Moment) -> Unit[bool]:
        """Hold all that is pending in its lane, which goes nowhere any more; tests are dead.

        Where that is much, the newest, and the rest slice by slice. Returns False where there is
        nothing to do: it is being taken back already, or the lane goes somewhere by now.
        """
        ...

    def bury(self, pending: Pending, *, now: Moment) -> Unit[bool]:
        """Keep it as dead where its account was deleted and it is not taken back yet.

        Returns as `succeed`.
        """
        ...
