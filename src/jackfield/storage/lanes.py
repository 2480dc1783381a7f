"""What is to be done, lane by lane: plain range reads, and no claim is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    Column,
    ColumnElement,
    Integer,
    ScalarSelect,
    Select,
    bindparam,
    case,
    select,
    text,
    update,
)

from jackfield.clock import Moment
from jackfield.deliveries import Pending, Target
from jackfield.storage.dialects import Prepared
from jackfield.storage.heads import first_of
from jackfield.storage.tables import applications, deliveries, pending, tenants
from jackfield.units import Steps, unit

_earlier = pending.alias("earlier")
_here = pending.alias("here")

# What was never tried, and what was: written out as the indexes have it, or they are not used.
QUEUES = (
    text("pending.due_at IS NOT NULL AND pending.tries = 0"),
    text("pending.due_at IS NOT NULL AND pending.tries > 0"),
)

URL = case(
    (deliveries.c.url.is_not(None), deliveries.c.url),
    (deliveries.c.application_id.is_(None), tenants.c.inbound_url),
    else_=applications.c.inbound_url,
)
"""Where a delivery goes, in a statement that knows its tenant and its application."""


def _lanes_of(queue: ColumnElement[bool]) -> Prepared:
    """Return what hops from each lane's first to the next lane's, however much each holds."""
    in_order = (pending.c.lane, pending.c.due_at, pending.c.number)
    first = select(pending.c.number).where(queue).order_by(*in_order).limit(1)
    hops = select(first.scalar_subquery().label("number")).cte("hops", recursive=True)
    lane, _ = _what_is_there(hops)
    following = first.where(pending.c.lane > lane).correlate(hops)
    hops = hops.union_all(
        select(following.scalar_subquery()).select_from(hops).where(hops.c.number.is_not(None))
    )
    return Prepared(select(*_what_is_there(hops)).select_from(hops))


def _what_is_there(hops: CTE) -> list[ScalarSelect[Any]]:
    """Return the lane of a number and when it is due, each asked for by the number alone."""
    columns: list[Column[Any]] = [_here.c.lane, _here.c.due_at]
    this = _here.c.number == hops.c.number
    return [select(one).where(this).correlate(hops).scalar_subquery() for one in columns]


def _due(queue: ColumnElement[bool]) -> Select[tuple[object, ...]]:
    lowest = bindparam("lowest", type_=BigInteger)
    head = first_of(_earlier, pending.c.conversation, since=lowest)
    return (
        select(
            pending.c.number,
            pending.c.kind,
            pending.c.subject,
            pending.c.lane,
            pending.c.conversation,
            pending.c.due_at,
            pending.c.since,
            pending.c.failing_since,
            pending.c.tries,
            head.correlate(pending).scalar_subquery(),
        )
        .where(
            queue,
            pending.c.lane == bindparam("lane", type_=BigInteger),
            pending.c.due_at >= bindparam("due_from"),
        )
        .order_by(pending.c.due_at, pending.c.number)
        .limit(bindparam("limit", type_=Integer))
    )


_LANES = [_lanes_of(queue) for queue in QUEUES]  # type: ignore[arg-type] # a condition in words
_DUE = [Prepared(_due(queue)) for queue in QUEUES]  # type: ignore[arg-type] # the same

_TARGET = Prepared(
    select(deliveries.c.api_key, URL)
    .join(tenants, tenants.c.api_key == deliveries.c.api_key)
    .outerjoin(applications, applications.c.id == deliveries.c.application_id)
    .where(deliveries.c.id == bindparam("delivery_id")),
)

_WAITING = Prepared(
    select(pending.c.number)
    .where(
        QUEUES[1],
        pending.c.lane == bindparam("lane", type_=BigInteger),
        pending.c.due_at > bindparam("now"),
    )
    .order_by(pending.c.due_at, pending.c.number)
    .limit(bindparam("limit", type_=Integer)),
)
_HURRY = Prepared(
    update(pending)
    .where(pending.c.number == bindparam("this"), pending.c.due_at > bindparam("now"))
    .values(due_at=bindparam("now"), failing_since=None),
)


@unit
def lanes() -> Steps[dict[int, Moment]]:
    """See `Deliveries.lanes`."""
    earliest: dict[int, Moment] = {}
    for prepared in _LANES:
        rows = yield prepared()
        for lane, due_at in rows:
            if due_at is not None:
                earliest[lane] = min(due_at, earliest.get(lane, due_at))
    return earliest


@unit
def due(
    lanes: Mapping[int, int], *, floors: Mapping[int, Moment], lowest: Mapping[int, int]
) -> Steps[dict[int, list[Pending]]]:
    """See `Deliveries.due`."""
    found: dict[int, list[Pending]] = {lane: [] for lane in lanes}
    for prepared in _DUE:
        rows = yield prepared.many(
            [
                {
                    "lane": lane,
                    "limit": limit,
                    "due_from": floors.get(lane, 0),
                    "lowest": lowest.get(lane, 0),
                }
                for lane, limit in lanes.items()
            ]
        )
        for row in rows:
            item = Pending(*row)
            found[item.lane].append(item)
    return found


@unit
def target(subject: str) -> Steps[Target | None]:
    """See `Deliveries.target`."""
    rows = yield _TARGET(delivery_id=subject)
    return Target(*rows[0]) if rows else None


@unit
def hurry(lane: int, *, now: Moment, limit: int) -> Steps[int]:
    """See `Deliveries.hurry`."""
    rows = yield _WAITING(lane=lane, now=now, limit=limit)
    if rows:
        yield _HURRY.many([{"this": number, "now": now} for (number,) in rows])
    return len(rows)
