"""Parts an application from its accounts, and from what was still to be brought to it.

What is taken back is taken from its newest end, at most `RANGE` rows at once; where that is not
all there is a mark, and the rest follows slice by slice (`delivery.withdrawing`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Integer, and_, bindparam, delete, exists, func, or_, select, update

from jackfield.clock import Moment
from jackfield.deliveries import Held, Pending
from jackfield.deliveries import lane as lane_of
from jackfield.delivery import withdrawing
from jackfield.delivery.withdrawing import Withdrawal
from jackfield.storage.dialects import Prepared, by_its_key
from jackfield.storage.lanes import QUEUES
from jackfield.storage.tables import accounts, applications, deliveries, pending, tenants
from jackfield.storage.withdrawal_marks import WILL_HOLD, is_marked, mark_lane
from jackfield.units import Steps, Unit, alone, unit

_NEWEST = 2**63 - 1

_of_the_application = accounts.c.application_id == bindparam("of_application")

_UNLINK = Prepared(
    update(accounts)
    .where(_of_the_application)
    .values(
        application_id=None,
        link_version=accounts.c.link_version + 1,
        version=accounts.c.version + 1,
    ),
)

_OWNER = Prepared(
    select(applications.c.api_key).where(applications.c.id == bindparam("application_id")),
)

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

# What arrives for them meanwhile must not go to the tenant's own URL before what is older.
_ARRIVE_BEHIND = Prepared(
    update(accounts)
    .where(
        _of_the_application,
        exists().where(
            pending.c.account_id == accounts.c.id, pending.c.lane == bindparam("of_lane")
        ),
        accounts.c.api_key.in_(
            select(tenants.c.api_key).where(tenants.c.inbound_url.is_not(None)),
        ),
    )
    .values(releasing=1),
)

# Whoever has nobody else to go to waits for the next link, which marks the account itself.
_RELEASE_ELSEWHERE = Prepared(
    update(accounts)
    .where(
        accounts.c.id == bindparam("account_id"),
        or_(
            accounts.c.application_id.is_not(None),
            accounts.c.api_key.in_(
                select(tenants.c.api_key).where(tenants.c.inbound_url.is_not(None)),
            ),
        ),
    )
    .values(releasing=1),
)

_RELEASE = Prepared(
    update(accounts)
    .where(
        _of_the_application,
        or_(
            exists().where(deliveries.c.account_id == accounts.c.id, deliveries.c.state == "held"),
            WILL_HOLD,
        ),
    )
    .values(releasing=1),
)


class _Span(NamedTuple):
    """Rows of `pending` that are looked through, by their numbers; `rest` is what is below."""

    low: int
    high: int
    rest: int | None


@unit
def unbind(application_id: str) -> Steps[None]:
    """See `Applications.unbind`."""
    yield from _begin(application_id, then_unlink=True)


@unit
def hold(application_id: str) -> Steps[None]:
    """See `Applications.hold`."""
    yield from _begin(application_id, then_unlink=False)


def take_back(item: Pending, *, now: Moment) -> Unit[None]:
    """See `Deliveries.take_back`."""
    return alone(_take_back(item, now=now))


@unit
def _take_back(item: Pending, *, now: Moment) -> Steps[None]:
    if (yield from is_marked(item.lane)):
        return  # and what came after the mark has its turn when it has gone
    rows = yield _WHOSE(delivery_id=item.subject)
    for api_key, application_id in rows:
        if lane_of(api_key, application_id) != item.lane:
            return  # it is held already, and bound to nobody
        rest = yield from _take(item.lane, up_to=_NEWEST, now=now)
        if rest is not None:
            yield from mark_lane(item.lane, api_key, application_id, up_to=rest)


@unit
def take_newest(withdrawal: Withdrawal, *, up_to: int, now: Moment) -> Steps[int | None]:
    """Hold the newest of what is owed in a lane; see `Withdrawals.take_slice`."""
    assert withdrawal.lane is not None  # noqa: S101 -- an account's is another's to take
    if withdrawal.application_id is None:
        rows = yield _OWN_URL(api_key=withdrawal.api_key)
    else:
        rows = yield _ITS_URL(application_id=withdrawal.application_id)
    if any(url is not None for (url,) in rows):
        return None  # it goes somewhere again, and what is still pending goes first
    return (yield from _take(withdrawal.lane, up_to=up_to, now=now))


@unit
def _begin(application_id: str, *, then_unlink: bool) -> Steps[None]:
    """Hold the newest of what is owed to an application; where that is not all, leave a mark."""
    ((api_key,),) = yield _OWNER(application_id=application_id)
    lane = lane_of(api_key, application_id)
    span = yield from _span(_NEWEST)
    if span is not None and span.rest is not None and (yield from _is_owed(lane)):
        yield _ARRIVE_BEHIND(of_application=application_id, of_lane=lane)
    if then_unlink:
        yield _UNLINK(of_application=application_id)
    # With what other processes were storing for its accounts until these were changed.
    yield from _hold(lane, _Span(span.low if span else 0, _NEWEST, None))
    if span is not None and span.rest is not None and (yield from _is_owed(lane)):
        # From the top once more: its tests are ended by whoever comes for the rest.
        yield from mark_lane(lane, api_key, application_id, up_to=span.high)


@unit
def _take(lane: int, *, up_to: int, now: Moment) -> Steps[int | None]:
    """Hold the newest of what is owed in a lane, and end its tests; return where to go on."""
    span = yield from _span(up_to)
    if span is None:
        return None
    yield from _hold(lane, span)
    yield from _end_tests(lane, span, now=now)
    return span.rest if (yield from _is_owed(lane)) else None


@unit
def _span(up_to: int) -> Steps[_Span | None]:
    ((high, low, count),) = yield _SPAN(up_to=up_to, range=withdrawing.RANGE)
    if not count:
        return None
    return _Span(low, high, low - 1 if count == withdrawing.RANGE else None)


@unit
def _is_owed(lane: int) -> Steps[bool]:
    """Return whether anything is left in a lane: the head of each conversation has a time."""
    for prepared in _OWED:
        rows = yield prepared(of_lane=lane)
        if rows:
            return True
    return False


@unit
def _hold(lane: int, span: _Span) -> Steps[None]:
    there = {"of_lane": lane, "low": span.low, "high": span.high}
    rows = yield _HOLD(**there)
    if rows:
        yield _TAKE_BACK(**there)
        waiting = sorted({account_id for (account_id,) in rows})
        yield _RELEASE_ELSEWHERE.many([{"account_id": account_id} for account_id in waiting])


@unit
def _end_tests(lane: int, span: _Span, *, now: Moment) -> Steps[None]:
    there = {"of_lane": lane, "low": span.low, "high": span.high}
    rows = yield _TESTS_ARE_DEAD(**there, now=now)
    if rows:
        yield _END.many([there | {"delivery_id": each} for (each,) in rows])


@unit
def release(application_id: str) -> Steps[None]:
    """See `Applications.release`."""
    yield _RELEASE(of_application=application_id)
