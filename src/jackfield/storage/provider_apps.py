"""The tables of provider apps, their secrets, and which tenants they serve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Integer, bindparam, delete, func, or_, select, update

from jackfield.clock import Moment
from jackfield.provider_apps import (
    ProviderApp,
    ProviderAppRow,
    ProviderAppSecretRow,
    SecretRole,
)
from jackfield.storage.dialects import Prepared, insert
from jackfield.storage.tables import provider_app_grants, provider_app_secrets, provider_apps
from jackfield.units import Steps, unit

_ADD = Prepared(
    insert(provider_apps)
    .values(
        kind=bindparam("kind"),
        name=bindparam("name"),
        serves_all=0,
        created_at=bindparam("created_at"),
    )
    .on_conflict_do_nothing()
    .returning(provider_apps.c.id),
)

_ADD_SECRET = Prepared(
    insert(provider_app_secrets)
    .values(
        provider_app_id=bindparam("provider_app_id"),
        role=bindparam("role"),
        sealed=bindparam("sealed"),
        created_at=bindparam("created_at"),
    )
    .returning(provider_app_secrets.c.id),
)

_FIND = Prepared(
    select(
        provider_apps.c.id,
        provider_apps.c.serves_all,
        provider_app_secrets.c.role,
        provider_app_secrets.c.sealed,
    )
    .outerjoin(
        provider_app_secrets,
        provider_app_secrets.c.provider_app_id == provider_apps.c.id,
    )
    .where(
        provider_apps.c.kind == bindparam("kind"),
        provider_apps.c.name == bindparam("name"),
    )
    .order_by(provider_app_secrets.c.id.desc()),
)

_GRANT = Prepared(
    insert(provider_app_grants)
    .values(provider_app_id=bindparam("provider_app_id"), api_key=bindparam("api_key"))
    .on_conflict_do_nothing(),
)

_GRANT_ALL = Prepared(
    update(provider_apps).where(provider_apps.c.id == bindparam("number")).values(serves_all=1),
)

_REVOKE = Prepared(
    delete(provider_app_grants)
    .where(
        provider_app_grants.c.provider_app_id == bindparam("provider_app_id"),
        provider_app_grants.c.api_key == bindparam("api_key"),
    )
    .returning(provider_app_grants.c.api_key),
)

_REVOKE_ALL = Prepared(
    update(provider_apps).where(provider_apps.c.id == bindparam("number")).values(serves_all=0),
)

_granted = (
    select(func.count())
    .where(provider_app_grants.c.provider_app_id == provider_apps.c.id)
    .scalar_subquery()
)
_PAGE = Prepared(
    select(
        provider_apps.c.id,
        provider_apps.c.kind,
        provider_apps.c.name,
        provider_apps.c.serves_all,
        _granted,
        provider_apps.c.created_at,
    )
    .where(provider_apps.c.id > bindparam("after"))
    .order_by(provider_apps.c.id)
    .limit(bindparam("limit", type_=Integer)),
)

_GRANTED = Prepared(
    select(provider_app_grants.c.api_key)
    .where(
        provider_app_grants.c.provider_app_id == bindparam("provider_app_id"),
        provider_app_grants.c.api_key > bindparam("after"),
    )
    .order_by(provider_app_grants.c.api_key)
    .limit(bindparam("limit", type_=Integer)),
)

# Changes nothing, but locks the row on PostgreSQL.
_CLAIM = Prepared(
    update(provider_apps)
    .where(provider_apps.c.id == bindparam("number"))
    .values(serves_all=provider_apps.c.serves_all),
)

_SECRET_ROWS = Prepared(
    select(
        provider_app_secrets.c.id,
        provider_app_secrets.c.role,
        provider_app_secrets.c.created_at,
    )
    .where(provider_app_secrets.c.provider_app_id == bindparam("provider_app_id"))
    .order_by(provider_app_secrets.c.id.desc()),
)

_REVOKE_SECRET = Prepared(
    delete(provider_app_secrets).where(
        provider_app_secrets.c.provider_app_id == bindparam("provider_app_id"),
        provider_app_secrets.c.id == bindparam("secret_id"),
    ),
)

_MAY_SERVE = Prepared(
    select(provider_apps.c.id)
    .outerjoin(
        provider_app_grants,
        (provider_app_grants.c.provider_app_id == provider_apps.c.id)
        & (provider_app_grants.c.api_key == bindparam("api_key")),
    )
    .where(
        provider_apps.c.id == bindparam("number"),
        or_(provider_apps.c.serves_all == 1, provider_app_grants.c.api_key.is_not(None)),
    ),
)


@unit
def add(
    kind: str,
    name: str,
    *,
    sealed: Mapping[SecretRole, bytes],
    now: Moment,
) -> Steps[bool]:
    """See `ProviderApps.add`."""
    rows = yield _ADD(kind=kind, name=name, created_at=now)
    for (number,), role in ((row, role) for row in rows for role in sealed):
        yield from add_secret(number, role, sealed[role], now=now)
    return bool(rows)


@unit
def find(kind: str, name: str) -> Steps[ProviderApp | None]:
    """See `ProviderApps.find`."""
    rows = yield _FIND(kind=kind, name=name)
    if not rows:
        return None
    sealed: dict[SecretRole, list[bytes]] = {role: [] for role in SecretRole}
    for _, _, role, secret in (row for row in rows if row[2] is not None):
        sealed[SecretRole(role)].append(secret)
    number, serves_all = rows[0][:2]
    return ProviderApp(number, kind, name, bool(serves_all), sealed)


@unit
def grant(provider_app_id: int, api_key: str) -> Steps[None]:
    """See `ProviderApps.grant`."""
    yield _GRANT(provider_app_id=provider_app_id, api_key=api_key)


@unit
def grant_all(provider_app_id: int) -> Steps[None]:
    """See `ProviderApps.grant_all`."""
    yield _GRANT_ALL(number=provider_app_id)


@unit
def revoke(provider_app_id: int, api_key: str) -> Steps[bool]:
    """See `ProviderApps.revoke`."""
    rows = yield _REVOKE(provider_app_id=provider_app_id, api_key=api_key)
    return bool(rows)


@unit
def revoke_all(provider_app_id: int) -> Steps[None]:
    """See `ProviderApps.revoke_all`."""
    yield _REVOKE_ALL(number=provider_app_id)


@unit
def page(*, after: int, limit: int) -> Steps[Sequence[ProviderAppRow]]:
    """See `ProviderApps.page`."""
    rows = yield _PAGE(after=after, limit=limit)
    return [
        ProviderAppRow(number, kind, name, bool(serves_all), granted, created_at)
        for number, kind, name, serves_all, granted, created_at in rows
    ]


@unit
def granted(provider_app_id: int, *, after: str, limit: int) -> Steps[Sequence[str]]:
    """See `ProviderApps.granted`."""
    rows = yield _GRANTED(provider_app_id=provider_app_id, after=after, limit=limit)
    return [api_key for (api_key,) in rows]


@unit
def claim(provider_app_id: int) -> Steps[None]:
    """See `ProviderApps.claim`."""
    yield _CLAIM(number=provider_app_id)


@unit
def secret_rows(provider_app_id: int) -> Steps[Sequence[ProviderAppSecretRow]]:
    """See `ProviderApps.secret_rows`."""
    rows = yield _SECRET_ROWS(provider_app_id=provider_app_id)
    return [
        ProviderAppSecretRow(number, SecretRole(role), created_at)
        for number, role, created_at in rows
    ]


@unit
def add_secret(
    provider_app_id: int,
    role: SecretRole,
    sealed: bytes,
    *,
    now: Moment,
) -> Steps[int]:
    """See `ProviderApps.add_secret`."""
    rows = yield _ADD_SECRET(
        provider_app_id=provider_app_id,
        role=role,
        sealed=sealed,
        created_at=now,
    )
    number: int = rows[0][0]
    return number


@unit
def revoke_secret(provider_app_id: int, secret_id: int) -> Steps[None]:
    """See `ProviderApps.revoke_secret`."""
    yield _REVOKE_SECRET(provider_app_id=provider_app_id, secret_id=secret_id)


@unit
def may_serve(provider_app_id: int, api_key: str) -> Steps[bool]:
    """See `ProviderApps.may_serve`."""
    rows = yield _MAY_SERVE(number=provider_app_id, api_key=api_key)
    return bool(rows)
