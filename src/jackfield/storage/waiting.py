"""What waits, by why: read from indexes, so that a million rows are counted in a moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from sqlalchemy import TextClause, bindparam, case, func, or_, select, text

from jackfield.clock import Moment
from jackfield.deliveries import lane
from jackfield.delivery.destinations import Breaker
from jackfield.inbound import Kept
from jackfield.keeping.watch import Sight
from jackfield.metrics import Waiting
from jackfield.storage.dialects import Prepared
from jackfield.storage.lanes import QUEUES
from jackfield.storage.tables import (
    applications,
    deliveries,
    destinations,
    inbound_bodies,
    pending,
    tenants,
)
from jackfield.units import Row, Steps, unit

_CLOSED: Final = Breaker.CLOSED.value

# What is in the way of all that goes to a URL: the first that fits.
_TROUBLE = case(
    (destinations.c.paused_at.is_not(None), Waiting.PAUSED.value),
    (destinations.c.breaker != _CLOSED, Waiting.BREAKER.value),
    else_=Waiting.THROTTLED.value,
)
_is_in_trouble = or_(
    destinations.c.paused_at.is_not(None),
    destinations.c.breaker != _CLOSED,
    destinations.c.not_before > bindparam("now"),
)
_TROUBLED_APPLICATIONS = Prepared(
    select(applications.c.api_key, applications.c.id, _TROUBLE)
    .join(
        destinations,
        (destinations.c.api_key == applications.c.api_key)
        & (destinations.c.url == applications.c.inbound_url),
    )
    .where(_is_in_trouble),
)
_TROUBLED_TENANTS = Prepared(
    select(tenants.c.api_key, _TROUBLE)
    .join(
        destinations,
        (destinations.c.api_key == tenants.c.api_key)
        & (destinations.c.url == tenants.c.inbound_url),
    )
    .where(_is_in_trouble),
)

_state = case((destinations.c.paused_at.is_not(None), "paused"), else_=destinations.c.breaker)
_ENDPOINTS = Prepared(select(_state, func.count()).group_by(_state))


def _lanes(queue: TextClause) -> Prepared:
    """Return the lanes of a queue: what is due first, the oldest, and the oldest not due yet."""
    return Prepared(
        select(
            pending.c.lane,
            func.min(pending.c.due_at),
            func.min(pending.c.number),
            func.min(case((pending.c.due_at > bindparam("now"), pending.c.number))),
        )
        .where(queue)
        .group_by(pending.c.lane),
    )


_FIRST, _AGAIN = (_lanes(queue) for queue in QUEUES)

_SINCE = Prepared(select(pending.c.since).where(pending.c.number == bindparam("number")))

_OLDEST_HELD = Prepared(
    select(deliveries.c.accepted_at)
    .where(text("deliveries.state = 'held'"))
    .order_by(deliveries.c.accepted_at)
    .limit(1),
)
_OLDEST_KEPT = Prepared(
    select(inbound_bodies.c.received_at)
    .where(inbound_bodies.c.kind == bindparam("kind"))
    .order_by(inbound_bodies.c.id)
    .limit(1),
)


@unit
def sight(now: Moment) -> Steps[Sight]:
    """See `Waits.sight`."""
    reasons = yield from _reasons(now)
    first = yield _FIRST(now=now)
    again = yield _AGAIN(now=now)
    ready, oldest = _longest([*first, *again], reasons, now=now)
    since = {} if ready is None else {Waiting.READY: ready}
    for reason, number in oldest.items():
        ((moment,),) = yield _SINCE(number=number)
        since[reason] = moment
    for (moment,) in (yield _OLDEST_HELD()):
        since[Waiting.HELD] = moment
    for reason, kind in ((Waiting.UNREAD, Kept.UNREAD), (Waiting.UNKNOWN, Kept.UNKNOWN)):
        for (moment,) in (yield _OLDEST_KEPT(kind=kind)):
            since[reason] = moment
    endpoints = yield _ENDPOINTS()
    return Sight(since, {str(state): int(count) for state, count in endpoints})


@unit
def _reasons(now: Moment) -> Steps[Mapping[int, Waiting]]:
    """Return why nothing of a lane goes, for each lane whose URL is in trouble."""
    ours = yield _TROUBLED_APPLICATIONS(now=now)
    own = yield _TROUBLED_TENANTS(now=now)
    reasons = {
        lane(api_key, application_id): Waiting(why) for api_key, application_id, why in ours
    }
    return reasons | {lane(api_key, None): Waiting(why) for api_key, why in own}


def _longest(
    lanes: Iterable[Row], reasons: Mapping[int, Waiting], *, now: Moment
) -> tuple[Moment | None, dict[Waiting, int]]:
    """Return since when something is ready, and the number of the oldest for each other reason."""
    ready: Moment | None = None
    oldest: dict[Waiting, int] = {}
    for number, due_at, lowest, lowest_later in lanes:
        reason = reasons.get(number)
        if reason is None and due_at <= now:
            ready = due_at if ready is None else min(ready, due_at)
        waits = lowest_later if reason is None else lowest
        if waits is not None:
            reason = reason or Waiting.BACKOFF
            oldest[reason] = min(waits, oldest.get(reason, waits))
    return ready, oldest
