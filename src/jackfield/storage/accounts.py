"""The table of accounts, and the link that each holds."""

from __future__ import annotations

from dataclasses import fields

from sqlalchemy import (
    Integer,
    Select,
    SmallInteger,
    bindparam,
    case,
    select,
    update,
)
from sqlalchemy import (
    delete as delete_from,
)

from jackfield.accounts import Account, AccountPage, Draft, Provider, Standing
from jackfield.clock import Moment
from jackfield.storage import totals
from jackfield.storage.dialects import Prepared, insert
from jackfield.storage.giving_up import give_up
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
    accounts.c.provider_app_id,
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


def _mine(*, of_one_provider: bool) -> Select[tuple[object, ...]]:
    mine: Select[tuple[object, ...]] = select(*_COLUMNS).where(
        accounts.c.api_key == bindparam("api_key"),
    )
    if of_one_provider:
        mine = mine.where(accounts.c.provider == bindparam("provider"))
    return mine.limit(bindparam("limit", type_=Integer))


# By whether one provider's are asked for. Each of them walks an index that ends in the id.
_FORWARD = {
    of_one: Prepared(
        _mine(of_one_provider=of_one)
        .where(accounts.c.id > bindparam("after"))
        .order_by(accounts.c.id)
        .offset(bindparam("offset", type_=Integer)),
    )
    for of_one in (False, True)
}
_BACKWARD = {
    of_one: Prepared(
        _mine(of_one_provider=of_one)
        .where(accounts.c.id < bindparam("before"))
        .order_by(accounts.c.id.desc()),
    )
    for of_one in (False, True)
}

# The guard stands in the WHERE: of two changes at once, one finds no row (rulings R6, R9, EA-29).
# Not every change of the credentials is one of the version, so they are compared too.
_CHANGE = Prepared(
    update(accounts)
    .where(
        accounts.c.id == bindparam("account_id"),
        accounts.c.version == bindparam("old_version"),
        accounts.c.credentials.is_not_distinct_from(bindparam("old_credentials")),
    )
    .values(
        name=bindparam("new_name"),
        provider_app_id=bindparam("new_provider_app_id"),
        credentials=bindparam("new_credentials"),
        application_id=bindparam("new_application_id"),
        link_version=bindparam("new_link_version"),
        version=bindparam("new_version"),
        releasing=case(
            (bindparam("is_newly_linked", type_=SmallInteger) == 1, 1),
            else_=accounts.c.releasing,
        ),
    )
    .returning(*_COLUMNS),
)

_DELETE = Prepared(
    delete_from(accounts)
    .where(
        accounts.c.id == bindparam("account_id"),
        accounts.c.version == bindparam("old_version"),
    )
    .returning(accounts.c.id),
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
        yield from _count(draft.api_key, draft.provider, by=1)
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
    limit: int,
    offset: int = 0,
    after: int | None = None,
) -> Steps[AccountPage]:
    """See `Accounts.page`."""
    mine = _whose(api_key, provider)
    start = {"offset": offset, "after": after or 0}
    rows = yield _FORWARD[provider is not None](**mine, **start, limit=limit + 1)
    total = yield from totals.total("accounts", _scope(api_key, provider))
    return AccountPage([_account(row) for row in rows[:limit]], total, len(rows) > limit)


@unit
def page_before(
    api_key: str, *, provider: Provider | None, limit: int, before: int
) -> Steps[AccountPage]:
    """See `Accounts.page_before`."""
    mine = _whose(api_key, provider)
    rows = yield _BACKWARD[provider is not None](**mine, before=before, limit=limit + 1)
    total = yield from totals.total("accounts", _scope(api_key, provider))
    return AccountPage([_account(row) for row in rows[:limit]][::-1], total, len(rows) > limit)


@unit
def change(account: Account, changed: Account) -> Steps[Account | None]:
    """See `Accounts.change`."""
    is_newly_linked = changed.application_id not in {None, account.application_id}
    rows = yield _CHANGE(
        account_id=account.id,
        old_version=account.version,
        old_credentials=account.credentials,
        new_name=changed.name,
        new_provider_app_id=changed.provider_app_id,
        new_credentials=changed.credentials,
        new_application_id=changed.application_id,
        new_link_version=changed.link_version,
        new_version=changed.version,
        is_newly_linked=int(is_newly_linked),
    )
    return _account(rows[0]) if rows else None


@unit
def delete(account: Account, *, now: Moment) -> Steps[bool]:
    """See `Accounts.delete`."""
    rows = yield _DELETE(account_id=account.id, old_version=account.version)
    if not rows:
        return False
    yield from give_up(account.id, account.api_key, now=now)
    yield from _count(account.api_key, account.provider, by=-1)
    return True


@unit
def vouch(account_id: int) -> Steps[Account]:
    """See `Accounts.vouch`."""
    rows = yield _VOUCH(account_id=account_id)
    if not rows:
        rows = yield _BY_ID(account_id=account_id)
    return _account(rows[0])


@unit
def _count(api_key: str, provider: Provider, *, by: int) -> Steps[None]:
    scopes = (_scope(api_key, None), _scope(api_key, provider))
    yield from totals.count("accounts", *scopes, by=by)


def _whose(api_key: str, provider: Provider | None) -> dict[str, str]:
    return {"api_key": api_key} | ({"provider": provider} if provider else {})


def _scope(api_key: str, provider: Provider | None) -> str:
    return api_key if provider is None else f"{api_key}/{provider}"


# Looked up here, a word costs a tenth of what it costs to ask its enum.
_PROVIDERS = {provider.value: provider for provider in Provider}
_STANDINGS = {standing.value: standing for standing in Standing}


def _account(row: Row) -> Account:
    number, provider, external_id, routing_key, api_key, name, standing, *rest = row
    return Account(
        number,
        _PROVIDERS[provider],
        external_id,
        routing_key,
        api_key,
        name,
        _STANDINGS[standing],
        *rest,
    )
