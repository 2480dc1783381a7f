"""The tables of tenants and of the secrets they hold."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Integer, Text, bindparam, delete, func, select, update

from jackfield.auth import SecretKind, StoredSecret
from jackfield.clock import Moment
from jackfield.storage.dialects import Prepared, insert
from jackfield.storage.own_url import hold, release_held
from jackfield.storage.tables import api_secrets, signature_secrets, tenants
from jackfield.tenants import SecretRow, Tenant, TenantChange
from jackfield.units import Row, Steps, unit

__all__ = [
    "MOST_SECRETS",
    "add",
    "add_api_secret",
    "add_signature_secret",
    "api_secret_rows",
    "change",
    "claim",
    "claim_to_let_in",
    "disable",
    "drop_old_signature_secrets",
    "find",
    "hold",
    "live_api_secrets",
    "page",
    "release_held",
    "revoke_api_secret",
    "signature_secret_rows",
    "signature_secrets_of",
]

MOST_SECRETS = 2
"""A tenant may hold two of each kind at once, so that it can rotate without a gap."""

_SECRET_KINDS = {kind.value: kind for kind in SecretKind}

_ADD = Prepared(
    insert(tenants)
    .values(
        api_key=bindparam("api_key"),
        name=bindparam("name"),
        inbound_url=bindparam("inbound_url"),
        status_url=bindparam("status_url"),
        version=1,
        created_at=bindparam("created_at"),
    )
    .on_conflict_do_nothing()
    .returning(tenants.c.api_key),
)

_COLUMNS = (
    tenants.c.api_key,
    tenants.c.name,
    tenants.c.created_at,
    tenants.c.inbound_url,
    tenants.c.status_url,
    tenants.c.disabled_at,
)

_FIND = Prepared(select(*_COLUMNS).where(tenants.c.api_key == bindparam("api_key")))

_PAGE = Prepared(
    select(*_COLUMNS)
    .where(tenants.c.api_key > bindparam("after"))
    .order_by(tenants.c.api_key)
    .limit(bindparam("limit", type_=Integer)),
)

# Locks the row on PostgreSQL, so that two who count secrets count one after the other.
_CLAIM = Prepared(
    update(tenants)
    .where(tenants.c.api_key == bindparam("of"))
    .values(version=tenants.c.version + 1)
    .returning(*_COLUMNS),
)

# FOR UPDATE, and before any UPDATE: nothing less keeps what arrives from reading the old row.
_CLAIM_TO_LET_IN = Prepared(
    select(*_COLUMNS).where(tenants.c.api_key == bindparam("of")).with_for_update(),
)

_CHANGE = Prepared(
    update(tenants)
    .where(tenants.c.api_key == bindparam("of"))
    .values(
        name=bindparam("new_name"),
        inbound_url=bindparam("new_inbound_url"),
        status_url=bindparam("new_status_url"),
    ),
)

_DISABLE = Prepared(
    update(tenants)
    .where(tenants.c.api_key == bindparam("of"))
    .values(disabled_at=bindparam("since")),
)

_held = select(func.count()).where(api_secrets.c.api_key == bindparam("api_key"))
_ADD_API_SECRET = Prepared(
    insert(api_secrets)
    .from_select(
        ["api_key", "kind", "digest", "created_at"],
        select(
            bindparam("api_key", type_=Text),
            bindparam("kind", type_=Text),
            bindparam("digest", type_=api_secrets.c.digest.type),
            bindparam("created_at", type_=api_secrets.c.created_at.type),
        ).where(_held.scalar_subquery() < MOST_SECRETS),
    )
    .returning(api_secrets.c.id),
)

_LIVE_API_SECRETS = Prepared(
    select(api_secrets.c.id, api_secrets.c.kind, api_secrets.c.digest)
    .join(tenants, tenants.c.api_key == api_secrets.c.api_key)
    .where(api_secrets.c.api_key == bindparam("api_key"), tenants.c.disabled_at.is_(None))
    .order_by(api_secrets.c.id.desc()),
)

_API_SECRET_ROWS = Prepared(
    select(api_secrets.c.id, api_secrets.c.kind, api_secrets.c.created_at)
    .where(api_secrets.c.api_key == bindparam("api_key"))
    .order_by(api_secrets.c.id.desc()),
)

_REVOKE_API_SECRET = Prepared(
    delete(api_secrets).where(
        api_secrets.c.api_key == bindparam("api_key"),
        api_secrets.c.id == bindparam("secret_id"),
    ),
)

_ADD_SIGNATURE_SECRET = Prepared(
    insert(signature_secrets).values(
        api_key=bindparam("api_key"),
        sealed=bindparam("sealed"),
        created_at=bindparam("created_at"),
    ),
)

_SIGNATURE_SECRETS = Prepared(
    select(signature_secrets.c.sealed)
    .where(signature_secrets.c.api_key == bindparam("api_key"))
    .order_by(signature_secrets.c.id.desc()),
)

_SIGNATURE_SECRET_ROWS = Prepared(
    select(signature_secrets.c.id, signature_secrets.c.created_at)
    .where(signature_secrets.c.api_key == bindparam("api_key"))
    .order_by(signature_secrets.c.id.desc()),
)

_DROP_SIGNATURE_SECRET = Prepared(
    delete(signature_secrets).where(signature_secrets.c.id == bindparam("secret_id")),
)


@unit
def add(tenant: Tenant) -> Steps[bool]:
    """See `Tenants.add`."""
    rows = yield _ADD(
        api_key=tenant.api_key,
        name=tenant.name,
        inbound_url=tenant.inbound_url,
        status_url=tenant.status_url,
        created_at=tenant.created_at,
    )
    return bool(rows)


@unit
def find(api_key: str) -> Steps[Tenant | None]:
    """See `Tenants.find`."""
    rows = yield _FIND(api_key=api_key)
    return _tenant(rows[0]) if rows else None


@unit
def page(*, after: str, limit: int) -> Steps[Sequence[Tenant]]:
    """See `Tenants.page`."""
    rows = yield _PAGE(after=after, limit=limit)
    return [_tenant(row) for row in rows]


@unit
def claim(api_key: str) -> Steps[Tenant | None]:
    """See `Tenants.claim`."""
    rows = yield _CLAIM(of=api_key)
    return _tenant(rows[0]) if rows else None


@unit
def claim_to_let_in(api_key: str) -> Steps[Tenant | None]:
    """See `Tenants.claim_to_let_in`."""
    rows = yield _CLAIM_TO_LET_IN(of=api_key)
    return _tenant(rows[0]) if rows else None


@unit
def change(api_key: str, change: TenantChange) -> Steps[None]:
    """See `Tenants.change`."""
    yield _CHANGE(
        of=api_key,
        new_name=change.name,
        new_inbound_url=change.inbound_url,
        new_status_url=change.status_url,
    )


@unit
def disable(api_key: str, *, since: Moment | None) -> Steps[None]:
    """See `Tenants.disable`."""
    yield _DISABLE(of=api_key, since=since)


@unit
def add_api_secret(
    api_key: str,
    kind: SecretKind,
    digest: bytes,
    *,
    now: Moment,
) -> Steps[bool]:
    """Store one more API secret; False when the tenant holds two already."""
    rows = yield _ADD_API_SECRET(api_key=api_key, kind=kind, digest=digest, created_at=now)
    return bool(rows)


@unit
def live_api_secrets(api_key: str) -> Steps[Sequence[StoredSecret]]:
    """Return the secrets that open the tenant's door; none for an unknown or disabled one."""
    rows = yield _LIVE_API_SECRETS(api_key=api_key)
    return [StoredSecret(number, _SECRET_KINDS[kind], digest) for number, kind, digest in rows]


