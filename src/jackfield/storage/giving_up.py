"""What goes to dead without another attempt: its account is gone, or its URL paused too long."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Integer,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    update,
)

from jackfield.balance import Tally
from jackfield.clock import Moment
from jackfield.storage.dialects import Prepared
from jackfield.storage.lanes import QUEUES
from jackfield.storage.tables import contacts, deliveries, pending
from jackfield.units import Row, Steps, tally, unit

_other = pending.alias("other")

_NOT_TO_BE_DONE = Prepared(
    delete(pending)
    .where(pending.c.kind == "deliver", pending.c.account_id == bindparam("account_id"))
    .returning(pending.c.subject, pending.c.conversation),
)

_DEAD = Prepared(
    update(deliveries)
    .where(deliveries.c.id == bindparam("delivery_id"), deliveries.c.state == "pending")
    .values(state="dead", finished_at=bindparam("now")),
)

# The state stands in the text, so that the index of what is held is found.
_is_held = (
    deliveries.c.account_id == bindparam("of_account_id"),
    deliveries.c.state == literal_column("'held'"),
)
_HELD = Prepared(select(func.count()).where(*_is_held))
_HELD_IS_DEAD = Prepared(
    update(deliveries)
    .where(*_is_held)
    .values(state="dead", held_because=None, finished_at=bindparam("now")),
)

CALL_NEXT = Prepared(
    update(pending)
    .where(
        pending.c.number
        == select(func.min(_other.c.number))
        .where(_other.c.conversation == bindparam("of_conversation"))
        .scalar_subquery(),
        pending.c.due_at.is_(None),
    )
    .values(due_at=bindparam("now")),
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

_TAKE_AWAY = Prepared(
    delete(pending).where(pending.c.number == bindparam("this")).returning(pending.c.number),
)

_FORGET_PEOPLE = Prepared(
    delete(contacts).where(contacts.c.account_id == bindparam("account_id")),
)


@unit
def expire(lane: int, *, begun_before: Moment, now: Moment, limit: int) -> Steps[int]:
    """See `Deliveries.expire`."""
    overdue: list[Row] = []
    for prepared in _OVERDUE:
        overdue += yield prepared(lane=lane, begun_before=begun_before, limit=limit)
    if overdue:
        taken = yield _TAKE_AWAY.many([{"this": number} for number, _, _ in overdue])
        yield tally(Tally.DIED, len(taken))
        yield _DEAD.many([{"delivery_id": subject, "now": now} for _, subject, _ in overdue])
        ended = sorted({conversation for _, _, conversation in overdue})
        yield CALL_NEXT.many([{"of_conversation": one, "now": now} for one in ended])
    return len(overdue)


@unit
def give_up(account_id: int, *, now: Moment) -> Steps[None]:
    """Let everything held or pending for the account be dead, and forget who wrote to it.

    What is on its way at this moment is dead already when its answer comes, whatever that says.
    """
    rows = yield _NOT_TO_BE_DONE(account_id=account_id)
    if rows:
        yield _DEAD.many([{"delivery_id": subject, "now": now} for subject, _ in rows])
        # Another account's conversation may have the same number, and wait behind these.
        ended = sorted({conversation for _, conversation in rows})
        yield CALL_NEXT.many([{"of_conversation": one, "now": now} for one in ended])
    ((held,),) = yield _HELD(of_account_id=account_id)
    yield _HELD_IS_DEAD(of_account_id=account_id, now=now)
    yield tally(Tally.DIED, len(rows) + held)
    yield _FORGET_PEOPLE(account_id=account_id)
