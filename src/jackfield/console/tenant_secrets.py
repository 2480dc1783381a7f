"""The operator's commands about the secrets of a tenant, two of each kind at once."""

from __future__ import annotations

import structlog

from jackfield import ids
from jackfield.app import Gateway
from jackfield.auth import ApiSecrets, SecretKind
from jackfield.clock import Moment
from jackfield.console import certainty
from jackfield.console.checks import MOST_SECRETS, check_text, no_secret, no_tenant
from jackfield.console.tenant_orders import (
    AddApiSecret,
    ApiSecretAdded,
    ApiSecretRevoked,
    RevokeApiSecret,
    ShowTenant,
    SignatureRotated,
)
from jackfield.delivery.signing import webhook_secret
from jackfield.problems import Conflict
from jackfield.tenants import SecretRow, Tenant, Tenants, signature_secret_place
from jackfield.units import Steps, unit

log = structlog.get_logger()


async def add_api_secret(gateway: Gateway, order: AddApiSecret) -> ApiSecretAdded:
    """Give a tenant one more API secret, so that it can move from one to the other.

    Kept as `create_tenant` keeps them. Raises Invalid, NotFound, and Conflict when it has two.
    """
    secret = ids.secret() if order.api_secret is None else order.api_secret
    check_text("api_secret", secret)
    if order.api_secret is None:
        kept = gateway.secrets.hash_generated(secret)
    else:
        kept = await gateway.secrets.hash_chosen(secret)
    work = _add_api_secret(
        order.api_key,
        kept,
        now=gateway.clock(),
        tenants=gateway.tenants,
        api_secrets=gateway.api_secrets,
    )
    added = await certainty.commit(
        gateway,
        work,
        stands=lambda row: _is_held(order.api_key, row, tenants=gateway.tenants),
        see=_see(order.api_key),
    )
    log.info("tenant.secret_added", tenant=order.api_key, secret=added.id)
    return ApiSecretAdded(api_key=order.api_key, id=added.id, api_secret=secret)


async def revoke_api_secret(gateway: Gateway, order: RevokeApiSecret) -> ApiSecretRevoked:
    """Have an API secret open nothing any more, from the next request on.

    Every request reads the rows, so this holds in each process. Raises NotFound, and Conflict
    for the last one unless forced.
    """
    left = await certainty.commit(
        gateway,
        _revoke_api_secret(order, tenants=gateway.tenants),
        stands=lambda _: _is_revoked(order, tenants=gateway.tenants),
        see=_see(order.api_key),
    )
    log.info("tenant.secret_revoked", tenant=order.api_key, secret=order.id, left=left)
    return ApiSecretRevoked(api_key=order.api_key, id=order.id, left=left)


async def rotate_signature(gateway: Gateway, order: ShowTenant) -> SignatureRotated:
    """Have a new secret sign what a tenant receives, beside the one before it (ruling R27).

    Raises NotFound.
    """
    secret = ids.signature_secret()
    sealed = gateway.keys.seal(secret.encode(), place=signature_secret_place(order.api_key))
    work = _rotate(order.api_key, sealed, now=gateway.clock(), tenants=gateway.tenants)
    live = await certainty.commit(
        gateway,
        work,
        stands=lambda _: signs(order.api_key, sealed, tenants=gateway.tenants),
        see=_see(order.api_key),
    )
    log.info("tenant.signature_rotated", tenant=order.api_key)
    return SignatureRotated(
        api_key=order.api_key,
        signature_secret=secret,
        webhook_secret=webhook_secret(secret),
        live=live,
    )


@unit
def claimed(api_key: str, *, tenants: Tenants) -> Steps[Tenant]:
    """Return the tenant, whom nobody else changes meanwhile; raises NotFound."""
    tenant = yield from tenants.claim(api_key)
    if tenant is None:
        raise no_tenant(api_key)
    return tenant


@unit
def signs(api_key: str, sealed: bytes, *, tenants: Tenants) -> Steps[bool]:
    """Say whether this very secret signs what the tenant receives; no two are sealed alike."""
    return sealed in (yield from tenants.signature_secrets_of(api_key))


@unit
def _add_api_secret(
    api_key: str,
    kept: tuple[SecretKind, bytes],
    *,
    now: Moment,
    tenants: Tenants,
    api_secrets: ApiSecrets,
) -> Steps[SecretRow]:
    yield from claimed(api_key, tenants=tenants)
    if not (yield from api_secrets.add_api_secret(api_key, *kept, now=now)):
        raise Conflict(
            f"The tenant {api_key} has {MOST_SECRETS} API secrets, which is the most. Revoke one "
            f"first: `jackfield tenants secrets revoke {api_key} SECRET_ID`; "
            f"`{_see(api_key)}` shows the ids",
        )
    rows = yield from tenants.api_secret_rows(api_key)
    return rows[0]


@unit
def _revoke_api_secret(order: RevokeApiSecret, *, tenants: Tenants) -> Steps[int]:
    yield from claimed(order.api_key, tenants=tenants)
    rows = yield from tenants.api_secret_rows(order.api_key)
    if order.id not in {row.id for row in rows}:
        raise no_secret(order.id, see=_see(order.api_key))
    if len(rows) == 1 and not order.force:
        raise Conflict(
            f"This is the last API secret of {order.api_key}: without it the tenant is shut out. "
            f"Add another first (`jackfield tenants secrets add {order.api_key}`), "
            "or say --force.",
        )
    yield from tenants.revoke_api_secret(order.api_key, order.id)
    return len(rows) - 1


@unit
def _rotate(api_key: str, sealed: bytes, *, now: Moment, tenants: Tenants) -> Steps[int]:
    yield from claimed(api_key, tenants=tenants)
    yield from tenants.add_signature_secret(api_key, sealed, now=now)
    yield from tenants.drop_old_signature_secrets(api_key)
    return len((yield from tenants.signature_secret_rows(api_key)))


@unit
def _is_held(api_key: str, row: SecretRow, *, tenants: Tenants) -> Steps[bool]:
    # With its age: SQLite gives the number of what was not stored to the next one.
    return row in (yield from tenants.api_secret_rows(api_key))


@unit
def _is_revoked(order: RevokeApiSecret, *, tenants: Tenants) -> Steps[bool]:
    rows = yield from tenants.api_secret_rows(order.api_key)
    return order.id not in {row.id for row in rows}


def _see(api_key: str) -> str:
    return f"jackfield tenants show {api_key}"
