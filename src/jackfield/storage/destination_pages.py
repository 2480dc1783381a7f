"""Looks at the table of destinations: one tenant's or everybody's, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from sqlalchemy import Integer, and_, bindparam, exists, or_, select

from jackfield.delivery.destinations import Breaker, Destination, Paused
from jackfield.delivery.pausing import Remembered, Whose
from jackfield.storage.dialects import Prepared
from jackfield.storage.tables import applications, destinations, tenants
from jackfield.units import Row, Steps, unit

_COLUMNS = (
    destinations.c.api_key,
    destinations.c.url,
    destinations.c.paused_at,
    destinations.c.paused_because,
    destinations.c.breaker,
    destinations.c.failures,
    destinations.c.not_before,
    destinations.c.slow_start_at,
    destinations.c.resumed_at,
)

_FIND = Prepared(
    select(*_COLUMNS).where(
        destinations.c.api_key == bindparam("api_key"),
        destinations.c.url == bindparam("url"),
    ),
)

_NARROWED = {
    "api_key": destinations.c.api_key == bindparam("api_key"),
    "application_id": exists().where(
        applications.c.id == bindparam("application_id"),
        or_(
            applications.c.inbound_url == destinations.c.url,
            applications.c.status_url == destinations.c.url,
        ),
    ),
}

_APPLICATIONS = select(applications.c.id).where(
    applications.c.api_key == bindparam("api_key"),
    or_(
        applications.c.inbound_url == bindparam("url"),
        applications.c.status_url == bindparam("url"),
    ),
)
_BY_AN_APPLICATION = Prepared(_APPLICATIONS.limit(1))
_BY_THIS_APPLICATION = Prepared(
    _APPLICATIONS.where(applications.c.id == bindparam("application_id"))
)
_BY_THE_TENANT = Prepared(
    select(tenants.c.api_key).where(
        tenants.c.api_key == bindparam("api_key"),
        or_(tenants.c.inbound_url == bindparam("url"), tenants.c.status_url == bindparam("url")),
    ),
)


@unit
def page(
    *, api_key: str | None, application_id: str | None, after: tuple[str, str], limit: int
) -> Steps[Sequence[Remembered]]:
    """See `DestinationPages.page`."""
    named = {"api_key": api_key, "application_id": application_id}
    given = {name: value for name, value in named.items() if value is not None}
    after_key, after_url = after
    rows = yield _page(frozenset(given))(
        **given, after_key=after_key, after_url=after_url, limit=limit
    )
    return [_remembered(row) for row in rows]


@unit
def find(api_key: str, url: str) -> Steps[Remembered | None]:
    """See `DestinationPages.find`."""
    rows = yield _FIND(api_key=api_key, url=url)
    return _remembered(rows[0]) if rows else None


@unit
def is_used(whose: Whose, url: str) -> Steps[bool]:
    """See `DestinationPages.is_used`."""
    if whose.application_id is not None:
        rows = yield _BY_THIS_APPLICATION(
            api_key=whose.api_key, url=url, application_id=whose.application_id
        )
        return bool(rows)
    rows = yield _BY_AN_APPLICATION(api_key=whose.api_key, url=url)
    if not rows:
        rows = yield _BY_THE_TENANT(api_key=whose.api_key, url=url)
    return bool(rows)


@cache
def _page(names: frozenset[str]) -> Prepared:
    behind = or_(
        destinations.c.api_key > bindparam("after_key"),
        and_(
            destinations.c.api_key == bindparam("after_key"),
            destinations.c.url > bindparam("after_url"),
        ),
    )
    return Prepared(
        select(*_COLUMNS)
        .where(behind, *(_NARROWED[name] for name in sorted(names)))
        .order_by(destinations.c.api_key, destinations.c.url)
        .limit(bindparam("limit", type_=Integer)),
    )


def _remembered(row: Row) -> Remembered:
    api_key, url, paused_at, because, breaker, *rest = row
    paused = None if because is None else Paused(because)
    return Remembered(api_key, url, Destination(paused_at, paused, Breaker(breaker), *rest))
