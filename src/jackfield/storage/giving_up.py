"""What goes to dead without another attempt: its account is gone, or its URL paused too long."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import (
    BigInteger,
    Integer,
    bindparam,
    delete,
    exists,
    func,
    literal_column,
    select,
    update,
)

from jackfield.balance import Tally
from jackfield.clock import Moment
from jackfield.deliveries import Pending
from jackfield.delivery import withdrawing
from jackfield.storage.dialects import Prepared
from jackfield.storage.heads import first_of
from jackfield.storage.lanes import QUEUES
from jackfield.storage.places import in_account
from jackfield.storage.tables import contacts, deliveries, pending, withdrawals
from jackfield.storage.withdrawal_marks import mark_account
from jackfield.units import Row, Steps, tally, unit

_other = pending.alias("other")

_SOME_PENDING = Prepared(
    select(pending.c.number, pending.c.subject, pending.c.conversation)
    .where(
        pending.c.account_id == bindparam("account_id"),
        pending.c.kind == "deliver",
        in_account(pending) <= bindparam("up_to"),
    )
    .limit(bindparam("limit", type_=Integer)),
)
_TAKE_AWAY = Prepared(
    delete(pending).where(pending.c.number == bindparam("this")).returning(pending.c.number),
)

_DEAD = Prepared(
    update(deliveries)
    .where(deliveries.c.id == bindparam("delivery_id"), deliveries.c.state == "pending")
    .values(state="dead", finished_at=bindparam("now")),
)

# The state stands in the text, so that the index of what is held is found.
_some_held = (
    select(deliveries.c.number)
    .where(
        deliveries.c.account_id == bindparam("account_id"),
        deliveries.c.state == literal_column("'held'"),
    )
    .limit(bindparam("limit", type_=Integer))
)
_HELD_IS_DEAD = Prepared(
    update(deliveries)
    .where(deliveries.c.number.in_(_some_held))
    .values(state="dead", finished_at=bindparam("now"))
    .returning(deliveries.c.number),
)

CALL_NEXT = Prepared(
    update(pending)
    .where(
        pending.c.number
        == first_of(
            _other,
            bindparam("of_conversation", type_=BigInteger),
            since=literal_column("0"),
        ).scalar_subquery(),
        pending.c.due_at.is_(None),
    )
    .values(due_at=bindparam("now"))
    .returning(pending.c.number),
)

_OVERDUE = [
    Prepared(
        select(pending.c.number, pending.c.subject, pending.c.conversation)
        .where(
            queue,
            pending.c.lane == bindparam("lane", type_=BigInteger),
            pending.c.since < bindparam("begun_before"),
        )
        .order_by(pending.c.due_at, pending.c.number)
        .limit(bindparam("limit", type_=Integer)),
    )
    for queue in QUEUES
]

_some_people = (
    select(contacts.c.address)
    .where(contacts.c.account_id == bindparam("account_id"))
    .limit(bindparam("limit", type_=Integer))
)
_FORGET_PEOPLE = Prepared(
    delete(contacts)
    .where(contacts.c.account_id == bindparam("account_id"), contacts.c.address.in_(_some_people))
    .returning(contacts.c.address),
)

_LAST = Prepared(select(func.max(pending.c.number)))

# Its account was deleted, and this is not yet taken back with the rest. The sum keeps PostgreSQL
# from reading all of `pending` in the order of its accounts.
IS_ORPHANED = exists().where(
    withdrawals.c.account_id == pending.c.account_id + 0,
    withdrawals.c.up_to >= pending.c.number,
)
_BURY = Prepared(
    delete(pending)
    .where(pending.c.number == bindparam("this"), IS_ORPHANED)
    .returning(pending.c.number),
)


@unit
def expire(lane: int, *, begun_before: Moment, now: Moment, limit: int) -> Steps[int]:
    """See `Deliveries.expire`."""
    overdue: list[Row] = []
    for prepared in _OVERDUE:
        overdue += yield prepared(lane=lane, begun_before=begun_before, limit=limit)
    if overdue:
        yield tally(Tally.DIED, (yield from _end(overdue, now)))
    return len(overdue)


@unit
def give_up(account_id: int, api_key: str, *, now: Moment) -> Steps[None]:
    """Let everything held or pending for a deleted account be dead, and forget who wrote to it.

    Where that is more than a slice there is a mark, and nothing of it is sent any more. What is on
    its way at this moment may be dead already when its answer comes, whatever that says.
    """
    ((last,),) = yield _LAST()
    up_to = last or 0
    if not (yield from end_some(account_id, up_to=up_to, now=now)):
        yield from mark_account(account_id, api_key, up_to=up_to)


@unit
def end_some(account_id: int, *, up_to: int, now: Moment) -> Steps[bool]:
    """Let a slice of what waits for a deleted account be dead; return whether that was all."""
    limit = withdrawing.SLICE
    rows = yield _SOME_PENDING(account_id=account_id, up_to=up_to, limit=limit)
    ended = yield from _end(rows, now)
    held = yield _HELD_IS_DEAD(account_id=account_id, now=now, limit=limit)
    yield tally(Tally.DIED, ended + len(held))
    people = yield _FORGET_PEOPLE(account_id=account_id, limit=limit)
    return max(len(rows), len(held), len(people)) < limit


@unit
def _end(rows: Sequence[Row], now: Moment) -> Steps[int]:
    """Let what is in these rows of `pending` be dead; return how much nobody else had ended."""
    if not rows:
        return 0
    taken = yield _TAKE_AWAY.many([{"this": number} for number, _, _ in rows])
    ours = {number for (number,) in taken}
    dead = [{"delivery_id": subject, "now": now} for number, subject, _ in rows if number in ours]
    if dead:
        yield _DEAD.many(dead)
    # Another account's conversation may have the same number, and wait behind these.
    conversations = sorted({conversation for _, _, conversation in rows})
    yield CALL_NEXT.many([{"of_conversation": one, "now": now} for one in conversations])
    return len(ours)


@unit
def bury(item: Pending, *, now: Moment) -> Steps[bool]:
    """See `Deliveries.bury`."""
    rows = yield _BURY(this=item.number)
    if not rows:
        return False
    yield _DEAD(delivery_id=item.subject, now=now)
    yield tally(Tally.DIED)
    called = yield CALL_NEXT(of_conversation=item.conversation, now=now)
    return bool(called)
