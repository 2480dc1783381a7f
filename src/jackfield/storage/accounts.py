"""The table of accounts, and the link that each holds."""

from __future__ import annotations

from dataclasses import fields

from sqlalchemy import Integer, Select, bindparam, select, update

from jackfield.accounts import Account, AccountPage, Draft, Provider, Standing
from jackfield.storage import totals
from jackfield.storage.dialects import Prepared, insert
from jackfield.storage.tables import accounts
from jackfield.units import Row, Steps, unit

_COLUMNS = (
    accounts.c.id,
    accounts.c.provider,
    accounts.c.external_id,
    accounts.c.routing_key,
    accounts.c.api_key,
    accounts.c.name,
    accounts.c.standing,
    accounts.c.credentials,
    accounts.c.application_id,
    accounts.c.link_version,
    accounts.c.version,
)

_ADD = Prepared(
    insert(accounts)
    .values(
        {
            "provider": bindparam("provider"),
            "external_id": bindparam("external_id"),
            "routing_key": bindparam("routing_key"),
            "api_key": bindparam("api_key"),
            "name": bindparam("name"),
            "standing": bindparam("standing"),
            "provider_app_id": bindparam("provider_app_id"),
            "credentials": bindparam("credentials"),
            "application_id": bindparam("application_id"),
            "link_version": 1,
            "releasing": 0,
            "version": 1,
            "created_at": bindparam("created_at"),
        },
    )
    .on_conflict_do_nothing()
    .returning(*_COLUMNS),
)

_DRAFT = tuple(field.name for field in fields(Draft))

_FIND = Prepared(
    select(*_COLUMNS).where(
        accounts.c.provider == bindparam("provider"),
        accounts.c.external_id == bindparam("external_id"),
    ),
)


def _page(*, of_one_provider: bool) -> Prepared:
    mine: Select[tuple[object, ...]] = select(*_COLUMNS).where(
        accounts.c.api_key == bindparam("api_key"),
    )
    if of_one_provider:
        mine = mine.where(accounts.c.provider == bindparam("provider"))
    return Prepared(
        mine.order_by(accounts.c.id)
        .limit(bindparam("limit", type_=Integer))
        .offset(bindparam("offset", type_=Integer)),
    )


_PAGE = _page(of_one_provider=False)
_PAGE_OF_ONE_PROVIDER = _page(of_one_provider=True)

# The guard stands in the WHERE: of two calls at once, one finds no row (rulings R6, EA-29).
_LINK = Prepared(
    update(accounts)
    .where(accounts.c.id == bindparam("account_id"), accounts.c.application_id.is_(None))
    .values(
        application_id=bindparam("new_application_id"),
        link_version=accounts.c.link_version + 1,
        version=accounts.c.version + 1,
        releasing=1,
    )
    .returning(*_COLUMNS),
)

_VOUCH = Prepared(
    update(accounts)
    .where(accounts.c.id == bindparam("account_id"), accounts.c.standing == Standing.CLAIMED)
    .values(standing=Standing.VOUCHED, releasing=1)
    .returning(*_COLUMNS),
)

_BY_ID = Prepared(select(*_COLUMNS).where(accounts.c.id == bindparam("account_id")))


@unit
def add(draft: Draft) -> Steps[Account | None]:
    """See `Accounts.add`."""
    rows = yield _ADD(**{name: getattr(draft, name) for name in _DRAFT})
    for row in rows:
        kind = f"{draft.api_key}/{draft.provider}"
        yield from totals.count("accounts", draft.api_key, kind, by=1)
        return _account(row)
    return None


@unit
def find(provider: Provider, external_id: str) -> Steps[Account | None]:
    """See `Accounts.find`."""
    rows = yield _FIND(provider=provider, external_id=external_id)
    return _account(rows[0]) if rows else None


@unit
def page(
    api_key: str,
    *,
    provider: Provider | None,
    offset: int,
    limit: int,
) -> Steps[AccountPage]:
    """See `Accounts.page`."""
    if provider is None:
        scope = api_key
        rows = yield _PAGE(api_key=api_key, offset=offset, limit=limit)
    else:
        scope = f"{api_key}/{provider}"
        rows = yield _PAGE_OF_ONE_PROVIDER(
            api_key=api_key,
            provider=provider,
            offset=offset,
            limit=limit,
        )
    total = yield from totals.total("accounts", scope)
    return AccountPage([_account(row) for row in rows], total)


@unit
def link(account_id: int, application_id: str) -> Steps[Account | None]:
    """See `Accounts.link`."""
    rows = yield _LINK(account_id=account_id, new_application_id=application_id)
    return _account(rows[0]) if rows else None


@unit
def vouch(account_id: int) -> Steps[Account]:
    """See `Accounts.vouch`."""
    rows = yield _VOUCH(account_id=account_id)
    if not rows:
        rows = yield _BY_ID(account_id=account_id)
    return _account(rows[0])


def _account(row: Row) -> Account:
    number, provider, external_id, routing_key, api_key, name, standing, *rest = row
    return Account(
        number,
        Provider(provider),
        external_id,
        routing_key,
        api_key,
        name,
        Standing(standing),
        *rest,
    )