@unit
def api_secret_rows(api_key: str) -> Steps[Sequence[SecretRow]]:
    """See `Tenants.api_secret_rows`."""
    rows = yield _API_SECRET_ROWS(api_key=api_key)
    return [SecretRow(*row) for row in rows]


@unit
def revoke_api_secret(api_key: str, secret_id: int) -> Steps[None]:
    """See `Tenants.revoke_api_secret`."""
    yield _REVOKE_API_SECRET(api_key=api_key, secret_id=secret_id)


@unit
def signature_secret_rows(api_key: str) -> Steps[Sequence[SecretRow]]:
    """See `Tenants.signature_secret_rows`."""
    rows = yield _SIGNATURE_SECRET_ROWS(api_key=api_key)
    return [SecretRow(number, "signature", created_at) for number, created_at in rows]


@unit
def drop_old_signature_secrets(api_key: str) -> Steps[None]:
    """See `Tenants.drop_old_signature_secrets`."""
    rows = yield from signature_secret_rows(api_key)
    old = [{"secret_id": row.id} for row in rows[MOST_SECRETS:]]
    if old:
        yield _DROP_SIGNATURE_SECRET.many(old)


@unit
def add_signature_secret(api_key: str, sealed: bytes, *, now: Moment) -> Steps[None]:
    """See `Tenants.add_signature_secret`."""
    yield _ADD_SIGNATURE_SECRET(api_key=api_key, sealed=sealed, created_at=now)


@unit
def signature_secrets_of(api_key: str) -> Steps[Sequence[bytes]]:
    """See `Tenants.signature_secrets_of`."""
    rows = yield _SIGNATURE_SECRETS(api_key=api_key)
    return [sealed for (sealed,) in rows]


def _tenant(row: Row) -> Tenant:
    key, name, created_at, inbound_url, status_url, disabled_at = row
    return Tenant(key, name, created_at, inbound_url, status_url, disabled_at is not None)
