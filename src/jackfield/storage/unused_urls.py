"""The shelf of what is remembered of URLs: nobody's any more, it is forgotten."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import (
    ColumnElement,
    Integer,
    Text,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    tuple_,
)

from jackfield.clock import Moment
from jackfield.deliveries import lane
from jackfield.keeping.retention import HOURLY, Cutoffs, Look, Shelf
from jackfield.storage.dialects import Prepared
from jackfield.storage.tables import applications, destinations, tenants
from jackfield.storage.taking_back import is_owed
from jackfield.units import Row, Steps, unit

AT_ONCE = 20
"""So many rows in one slice: all applications of a tenant are looked through for each."""

_MOMENTS = ("paused_at", "not_before", "slow_start_at", "resumed_at")


def _is_the(url: ColumnElement[str]) -> ColumnElement[bool]:
    return url == destinations.c.url


# The moments first: only for what is old enough are the applications looked through.
_is_unused = and_(
    *(func.coalesce(destinations.c[name], 0) < bindparam("before") for name in _MOMENTS),
    ~exists().where(
        applications.c.api_key == destinations.c.api_key,
        or_(_is_the(applications.c.inbound_url), _is_the(applications.c.status_url)),
    ),
    ~exists().where(
        tenants.c.api_key == destinations.c.api_key,
        or_(_is_the(tenants.c.inbound_url), _is_the(tenants.c.status_url)),
    ),
)

_place = tuple_(destinations.c.api_key, destinations.c.url)
_LOOK = Prepared(
    select(destinations.c.api_key, destinations.c.url, case((_is_unused, 1), else_=0))
    .where(_place > tuple_(bindparam("after_key", type_=Text), bindparam("after_url", type_=Text)))
    .order_by(destinations.c.api_key, destinations.c.url)
    .limit(bindparam("limit", type_=Integer)),
)

_FORGET = Prepared(
    delete(destinations)
    .where(
        destinations.c.api_key == bindparam("of_api_key"),
        destinations.c.url == bindparam("of_url"),
        _is_unused,
    )
    .returning(destinations.c.url),
)


@unit
def _look(place: tuple[str, str], cutoffs: Cutoffs, limit: int) -> Steps[Look[tuple[str, str]]]:
    rows = yield from _rows(place, before=cutoffs.urls, limit=min(limit, AT_ONCE))
    if not rows:
        return Look(None, 0)
    api_key, url, _ = rows[-1]
    return Look((api_key, url), sum(is_unused for _, _, is_unused in rows))


@unit
def _clear(place: tuple[str, str], upto: tuple[str, str], cutoffs: Cutoffs) -> Steps[int]:
    gone = 0
    # What was remembered since, between the two, is young: it has its turn when it is not.
    for api_key, url, is_unused in (yield from _rows(place, before=cutoffs.urls, limit=AT_ONCE)):
        # Copies that go to a test URL are owed in a lane of its own.
        if is_unused and not (yield from is_owed(lane(api_key, url))):
            rows = yield _FORGET(of_api_key=api_key, of_url=url, before=cutoffs.urls)
            gone += len(rows)
        if (api_key, url) == upto:
            break
    return gone


@unit
def _rows(place: tuple[str, str], *, before: Moment, limit: int) -> Steps[Sequence[Row]]:
    after_key, after_url = place
    return (yield _LOOK(after_key=after_key, after_url=after_url, before=before, limit=limit))


URLS: Shelf[tuple[str, str]] = Shelf(
    name="urls",
    start=("", ""),
    every=HOURLY,
    look=_look,
    clear=_clear,
)
