"""The tables of tenants and of the secrets they hold."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Text, bindparam, func, select

from jackfield.auth import SecretKind, StoredSecret
from jackfield.clock import Moment
from jackfield.storage.dialects import Prepared, insert
from jackfield.storage.tables import api_secrets, signature_secrets, tenants
from jackfield.tenants import Tenant
from jackfield.units import Steps, unit

MOST_SECRETS = 2
"""A tenant may hold two of each kind at once, so that it can rotate without a gap."""

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

_FIND = Prepared(
    select(
        tenants.c.api_key,
        tenants.c.name,
        tenants.c.created_at,
        tenants.c.inbound_url,
        tenants.c.status_url,
        tenants.c.disabled_at,
    ).where(tenants.c.api_key == bindparam("api_key")),
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
    for key, name, created_at, inbound_url, status_url, disabled_at in rows:
        return Tenant(key, name, created_at, inbound_url, status_url, disabled_at is not None)
    return None


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
    return [StoredSecret(number, SecretKind(kind), digest) for number, kind, digest in rows]


@unit
def add_signature_secret(api_key: str, sealed: bytes, *, now: Moment) -> Steps[None]:
    """See `Tenants.add_signature_secret`."""
    yield _ADD_SIGNATURE_SECRET(api_key=api_key, sealed=sealed, created_at=now)


@unit
def signature_secrets_of(api_key: str) -> Steps[Sequence[bytes]]:
    """See `Tenants.signature_secrets_of`."""
    rows = yield _SIGNATURE_SECRETS(api_key=api_key)
    return [sealed for (sealed,) in rows]
