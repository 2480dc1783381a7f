"""What an operator looks at: accounts and applications of every tenant, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Integer, Select, bindparam, func, select, text

from jackfield.accounts import Provider, Standing
from jackfield.clock import Moment
from jackfield.storage.dialects import Prepared
from jackfield.storage.tables import accounts, applications, deliveries, pending, provider_apps
from jackfield.units import Row, Steps, unit


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account without its credentials; `provider_app` is the one that it names, if any."""

    id: int
    provider: Provider
    external_id: str
    routing_key: str
    provider_app: str | None
    api_key: str
    name: str | None
    standing: Standing
    application_id: str | None
    link_version: int
    version: int
    created_at: Moment


@dataclass(frozen=True, slots=True)
class ApplicationRow:
    """An application without its document; `webhook_version` is None without messages."""

    number: int
    id: str
    api_key: str
    name: str
    webhook_version: str | None
    inbound_url: str | None
    status_url: str | None
    version: int
    created_at: Moment
    has_public_key: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many messages of one account wait: for somebody, and for their turn."""

    held: int
    pending: int


_ACCOUNT = select(
    accounts.c.id,
    accounts.c.provider,
    accounts.c.external_id,
    accounts.c.routing_key,
    provider_apps.c.name,
    accounts.c.api_key,
    accounts.c.name,
    accounts.c.standing,
    accounts.c.application_id,
    accounts.c.link_version,
    accounts.c.version,
    accounts.c.created_at,
).outerjoin(provider_apps, provider_apps.c.id == accounts.c.provider_app_id)
_APPLICATION = select(
    applications.c.number,
    applications.c.id,
    applications.c.api_key,
    applications.c.name,
    applications.c.webhook_version,
    applications.c.inbound_url,
    applications.c.status_url,
    applications.c.version,
    applications.c.created_at,
    applications.c.public_key.is_not(None),
)

_FIND_ACCOUNT = Prepared(
    _ACCOUNT.where(
        accounts.c.provider == bindparam("provider"),
        accounts.c.external_id == bindparam("external_id"),
    ),
)
_FIND_APPLICATION = Prepared(_APPLICATION.where(applications.c.id == bindparam("id")))
_LINKED = Prepared(
    select(func.count()).where(accounts.c.application_id == bindparam("application_id")),
)

# The state is written out: only so do both engines use the index of what is held.
_HELD = Prepared(
    select(func.count()).where(
        deliveries.c.account_id == bindparam("account_id"),
        text("deliveries.state = 'held'"),
    ),
)
_PENDING = Prepared(
    select(func.count()).where(pending.c.account_id == bindparam("account_id")),
)


@unit
def account_page(
    *,
    api_key: str | None,
    provider: Provider | None,
    after: int,
    limit: int,
) -> Steps[Sequence[AccountRow]]:
    """Return `limit` accounts in the order they were made, those behind the id `after`."""
    wanted = {"api_key": api_key, "provider": provider}
    given = {name: value for name, value in wanted.items() if value is not None}
    rows = yield _account_page(frozenset(given))(**given, after=after, limit=limit)
    return [_account(row) for row in rows]


@unit
def account(provider: Provider, external_id: str) -> Steps[AccountRow | None]:
    """Return one account, or None."""
    rows = yield _FIND_ACCOUNT(provider=provider, external_id=external_id)
    return _account(rows[0]) if rows else None


@unit
def waiting(account_id: int) -> Steps[Waiting]:
    """Return how many messages of an account wait."""
    ((held,),) = yield _HELD(account_id=account_id)
    ((due,),) = yield _PENDING(account_id=account_id)
    return Waiting(held, due)


@unit
def application_page(
    *,
    api_key: str | None,
    after: int,
    limit: int,
) -> Steps[Sequence[ApplicationRow]]:
    """Return `limit` applications in the order they were made, those behind number `after`."""
    given = {} if api_key is None else {"api_key": api_key}
    rows = yield _application_page(frozenset(given))(**given, after=after, limit=limit)
    return [_application(row) for row in rows]


@unit
def application(application_id: str) -> Steps[ApplicationRow | None]:
    """Return one application, or None."""
    rows = yield _FIND_APPLICATION(id=application_id)
    return _application(rows[0]) if rows else None


@unit
def linked_accounts(application_id: str) -> Steps[int]:
    """Return how many accounts are linked to an application."""
    ((count,),) = yield _LINKED(application_id=application_id)
    return int(count)


@cache
def _account_page(given: frozenset[str]) -> Prepared:
    page = _ACCOUNT.where(accounts.c.id > bindparam("after")).order_by(accounts.c.id)
    return _narrowed(page, {name: accounts.c[name] == bindparam(name) for name in given})


@cache
def _application_page(given: frozenset[str]) -> Prepared:
    number = applications.c.number
    page = _APPLICATION.where(number > bindparam("after")).order_by(number)
    return _narrowed(page, {name: applications.c[name] == bindparam(name) for name in given})


def _narrowed(page: Select[tuple[object, ...]], wanted: dict[str, object]) -> Prepared:
    narrowed = page.where(*wanted.values())  # type: ignore[arg-type] # comparisons of columns
    return Prepared(narrowed.limit(bindparam("limit", type_=Integer)))


def _account(row: Row) -> AccountRow:
    number, provider, external_id, routing_key, provider_app, api_key, name, standing, *rest = row
    return AccountRow(
        number,
        Provider(provider),
        external_id,
        routing_key,
        provider_app,
        api_key,
        name,
        Standing(standing),
        *rest,
    )


def _application(row: Row) -> ApplicationRow:
    values: list[Any] = [*row[:-1], bool(row[-1])]
    return ApplicationRow(*values)
