"""Takes back what is owed in a lane that goes nowhere: from its newest end, a span at a time."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Integer, and_, bindparam, delete, exists, func, select, update

from jackfield.clock import Moment
from jackfield.deliveries import Held, Pending
from jackfield.deliveries import lane as lane_of
from jackfield.delivery import withdrawing
from jackfield.delivery.withdrawing import Withdrawal
from jackfield.storage.dialects import Prepared, by_its_key
from jackfield.storage.heads import NEWEST
from jackfield.storage.lanes import QUEUES
from jackfield.storage.tables import accounts, applications, deliveries, pending, tenants
from jackfield.storage.withdrawal_marks import HAS_SOMEWHERE_TO_GO, is_marked, mark_lane
from jackfield.units import Steps, Unit, alone, unit

_newest = (
    select(pending.c.number)
    .where(pending.c.number <= bindparam("up_to"))
    .order_by(pending.c.number.desc())
    .limit(bindparam("range", type_=Integer))
    .subquery()
)
_ends: list[Any] = [func.max(_newest.c.number), func.min(_newest.c.number), func.count()]
_SPAN = Prepared(select(*_ends).select_from(_newest))

_in_the_lane = and_(
    pending.c.number >= bindparam("low"),
    pending.c.number <= bindparam("high"),
    pending.c.lane == bindparam("of_lane"),
    pending.c.kind == "deliver",
)

_HOLD = Prepared(
    update(deliveries)
    .where(
        deliveries.c.id.in_(select(pending.c.subject).where(_in_the_lane)),
        deliveries.c.state == "pending",
        deliveries.c.kind == "inbound",
    )
    .values(
        state="held",
        held_because=Held.UNLINKED.value,
        application_id=None,
        link_version=None,
        body=None,
        bound_at=None,
        aside_at=None,
    )
    .returning(deliveries.c.account_id),
)

# Nothing that is held has anything to be done, but for what this transaction has just held.
_TAKE_BACK = Prepared(
    delete(pending).where(
        _in_the_lane,
        exists(
            select(deliveries.c.id).where(
                deliveries.c.id == pending.c.subject,
                by_its_key(deliveries.c.state) == "held",
            ),
        ),
    ),
)

# Nobody else would want it.
_TESTS_ARE_DEAD = Prepared(
    update(deliveries)
    .where(
        deliveries.c.id.in_(select(pending.c.subject).where(_in_the_lane)),
        deliveries.c.state == "pending",
        deliveries.c.kind == "test",
    )
    .values(state="dead", finished_at=bindparam("now"))
    .returning(deliveries.c.id),
)

_END = Prepared(
    delete(pending).where(_in_the_lane, pending.c.subject == bindparam("delivery_id")),
)

_OWED = [
    Prepared(
        select(pending.c.number).where(queue, pending.c.lane == bindparam("of_lane")).limit(1)
    )
    for queue in QUEUES
]

# Whoever gives the tenant or the application a URL waits, and sees what is held here.
_OWN_URL = Prepared(
    select(tenants.c.inbound_url)
    .where(tenants.c.api_key == bindparam("api_key"))
    .with_for_update(read=True, key_share=True),
)
_ITS_URL = Prepared(
    select(applications.c.inbound_url)
    .where(applications.c.id == bindparam("application_id"))
    .with_for_update(read=True, key_share=True),
)

_WHOSE = Prepared(
    select(deliveries.c.api_key, deliveries.c.application_id).where(
        deliveries.c.id == bindparam("delivery_id")
    ),
)

# Whoever has nobody else to go to waits for the next link, which marks the account itself.
_RELEASE_ELSEWHERE = Prepared(
    update(accounts)
    .where(accounts.c.id == bindparam("account_id"), HAS_SOMEWHERE_TO_GO)
    .values(releasing=1),
)


class Span(NamedTuple):
    """Rows of `pending` that are looked through, by their numbers; `rest` is what is below."""

    low: int
    high: int
    rest: int | None


def take_back(item: Pending, *, now: Moment) -> Unit[bool]:
    """See `Deliveries.take_back`."""
    return alone(_take_back(item, now=now))


@unit
def _take_back(item: Pending, *, now: Moment) -> Steps[bool]:
    if (yield from is_marked(item.lane)):
        return False  # what came after the mark has its turn when it has gone
    rows = yield _WHOSE(delivery_id=item.subject)
    for api_key, application_id in rows:
        if lane_of(api_key, application_id) != item.lane:
            return False  # it is held already, and bound to nobody
        if (yield from _goes_somewhere(api_key, application_id)):
            return False  # by now
        rest = yield from _take(item.lane, up_to=NEWEST, now=now)
        if rest is not None:
            yield from mark_lane(item.lane, api_key, application_id, up_to=rest)
    return bool(rows)


@unit
def take_newest(withdrawal: Withdrawal, *, up_to: int, now: Moment) -> Steps[int | None]:
    """Hold the newest of what is owed in a lane; see `Withdrawals.take_slice`."""
    assert withdrawal.lane is not None  # noqa: S101 -- an account's is another's to take
    if (yield from _goes_somewhere(withdrawal.api_key, withdrawal.application_id)):
        return None  # what is still pending goes first
    return (yield from _take(withdrawal.lane, up_to=up_to, now=now))


@unit
def _goes_somewhere(api_key: str, application_id: str | None) -> Steps[bool]:
    if application_id is None:
        rows = yield _OWN_URL(api_key=api_key)
    else:
        rows = yield _ITS_URL(application_id=application_id)
    return any(url is not None for (url,) in rows)


@unit
def _take(lane: int, *, up_to: int, now: Moment) -> Steps[int | None]:
    """Hold the newest of what is owed in a lane, and end its tests; return where to go on."""
    span = yield from newest_span(up_to)
    if span is None:
        return None
    yield from hold_within(lane, span)
    yield from _end_tests(lane, span, now=now)
    return span.rest if (yield from is_owed(lane)) else None


@unit
def newest_span(up_to: int) -> Steps[Span | None]:
    """Return where the newest `RANGE` rows up to this number stand; None when there are none."""
    ((high, low, count),) = yield _SPAN(up_to=up_to, range=withdrawing.RANGE)
    if not count:
        return None
    return Span(low, high, low - 1 if count == withdrawing.RANGE else None)


@unit
def is_owed(lane: int) -> Steps[bool]:
    """Return whether anything is left in a lane: the head of each conversation has a time."""
    for prepared in _OWED:
        rows = yield prepared(of_lane=lane)
        if rows:
            return True
    return False


@unit
def hold_within(lane: int, span: Span) -> Steps[None]:
    """Hold what is owed in a lane within a span, and release it to whoever else may hear it."""
    there = {"of_lane": lane, "low": span.low, "high": span.high}
    rows = yield _HOLD(**there)
    if rows:
        yield _TAKE_BACK(**there)
        waiting = sorted({account_id for (account_id,) in rows})
        yield _RELEASE_ELSEWHERE.many([{"account_id": account_id} for account_id in waiting])


@unit
def _end_tests(lane: int, span: Span, *, now: Moment) -> Steps[None]:
    there = {"of_lane": lane, "low": span.low, "high": span.high}
    rows = yield _TESTS_ARE_DEAD(**there, now=now)
    if rows:
        yield _END.many([there | {"delivery_id": each} for (each,) in rows])
