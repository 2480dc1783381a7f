"""The tables of deliveries, of what is still to be done, and of what was tried."""

from __future__ import annotations

from sqlalchemy import Integer, bindparam, case, delete, exists, func, select, update

from jackfield.clock import Moment
from jackfield.deliveries import Attempt, Outgoing, Pending
from jackfield.storage import tenants as tenants_table
from jackfield.storage.dialects import Prepared, insert
from jackfield.storage.tables import applications, attempts, deliveries, pending, tenants
from jackfield.units import Statement, Steps, unit

_earlier = pending.alias("earlier")

# A plain range read: no claim is written, since one process owns what it reads.
_DUE = Prepared(
    select(
        pending.c.number,
        pending.c.kind,
        pending.c.subject,
        pending.c.conversation,
        pending.c.since,
        pending.c.tries,
        select(func.min(_earlier.c.number))
        .where(_earlier.c.conversation == pending.c.conversation)
        .scalar_subquery(),
    )
    .where(pending.c.due_at <= bindparam("now"))
    .order_by(pending.c.due_at, pending.c.number)
    .limit(bindparam("limit", type_=Integer)),
)

_LONGEST_DUE_AT = Prepared(
    select(pending.c.due_at)
    .where(pending.c.due_at.is_not(None))
    .order_by(pending.c.due_at)
    .limit(1),
)

_NEXT_DUE_AFTER = Prepared(
    select(pending.c.due_at)
    .where(pending.c.due_at > bindparam("now"))
    .order_by(pending.c.due_at)
    .limit(1),
)

_WAIT_BEHIND = Prepared(
    update(pending)
    .where(
        pending.c.number == bindparam("this"),
        exists(
            select(_earlier.c.number).where(
                _earlier.c.conversation == bindparam("of_conversation"),
                _earlier.c.number < bindparam("this"),
            ),
        ),
    )
    .values(due_at=None),
)

_ATTEMPT = Prepared(
    insert(attempts).values(
        delivery_id=bindparam("delivery_id"),
        tried=bindparam("tried"),
        started_at=bindparam("started_at"),
        milliseconds=bindparam("milliseconds"),
        outcome=bindparam("outcome"),
        status=bindparam("status"),
        detail=bindparam("detail"),
    ),
)

_FINISH = Prepared(
    update(deliveries)
    .where(deliveries.c.id == bindparam("delivery_id"), deliveries.c.state == "pending")
    .values(state=bindparam("new_state"), finished_at=bindparam("now")),
)

# Its application went while it was being called, and it answered that it has it (ruling R15).
_ACCEPTED_BEFORE_IT_WENT = Prepared(
    update(deliveries)
    .where(deliveries.c.id == bindparam("delivery_id"), deliveries.c.state == "held")
    .values(state="delivered", held_because=None, finished_at=bindparam("now"))
    .returning(deliveries.c.id),
)

# Nothing follows when the row is gone: an end is recorded once, however often it is told.
_DONE = Prepared(
    delete(pending).where(pending.c.number == bindparam("this")).returning(pending.c.number),
)

_CALL_NEXT = Prepared(
    update(pending)
    .where(
        pending.c.number
        == select(func.min(_earlier.c.number))
        .where(_earlier.c.conversation == bindparam("of_conversation"))
        .scalar_subquery(),
        pending.c.due_at.is_(None),
    )
    .values(due_at=bindparam("now")),
)

_POSTPONE = Prepared(
    update(pending)
    .where(pending.c.number == bindparam("this"), pending.c.tries < bindparam("tried"))
    .values(due_at=bindparam("new_due_at"), tries=bindparam("tried"))
    .returning(pending.c.number),
)

_OUTGOING = Prepared(
    select(
        case(
            (deliveries.c.application_id.is_(None), tenants.c.inbound_url),
            else_=applications.c.inbound_url,
        ),
        deliveries.c.body,
        deliveries.c.api_key,
        deliveries.c.application_id,
        deliveries.c.accepted_at,
    )
    .join(tenants, tenants.c.api_key == deliveries.c.api_key)
    .outerjoin(applications, applications.c.id == deliveries.c.application_id)
    .where(deliveries.c.id == bindparam("delivery_id"), deliveries.c.state == "pending"),
)


@unit
def due(now: Moment, limit: int) -> Steps[list[Pending]]:
    """See `Deliveries.due`."""
    rows = yield _DUE(now=now, limit=limit)
    return [
        Pending(number, kind, subject, conversation, since, tries, is_head=number == head)
        for number, kind, subject, conversation, since, tries, head in rows
    ]


@unit
def longest_due_at() -> Steps[Moment | None]:
    """See `Deliveries.longest_due_at`."""
    rows = yield _LONGEST_DUE_AT()
    return rows[0][0] if rows else None


@unit
def next_due_after(now: Moment) -> Steps[Moment | None]:
    """See `Deliveries.next_due_after`."""
    rows = yield _NEXT_DUE_AFTER(now=now)
    return rows[0][0] if rows else None


@unit
def outgoing(delivery_id: str) -> Steps[Outgoing | None]:
    """See `Deliveries.outgoing`."""
    rows = yield _OUTGOING(delivery_id=delivery_id)
    for url, body, api_key, application_id, accepted_at in rows:
        secrets = yield from tenants_table.signature_secrets_of(api_key)
        return Outgoing(url, body, api_key, application_id, secrets, accepted_at)
    return None


@unit
def wait_behind(item: Pending) -> Steps[None]:
    """See `Deliveries.wait_behind`."""
    yield _WAIT_BEHIND(this=item.number, of_conversation=item.conversation)


@unit
def succeed(item: Pending, attempt: Attempt, *, now: Moment) -> Steps[None]:
    """See `Deliveries.succeed`."""
    is_recorded = yield from _finish(item, attempt, state="delivered", now=now)
    if not is_recorded:
        rows = yield _ACCEPTED_BEFORE_IT_WENT(delivery_id=item.subject, now=now)
        if rows:
            yield _attempted(item, attempt)


@unit
def postpone(item: Pending, attempt: Attempt, *, due_at: Moment) -> Steps[None]:
    """See `Deliveries.postpone`."""
    rows = yield _POSTPONE(this=item.number, new_due_at=due_at, tried=attempt.tried)
    if rows:
        yield _attempted(item, attempt)


@unit
def give_up(item: Pending, attempt: Attempt, *, now: Moment) -> Steps[None]:
    """See `Deliveries.give_up`."""
    yield from _finish(item, attempt, state="dead", now=now)


@unit
def _finish(item: Pending, attempt: Attempt, *, state: str, now: Moment) -> Steps[bool]:
    rows = yield _DONE(this=item.number)
    if not rows:
        return False
    yield _FINISH(delivery_id=item.subject, new_state=state, now=now)
    yield _attempted(item, attempt)
    yield _CALL_NEXT(of_conversation=item.conversation, now=now)
    return True


def _attempted(item: Pending, attempt: Attempt) -> Statement:
    return _ATTEMPT(
        delivery_id=item.subject,
        tried=attempt.tried,
        started_at=attempt.started_at,
        milliseconds=attempt.milliseconds,
        outcome=attempt.outcome,
        status=attempt.status,
        detail=attempt.detail,
    )
