"""A verified webhook's events become messages and deliveries, in one transaction.

Each event finds its own account, so one POST may serve many tenants and nothing of one reaches
another. What nobody here knows, and what could not be read, is kept for the operator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Protocol

from jackfield.clock import Moment
from jackfield.contacts import Contacts, senders
from jackfield.deliveries import Binding, Held, Receiver, bind, lane
from jackfield.ids import uuid7
from jackfield.messages import Event, Reading, encode_event, render
from jackfield.units import Steps, Unit, unit


class Kept(StrEnum):
    """Why a piece of a webhook is kept although it became no message."""

    UNREAD = "unread"  # it could not be understood
    UNKNOWN = "unknown"  # no account here answers to it
    DIFFERS = "differs"  # a known event's key with another content


@dataclass(frozen=True, slots=True)
class KeptBody:
    """A piece of a verified webhook that waits for an operator."""

    kind: Kept
    provider: str | None
    routing_key: str | None
    reason: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Arrival:
    """One new message and the delivery that it causes; `body` is there once it is bound."""

    message_id: str
    delivery_id: str
    event: Event
    receiver: Receiver
    person: str
    binding: Binding | Held
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a webhook, in numbers of its pieces; `lanes` have something to do now."""

    delivered: int
    held: int
    repeated: int
    unknown: int
    unread: int
    lanes: frozenset[int] = field(default=frozenset(), compare=False)


class Arrivals(Contacts, Protocol):
    """What arriving messages ask of the store."""

    def receivers(
        self,
        names: Sequence[tuple[str, str]],
        *,
        provider_app_id: int,
    ) -> Unit[Mapping[tuple[str, str], Receiver]]:
        """Return the accounts by (provider, routing key) that this provider app may serve."""
        ...

    def claim(
        self,
        events: Sequence[tuple[str, Event]],
        *,
        now: Moment,
    ) -> Unit[set[str]]:
        """Claim each event for a message id; return the ids whose event was not seen before."""
        ...

    def repeat(self, events: Sequence[Event]) -> Unit[list[Event]]:
        """Count repeats of known events; return those that came with another content."""
        ...

    def add(self, arrivals: Sequence[Arrival], *, now: Moment) -> Unit[None]:
        """Store the messages and their deliveries, in this order; what is bound is due now."""
        ...

    def keep(
        self,
        bodies: Sequence[KeptBody],
        *,
        provider_app_id: int,
        now: Moment,
    ) -> Unit[None]:
        """Keep pieces for the operator; the same piece again changes nothing."""
        ...


@unit
def accept(
    reading: Reading,
    *,
    provider_app_id: int,
    now: Moment,
    arrivals: Arrivals,
) -> Steps[Accepted]:
    """Store everything that one verified webhook said; what was stored before stays as it is."""
    receivers = yield from arrivals.receivers(
        list({(event.provider, event.routing_key): None for event in reading.events}),
        provider_app_id=provider_app_id,
    )
    known = [(uuid7(), event) for event in reading.events if is_meant(event, receivers)]
    unknown = [event for event in reading.events if not is_meant(event, receivers)]
    claimed: set[str] = set()
    if known:
        claimed = yield from arrivals.claim(known, now=now)
    new = [(message_id, event) for message_id, event in known if message_id in claimed]
    repeats = [event for message_id, event in known if message_id not in claimed]
    differing: list[Event] = []
    if repeats:
        differing = yield from arrivals.repeat(repeats)
    added: list[Arrival] = []
    if new:
        people = yield from senders([event for _, event in new], receivers, contacts=arrivals)
        added = [
            _arrival(message_id, event, receivers[event.provider, event.routing_key], person)
            for (message_id, event), person in zip(new, people, strict=True)
        ]
        yield from arrivals.add(added, now=now)
    kept = list(_kept(reading, unknown, differing))
    if kept:
        yield from arrivals.keep(kept, provider_app_id=provider_app_id, now=now)
    bound = [one for one in added if isinstance(one.binding, Binding)]
    return Accepted(
        delivered=len(bound),
        held=len(added) - len(bound),
        repeated=len(repeats),
        unknown=len(unknown),
        unread=len(reading.unread),
        lanes=frozenset(_lane(one) for one in bound),
    )


def is_meant(event: Event, receivers: Mapping[tuple[str, str], Receiver]) -> bool:
    """Return whether an account here is the one the provider speaks of.

    A tenant names its routing key itself, so where the provider shows the public id too, both
    must fit: nobody hears a number's messages by claiming its routing key for another.
    """
    receiver = receivers.get((event.provider, event.routing_key))
    return receiver is not None and event.shown_as in {None, receiver.external_id}


def _lane(arrival: Arrival) -> int:
    assert isinstance(arrival.binding, Binding)  # noqa: S101 -- only these have a lane
    return lane(arrival.receiver.api_key, arrival.binding.application_id)


def _arrival(message_id: str, event: Event, receiver: Receiver, person: str) -> Arrival:
    binding = bind(receiver)
    if isinstance(binding, Binding) and receiver.is_releasing:
        # Older messages of this account are on their way out of hold; this one goes behind them.
        binding = Held.RELEASING
    body = None
    if isinstance(binding, Binding):
        body = render(
            event.message,
            message_uuid=message_id,
            provider=event.provider,
            account=receiver.external_id,
            person=event.people[0],
            webhook_version=binding.webhook_version,
        )
    return Arrival(message_id, uuid7(), event, receiver, person, binding, body)


def _kept(
    reading: Reading,
    unknown: Sequence[Event],
    differing: Sequence[Event],
) -> Iterable[KeptBody]:
    for piece in reading.unread:
        yield KeptBody(Kept.UNREAD, piece.provider, piece.routing_key, piece.reason, piece.body)
    for event in unknown:
        reason = "no account that this provider app serves answers to this id, and is shown as it"
        # Whole, so that it can become a message once the operator says whose it is.
        yield _kept_event(Kept.UNKNOWN, event, reason, body=encode_event(event))
    for event in differing:
        reason = "this event arrived before with another content"
        yield _kept_event(Kept.DIFFERS, event, reason, body=bytes(event.message.raw))


def _kept_event(kind: Kept, event: Event, reason: str, *, body: bytes) -> KeptBody:
    return KeptBody(kind, event.provider, event.routing_key, reason, body)


def known_by(event_key: str) -> str:
    """Return what an event that comes again is known by: SHA-256 of its key, in hexadecimal.

    A provider's own key may name the person, as WhatsApp's does, and it outlives the message.
    """
    return sha256(event_key.encode()).hexdigest()


def digest(kept: KeptBody) -> bytes:
    """Return what tells one kept piece from another: SHA-256 over whose it is and its body."""
    whose = f"{kept.provider}/{kept.routing_key}/".encode()
    return sha256(whose + kept.body).digest()
