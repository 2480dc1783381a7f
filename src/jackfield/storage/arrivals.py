"""What arriving messages read and write: receivers, duplicates, messages, deliveries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Table, and_, bindparam, case, or_, select, text, update

from jackfield.accounts import Standing
from jackfield.balance import Tally
from jackfield.clock import Moment
from jackfield.deliveries import Binding, Receiver, conversation, lane, shard
from jackfield.inbound import Arrival, known_by
from jackfield.messages import Event, encode
from jackfield.storage.contacts import adopt, introduce, people
from jackfield.storage.dialects import Prepared, insert
from jackfield.storage.kept import keep
from jackfield.storage.tables import (
    accounts,
    applications,
    deliveries,
    messages,
    pending,
    provider_app_grants,
    provider_apps,
    provider_message_ids,
    tenants,
)
from jackfield.units import Row, Steps, tally, unit

__all__ = ["add", "adopt", "claim", "introduce", "keep", "people", "receivers", "repeat"]

RECEIVER_COLUMNS = (
    accounts.c.id,
    accounts.c.external_id,
    accounts.c.routing_key,
    accounts.c.api_key,
    accounts.c.standing,
    tenants.c.disabled_at,
    accounts.c.releasing,
    accounts.c.application_id,
    accounts.c.link_version,
    # Without a URL it hears nothing, whatever it is capable of.
    case((applications.c.inbound_url.is_not(None), applications.c.webhook_version)),
    tenants.c.inbound_url,
)

# Only accounts whose tenant may use the provider app whose secret verified the body.
_RECEIVER = Prepared(
    select(*RECEIVER_COLUMNS, accounts.c.provider)
    .join(tenants, tenants.c.api_key == accounts.c.api_key)
    .join(provider_apps, provider_apps.c.id == bindparam("provider_app_id"))
    .outerjoin(applications, applications.c.id == accounts.c.application_id)
    .outerjoin(
        provider_app_grants,
        and_(
            provider_app_grants.c.provider_app_id == provider_apps.c.id,
            provider_app_grants.c.api_key == accounts.c.api_key,
        ),
    )
    .where(
        accounts.c.provider == bindparam("provider"),
        accounts.c.routing_key == bindparam("routing_key"),
        or_(
            accounts.c.provider_app_id.is_(None), accounts.c.provider_app_id == provider_apps.c.id
        ),
        or_(provider_apps.c.serves_all == 1, provider_app_grants.c.api_key.is_not(None)),
    )
    # Until this is stored, no other process lets the tenant in or gives it a URL, deletes the
    # account or takes its link away. Any number of messages hold these locks at once, and the
    # tenant is otherwise changed beside them. First the tenant: who lets it in has the same order.
    .with_for_update(read=True, key_share=True, of=tenants)
    .suffix_with(text("FOR SHARE OF accounts"), dialect="postgresql"),
)

_CLAIM = Prepared(
    insert(provider_message_ids)
    .values(
        provider=bindparam("provider"),
        routing_key=bindparam("routing_key"),
        event_key=bindparam("event_key"),
        message_id=bindparam("message_id"),
        digest=bindparam("digest"),
        repeats=0,
        received_at=bindparam("received_at"),
    )
    .on_conflict_do_nothing()
    .returning(provider_message_ids.c.message_id),
)

_REPEAT = Prepared(
    update(provider_message_ids)
    .where(
        provider_message_ids.c.provider == bindparam("of_provider"),
        provider_message_ids.c.routing_key == bindparam("of_routing_key"),
        provider_message_ids.c.event_key == bindparam("of_event_key"),
    )
    .values(repeats=provider_message_ids.c.repeats + 1)
    .returning(
        provider_message_ids.c.provider,
        provider_message_ids.c.routing_key,
        provider_message_ids.c.event_key,
        provider_message_ids.c.digest,
    ),
)

ERASED = b""
"""The digest of an event whose message was erased."""


def _insert(table: Table, *columns: str, turn: int = 0, **constants: object) -> Prepared:
    values = {c: bindparam(c) for c in columns} | constants
    return Prepared(insert(table).values(values), turn=turn)


# Whoever brings a repeat or a stranger along would come here behind those who queued after them.
_MESSAGE = _insert(
    messages,
    "id",
    "api_key",
    "account_id",
    "provider",
    "account_external_id",
    "address",
    "content",
    "sent_at",
    "received_at",
    turn=2,
    direction="inbound",
)

_DELIVERY = _insert(
    deliveries,
    "id",
    "message_id",
    "api_key",
    "account_id",
    "person",
    "state",
    "held_because",
    "application_id",
    "link_version",
    "body",
    "accepted_at",
    "bound_at",
    kind="inbound",
)

PENDING = _insert(
    pending,
    "subject",
    "shard",
    "lane",
    "conversation",
    "account_id",
    "due_at",
    "since",
    kind="deliver",
    tries=0,
)


def receiver(row: Row) -> Receiver:
    """Return a receiver from a row of `RECEIVER_COLUMNS`."""
    number, external_id, routing_key, api_key, standing, disabled_at, releasing = row[:7]
    application_id, link_version, webhook_version, inbound_url = row[7:11]
    return Receiver(
        number,
        external_id,
        routing_key,
        api_key,
        is_claimed=standing == Standing.CLAIMED,
        is_disabled=disabled_at is not None,
        is_releasing=bool(releasing),
        application_id=application_id,
        link_version=link_version,
        webhook_version=webhook_version,
        has_own_url=inbound_url is not None,
    )


@unit
def receivers(
    names: Sequence[tuple[str, str]],
    *,
    provider_app_id: int,
) -> Steps[Mapping[tuple[str, str], Receiver]]:
    """See `Arrivals.receivers`."""
    rows = yield _RECEIVER.many(
        [
            {"provider": provider, "routing_key": key, "provider_app_id": provider_app_id}
            for provider, key in names
        ],
    )
    found = {}
    for *columns, provider in rows:
        one = receiver(columns)
        found[provider, one.routing_key] = one
    return found


@unit
def claim(events: Sequence[tuple[str, Event]], *, now: Moment) -> Steps[set[str]]:
    """See `Arrivals.claim`."""
    rows = yield _CLAIM.many(
        [
            {
                "provider": event.provider,
                "routing_key": event.routing_key,
                "event_key": known_by(event.key),
                "message_id": message_id,
                "digest": event.digest,
                "received_at": now,
            }
            for message_id, event in events
        ],
    )
    return {message_id for (message_id,) in rows}


@unit
def repeat(events: Sequence[Event]) -> Steps[list[Event]]:
    """See `Arrivals.repeat`."""
    rows = yield _REPEAT.many(
        [
            {
                "of_provider": event.provider,
                "of_routing_key": event.routing_key,
                "of_event_key": known_by(event.key),
            }
            for event in events
        ],
    )
    seen = {(provider, routing_key, key): known for provider, routing_key, key, known in rows}

    def differs(event: Event) -> bool:
        known = seen.get((event.provider, event.routing_key, known_by(event.key)))
        # Of what was erased nothing is known, so whatever it says now is no news.
        return known not in {ERASED, event.digest}

    return [event for event in events if differs(event)]


@unit
def add(arrivals: Sequence[Arrival], *, now: Moment) -> Steps[None]:
    """See `Arrivals.add`."""
    yield _MESSAGE.many([_message(arrival, now) for arrival in arrivals])
    yield _DELIVERY.many([_delivery(arrival, now) for arrival in arrivals])
    bound = [_pending(arrival, now) for arrival in arrivals if arrival.body is not None]
    if bound:
        yield PENDING.many(bound)
    yield tally(Tally.ACCEPTED, len(arrivals))


def _message(arrival: Arrival, now: Moment) -> dict[str, object]:
    event, receiver = arrival.event, arrival.receiver
    return {
        "id": arrival.message_id,
        "api_key": receiver.api_key,
        "account_id": receiver.account_id,
        "provider": event.provider,
        "account_external_id": receiver.external_id,
        "address": event.people[0],
        "content": encode(event.message),
        "sent_at": event.message.sent_at,
        "received_at": now,
    }


def _delivery(arrival: Arrival, now: Moment) -> dict[str, object]:
    binding = arrival.binding
    is_bound = isinstance(binding, Binding)
    return {
        "id": arrival.delivery_id,
        "message_id": arrival.message_id,
        "api_key": arrival.receiver.api_key,
        "account_id": arrival.receiver.account_id,
        "person": arrival.person,
        "state": "pending" if is_bound else "held",
        "held_because": None if is_bound else binding,
        "application_id": binding.application_id if isinstance(binding, Binding) else None,
        "link_version": binding.link_version if isinstance(binding, Binding) else None,
        "body": arrival.body,
        "accepted_at": now,
        "bound_at": now if is_bound else None,
    }


def _pending(arrival: Arrival, now: Moment) -> dict[str, object]:
    assert isinstance(arrival.binding, Binding)  # noqa: S101 -- only what is bound has a body
    account_id, application_id = arrival.receiver.account_id, arrival.binding.application_id
    return {
        "subject": arrival.delivery_id,
        "shard": shard(account_id, arrival.person),
        "lane": lane(arrival.receiver.api_key, application_id),
        "conversation": conversation(account_id, arrival.person, application_id),
        "account_id": account_id,
        "due_at": now,
        "since": now,
    }
