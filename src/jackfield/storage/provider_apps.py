"""The tables of provider apps, their secrets, and which tenants they serve."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import bindparam, or_, select, update

from jackfield.clock import Moment
from jackfield.provider_apps import ProviderApp, SecretRole
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
    insert(provider_app_secrets).values(
        provider_app_id=bindparam("provider_app_id"),
        role=bindparam("role"),
        sealed=bindparam("sealed"),
        created_at=bindparam("created_at"),
    ),
)

_FIND = Prepared(
    select(
        provider_apps.c.id,
        provider_apps.c.serves_all,
        provider_app_secrets.c.role,
        provider_app_secrets.c.sealed,
    )
    .join(provider_app_secrets, provider_app_secrets.c.provider_app_id == provider_apps.c.id)
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
        yield _ADD_SECRET(
            provider_app_id=number,
            role=role,
            sealed=sealed[role],
            created_at=now,
        )
    return bool(rows)


@unit
def find(kind: str, name: str) -> Steps[ProviderApp | None]:
    """See `ProviderApps.find`."""
    rows = yield _FIND(kind=kind, name=name)
    if not rows:
        return None
    sealed: dict[SecretRole, list[bytes]] = {role: [] for role in SecretRole}
    for _, _, role, secret in rows:
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
def may_serve(provider_app_id: int, api_key: str) -> Steps[bool]:
    """See `ProviderApps.may_serve`."""
    rows = yield _MAY_SERVE(number=provider_app_id, api_key=api_key)
    return bool(rows)
