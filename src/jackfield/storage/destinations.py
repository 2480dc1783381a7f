"""The table of destinations: which URLs are paused, and which are down or just back."""

from __future__ import annotations

from sqlalchemy import Integer, Text, bindparam, select, tuple_, update

from jackfield.clock import Moment
from jackfield.deliveries import lane
from jackfield.delivery.destinations import FIRST, KNOWN_AT_ONCE, Breaker, Destination, Paused
from jackfield.storage.dialects import Prepared, insert
from jackfield.storage.tables import applications, destinations, tenants
from jackfield.units import Steps, unit

_KNOWN = Prepared(
    select(
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
    .where(
        tuple_(destinations.c.api_key, destinations.c.url)
        > tuple_(bindparam("after_key", type_=Text), bindparam("after_url", type_=Text))
    )
    .order_by(destinations.c.api_key, destinations.c.url)
    .limit(bindparam("limit", type_=Integer)),
)

_DOING = ("breaker", "failures", "not_before", "slow_start_at")

_row = insert(destinations).values(
    {name: bindparam(name) for name in ("api_key", "url", *_DOING)},
)
_REMEMBER = Prepared(
    _row.on_conflict_do_update(
        index_elements=[destinations.c.api_key, destinations.c.url],
        set_={name: _row.excluded[name] for name in _DOING},
    ),
)

_NOTE = Prepared(
    update(destinations)
    .where(
        destinations.c.api_key == bindparam("of_api_key"),
        destinations.c.url == bindparam("of_url"),
    )
    .values({name: bindparam(f"new_{name}") for name in _DOING})
    .returning(destinations.c.url),
)

_paused = insert(destinations).values(
    api_key=bindparam("api_key"),
    url=bindparam("url"),
    paused_at=bindparam("now"),
    paused_because=bindparam("because"),
    breaker=Breaker.CLOSED.value,
    failures=0,
)
_PAUSE = Prepared(
    _paused.on_conflict_do_update(
        index_elements=[destinations.c.api_key, destinations.c.url],
        set_={
            "paused_at": _paused.excluded.paused_at,
            "paused_because": _paused.excluded.paused_because,
        },
        where=destinations.c.paused_at.is_(None),
    ).returning(destinations.c.url),
)

_RESUME = Prepared(
    update(destinations)
    .where(
        destinations.c.api_key == bindparam("of_api_key"),
        destinations.c.url == bindparam("of_url"),
        destinations.c.paused_at.is_not(None),
    )
    .values(
        paused_at=None,
        paused_because=None,
        breaker=Breaker.CLOSED.value,
        failures=0,
        not_before=None,
        slow_start_at=bindparam("now"),
        resumed_at=bindparam("now"),
    )
    .returning(destinations.c.url),
)

_PAUSED = Prepared(
    select(destinations.c.paused_at).where(
        destinations.c.api_key == bindparam("api_key"),
        destinations.c.url == bindparam("url"),
        destinations.c.paused_at.is_not(None),
    ),
)

_APPLICATIONS = Prepared(
    select(applications.c.id).where(
        applications.c.api_key == bindparam("api_key"),
        applications.c.inbound_url == bindparam("url"),
    ),
)
_OWN = Prepared(
    select(tenants.c.api_key).where(
        tenants.c.api_key == bindparam("api_key"), tenants.c.inbound_url == bindparam("url")
    ),
)


@unit
def known(
    *, after: tuple[str, str] = FIRST, limit: int = KNOWN_AT_ONCE
) -> Steps[dict[tuple[str, str], Destination]]:
    """See `Destinations.known`."""
    after_key, after_url = after
    rows = yield _KNOWN(after_key=after_key, after_url=after_url, limit=limit)
    return {
        (api_key, url): Destination(
            paused_at=paused_at,
            paused_because=None if because is None else Paused(because),
            breaker=Breaker(breaker),
            failures=failures,
            not_before=not_before,
            slow_start_at=slow_start_at,
            resumed_at=resumed_at,
        )
        for (
            api_key,
            url,
            paused_at,
            because,
            breaker,
            failures,
            not_before,
            slow_start_at,
            resumed_at,
        ) in rows
    }


@unit
def remember(api_key: str, url: str, destination: Destination) -> Steps[None]:
    """See `Destinations.remember`."""
    doing = {name: getattr(destination, name) for name in _DOING}
    yield _REMEMBER(api_key=api_key, url=url, **doing)


@unit
def note(api_key: str, url: str, destination: Destination) -> Steps[None]:
    """See `Destinations.note`."""
    doing = {f"new_{name}": getattr(destination, name) for name in _DOING}
    rows = yield _NOTE(of_api_key=api_key, of_url=url, **doing)
    if not rows and len((yield from lanes(api_key, url))) > 1:
        yield from remember(api_key, url, destination)


@unit
def lanes(api_key: str, url: str) -> Steps[list[int]]:
    """See `Destinations.lanes`."""
    rows = yield _APPLICATIONS(api_key=api_key, url=url)
    own = yield _OWN(api_key=api_key, url=url)
    tests = lane(api_key, url)
    return [
        *(lane(api_key, application_id) for (application_id,) in rows),
        *(lane(key, None) for (key,) in own),
        tests,
    ]


@unit
def pause(api_key: str, url: str, *, because: Paused, now: Moment) -> Steps[bool]:
    """See `Destinations.pause`."""
    rows = yield _PAUSE(api_key=api_key, url=url, because=because, now=now)
    return bool(rows)


@unit
def is_paused(api_key: str, url: str) -> Steps[bool]:
    """See `Destinations.is_paused`."""
    return bool((yield _PAUSED(api_key=api_key, url=url)))


@unit
def resume(api_key: str, url: str, *, now: Moment) -> Steps[bool]:
    """See `Destinations.resume`."""
    rows = yield _RESUME(of_api_key=api_key, of_url=url, now=now)
    return bool(rows)
