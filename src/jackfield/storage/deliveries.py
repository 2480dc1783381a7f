"""The tables of deliveries, of what is still to be done, and of what was tried."""

from __future__ import annotations

from sqlalchemy import BigInteger, bindparam, delete, exists, or_, select, update

from jackfield.balance import Tally
from jackfield.clock import Moment
from jackfield.crashpoints import Crashpoint, reach
from jackfield.deliveries import Attempt, Outgoing, Pending, conversation_aside
from jackfield.storage.dialects import Prepared, by_its_key, insert
from jackfield.storage.giving_up import IS_ORPHANED, bury, expire
from jackfield.storage.heads import first_of
from jackfield.storage.lanes import URL, due, hurry, lanes, target
from jackfield.storage.tables import applications, attempts, deliveries, pending, tenants
from jackfield.storage.taking_back import take_back
from jackfield.storage.tenants import signature_secrets_of as signature_secrets
from jackfield.units import Statement, Steps, tally, unit

__all__ = [
    "bury",
    "due",
    "expire",
    "give_up",
    "hurry",
    "lanes",
    "outgoing",
    "postpone",
    "set_aside",
    "signature_secrets",
    "succeed",
    "take_back",
    "target",
    "wait_behind",
]

_earlier = pending.alias("earlier")
_later = pending.alias("later")

_WAIT_BEHIND = Prepared(
    update(pending)
    .where(
        pending.c.number == bindparam("this"),
        exists(
            select(_earlier.c.number)
            .where(
                _earlier.c.number == bindparam("head"),
                _earlier.c.number < bindparam("this"),
                _earlier.c.conversation == bindparam("of_conversation"),
            )
            # Another process that ends the head calls the next one after this, or before it.
            .with_for_update(read=True, key_share=True),
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
    .values(state=bindparam("new_state"), finished_at=bindparam("now"))
    .returning(deliveries.c.id),
)

# Its application went while it was being called, and it answered that it has it (ruling R15).
_ACCEPTED_BEFORE_IT_WENT = Prepared(
    update(deliveries)
    .where(deliveries.c.id == bindparam("delivery_id"), by_its_key(deliveries.c.state) == "held")
    .values(state="delivered", held_because=None, finished_at=bindparam("now"))
    .returning(deliveries.c.id),
)

# Nothing follows when the row is gone: an end is recorded once, however often it is told.
_DONE = Prepared(
    delete(pending).where(pending.c.number == bindparam("this")).returning(pending.c.number),
)

# The next one comes after the one that ended, which was the first of its conversation: whatever
# is done with, and a reader's snapshot keeps in PostgreSQL's index, lies before it.
_CALL_NEXT = Prepared(
    update(pending)
    .where(
        pending.c.number
        == first_of(
            _later,
            bindparam("of_conversation", type_=BigInteger),
            since=bindparam("after", type_=BigInteger),
        ).scalar_subquery(),
        or_(pending.c.due_at.is_(None), pending.c.due_at <= bindparam("now")),
    )
    .values(due_at=bindparam("now"))
    .returning(pending.c.number),
)

_POSTPONE = Prepared(
    update(pending)
    .where(pending.c.number == bindparam("this"), pending.c.tries < bindparam("tried"))
    .values(
        due_at=bindparam("new_due_at"),
        tries=bindparam("tried"),
        failing_since=bindparam("new_failing_since"),
    )
    .returning(pending.c.number),
)

# It is a conversation of its own from now on, so that nobody waits behind it.
_SET_ASIDE = Prepared(
    update(pending)
    .where(pending.c.number == bindparam("this"), pending.c.tries < bindparam("tried"))
    .values(
        due_at=bindparam("new_due_at"),
        tries=bindparam("tried"),
        conversation=bindparam("own_conversation"),
    )
    .returning(pending.c.number),
)

_ASIDE = Prepared(
    update(deliveries)
    .where(
        deliveries.c.id == bindparam("delivery_id"),
        deliveries.c.state == "pending",
        deliveries.c.aside_at.is_(None),
    )
    .values(aside_at=bindparam("now")),
)

_OUTGOING = Prepared(
    select(
        URL,
        deliveries.c.body,
        deliveries.c.api_key,
        deliveries.c.application_id,
        deliveries.c.accepted_at,
    )
    .select_from(pending)
    .join(deliveries, deliveries.c.id == pending.c.subject)
    .join(tenants, tenants.c.api_key == deliveries.c.api_key)
    .outerjoin(applications, applications.c.id == deliveries.c.application_id)
    .where(pending.c.number == bindparam("this"), deliveries.c.state == "pending", ~IS_ORPHANED),
)


@unit
def outgoing(item: Pending) -> Steps[Outgoing | None]:
    """See `Deliveries.outgoing`."""
    rows = yield _OUTGOING(this=item.number)
    return Outgoing(*rows[0]) if rows else None


@unit
def wait_behind(item: Pending) -> Steps[None]:
    """See `Deliveries.wait_behind`."""
    yield _WAIT_BEHIND(this=item.number, head=item.head, of_conversation=item.conversation)


@unit
def succeed(item: Pending, attempt: Attempt, *, now: Moment) -> Steps[bool]:
    """See `Deliveries.succeed`."""
    has_next = yield from _finish(item, attempt, state="delivered", now=now)
    if has_next is None:
        rows = yield _ACCEPTED_BEFORE_IT_WENT(delivery_id=item.subject, now=now)
        if not rows:
            return False
        yield _attempted(item, attempt)
    yield tally(Tally.DELIVERED)
    return bool(has_next)


@unit
def postpone(
    item: Pending, attempt: Attempt, *, due_at: Moment, failing_since: Moment | None
) -> Steps[None]:
    """See `Deliveries.postpone`."""
    rows = yield _POSTPONE(
        this=item.number,
        new_due_at=due_at,
        tried=attempt.tried,
        new_failing_since=failing_since,
    )
    reach(Crashpoint.INSIDE_OUTCOME_COMMIT)
    if rows:
        yield _attempted(item, attempt)


@unit
def set_aside(item: Pending, attempt: Attempt, *, due_at: Moment, now: Moment) -> Steps[bool]:
    """See `Deliveries.set_aside`."""
    rows = yield _SET_ASIDE(
        this=item.number,
        new_due_at=due_at,
        tried=attempt.tried,
        own_conversation=conversation_aside(item.subject),
    )
    if not rows:
        return False
    yield _ASIDE(delivery_id=item.subject, now=now)
    yield _attempted(item, attempt)
    return (yield from _call_next(item, now))


@unit
def give_up(item: Pending, attempt: Attempt, *, now: Moment) -> Steps[bool]:
    """See `Deliveries.give_up`."""
    has_next = yield from _finish(item, attempt, state="dead", now=now)
    if has_next is not None:
        yield tally(Tally.DIED)
    return bool(has_next)


@unit
def _finish(item: Pending, attempt: Attempt, *, state: str, now: Moment) -> Steps[bool | None]:
    """Record an end; return whether another may go now, None when it had ended before."""
    rows = yield _DONE(this=item.number)
    reach(Crashpoint.INSIDE_OUTCOME_COMMIT)
    if rows:
        rows = yield _FINISH(delivery_id=item.subject, new_state=state, now=now)
    if not rows:
        # Or a neighbour in the batch has just held it, and all that waited behind it.
        return None
    yield _attempted(item, attempt)
    return (yield from _call_next(item, now))


@unit
def _call_next(item: Pending, now: Moment) -> Steps[bool]:
    following = item.number + 1
    rows = yield _CALL_NEXT(of_conversation=item.conversation, after=following, now=now)
    return bool(rows)


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
