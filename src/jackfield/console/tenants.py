"""The operator's commands about tenants and their secrets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog

from jackfield import ids
from jackfield.app import Gateway
from jackfield.auth import ApiSecrets, SecretKind
from jackfield.clock import Moment, iso
from jackfield.console.checks import (
    MOST_SECRETS,
    check_address,
    check_text,
    invalid,
    no_secret,
    no_tenant,
)
from jackfield.console.paging import check_limit, cut
from jackfield.console.tenant_orders import (
    AddApiSecret,
    ApiSecretAdded,
    ApiSecretRevoked,
    ListTenants,
    RevokeApiSecret,
    SecretLine,
    SetTenant,
    ShowTenant,
    SignatureRotated,
    TenantChanged,
    TenantLine,
    TenantShown,
    TenantsListed,
)
from jackfield.delivery.signing import webhook_secret
from jackfield.problems import Conflict
from jackfield.tenants import SecretRow, Tenant, TenantChange, Tenants, signature_secret_place
from jackfield.units import Steps, alone, unit

log = structlog.get_logger()

_KINDS = {SecretKind.KEYED: "generated", SecretKind.ARGON2: "chosen"}
_COLUMNS = ("api_key", "name", "inbound_url", "status_url")


async def list_tenants(gateway: Gateway, order: ListTenants) -> TenantsListed:
    """Return one page of tenants; raises Invalid for a limit that is none."""
    check_limit(order.limit)
    work = gateway.tenants.page(after=order.after, limit=order.limit + 1)
    page, last = cut(await gateway.store.read(work), order.limit)
    return TenantsListed(
        tenants=[TenantLine(**_members(tenant)) for tenant in page],
        next=None if last is None else last.api_key,
    )


async def show_tenant(gateway: Gateway, order: ShowTenant) -> TenantShown:
    """Return a tenant and its live secrets, without what they are; raises NotFound."""
    work = _look(order.api_key, tenants=gateway.tenants)
    tenant, api_secrets, signature_secrets = await gateway.store.read(work)
    return TenantShown(
        **_members(tenant),
        api_secrets=[_secret(row, _KINDS[SecretKind(row.kind)]) for row in api_secrets],
        signature_secrets=[_secret(row, row.kind) for row in signature_secrets],
    )


async def check_tenant(gateway: Gateway, api_key: str | None) -> None:
    """Raise NotFound for a tenant that is named and is not there."""
    if api_key is None:
        return
    if await gateway.store.read(gateway.tenants.find(api_key)) is None:
        raise no_tenant(api_key)


async def set_tenant(gateway: Gateway, order: SetTenant) -> TenantChanged:
    """Change a tenant's name or URLs.

    Where it gains an inbound URL, what its unlinked accounts hold goes out (ruling R20), from
    the server, now or when it next starts. Raises Invalid and NotFound.
    """
    if order.name is not None:
        check_text("name", order.name)
    for parameter in ("inbound_url", "status_url"):
        if url := getattr(order, parameter):
            check_address(parameter, url)
    if order.name is order.inbound_url is order.status_url is None:
        raise invalid("name", "nothing to change: give a name, an inbound URL or a status URL")
    work = _change(order, tenants=gateway.tenants)
    # Alone, so that no message arrives between its statements.
    tenant, releasing = await gateway.store.commit(alone(work))
    gateway.released()
    log.info("tenant.changed", tenant=order.api_key, releasing=releasing)
    return TenantChanged(**_members(tenant), releasing=releasing)


async def disable_tenant(gateway: Gateway, order: ShowTenant) -> TenantChanged:
    """Shut a tenant out from the next request on; what people write to it is held.

    Raises NotFound.
    """
    work = _disable(order.api_key, since=gateway.clock(), tenants=gateway.tenants)
    tenant = await gateway.store.commit(work)
    log.info("tenant.disabled", tenant=order.api_key)
    return TenantChanged(**_members(tenant))


async def enable_tenant(gateway: Gateway, order: ShowTenant) -> TenantChanged:
    """Let a tenant in again; what was held meanwhile goes out. Raises NotFound."""
    work = _enable(order.api_key, tenants=gateway.tenants)
    # Alone, so that no message arrives between its statements.
    tenant, releasing = await gateway.store.commit(alone(work))
    gateway.released()
    log.info("tenant.enabled", tenant=order.api_key, releasing=releasing)
    return TenantChanged(**_members(tenant), releasing=releasing)


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
    number = await gateway.store.commit(work)
    log.info("tenant.secret_added", tenant=order.api_key, secret=number)
    return ApiSecretAdded(api_key=order.api_key, id=number, api_secret=secret)


async def revoke_api_secret(gateway: Gateway, order: RevokeApiSecret) -> ApiSecretRevoked:
    """Have an API secret open nothing any more, from the next request on.

    Every request reads the rows, so this holds in each process. Raises NotFound, and Conflict
    for the last one unless forced.
    """
    left = await gateway.store.commit(_revoke_api_secret(order, tenants=gateway.tenants))
    log.info("tenant.secret_revoked", tenant=order.api_key, secret=order.id, left=left)
    return ApiSecretRevoked(api_key=order.api_key, id=order.id, left=left)


async def rotate_signature(gateway: Gateway, order: ShowTenant) -> SignatureRotated:
    """Have a new secret sign what a tenant receives, beside the one before it (ruling R27).

    Raises NotFound.
    """
    secret = ids.signature_secret()
    sealed = gateway.keys.seal(secret.encode(), place=signature_secret_place(order.api_key))
    work = _rotate(order.api_key, sealed, now=gateway.clock(), tenants=gateway.tenants)
    live = await gateway.store.commit(work)
    log.info("tenant.signature_rotated", tenant=order.api_key)
    return SignatureRotated(
        api_key=order.api_key,
        signature_secret=secret,
        webhook_secret=webhook_secret(secret),
        live=live,
    )


@unit
def _look(
    api_key: str,
    *,
    tenants: Tenants,
) -> Steps[tuple[Tenant, Sequence[SecretRow], Sequence[SecretRow]]]:
    tenant = yield from tenants.find(api_key)
    if tenant is None:
        raise no_tenant(api_key)
    api_secrets = yield from tenants.api_secret_rows(api_key)
    signature_secrets = yield from tenants.signature_secret_rows(api_key)
    return tenant, api_secrets, signature_secrets


@unit
def _claimed(api_key: str, *, tenants: Tenants) -> Steps[Tenant]:
    tenant = yield from tenants.claim(api_key)
    if tenant is None:
        raise no_tenant(api_key)
    return tenant


@unit
def _found(api_key: str, *, tenants: Tenants) -> Steps[Tenant]:
    tenant = yield from tenants.find(api_key)
    if tenant is None:
        raise no_tenant(api_key)
    return tenant


@unit
def _change(order: SetTenant, *, tenants: Tenants) -> Steps[tuple[Tenant, int]]:
    # Only a URL lets anything out of hold; nothing else is worth having messages wait for.
    claim = tenants.claim_to_let_in if order.inbound_url else tenants.claim
    before = yield from claim(order.api_key)
    if before is None:
        raise no_tenant(order.api_key)
    change = TenantChange(
        name=before.name if order.name is None else order.name,
        inbound_url=_changed(before.inbound_url, order.inbound_url),
        status_url=_changed(before.status_url, order.status_url),
    )
    yield from tenants.change(order.api_key, change)
    releasing = 0
    if before.inbound_url is None and change.inbound_url is not None:
        releasing = yield from tenants.release_held(order.api_key)
    return (yield from _found(order.api_key, tenants=tenants)), releasing


@unit
def _disable(api_key: str, *, since: Moment, tenants: Tenants) -> Steps[Tenant]:
    yield from _claimed(api_key, tenants=tenants)
    yield from tenants.disable(api_key, since=since)
    return (yield from _found(api_key, tenants=tenants))


@unit
def _enable(api_key: str, *, tenants: Tenants) -> Steps[tuple[Tenant, int]]:
    if (yield from tenants.claim_to_let_in(api_key)) is None:
        raise no_tenant(api_key)
    yield from tenants.disable(api_key, since=None)
    releasing = yield from tenants.release_held(api_key)
    return (yield from _found(api_key, tenants=tenants)), releasing


@unit
def _add_api_secret(
    api_key: str,
    kept: tuple[SecretKind, bytes],
    *,
    now: Moment,
    tenants: Tenants,
    api_secrets: ApiSecrets,
) -> Steps[int]:
    yield from _claimed(api_key, tenants=tenants)
    if not (yield from api_secrets.add_api_secret(api_key, *kept, now=now)):
        raise Conflict(
            f"The tenant {api_key} has {MOST_SECRETS} API secrets, which is the most. Revoke one "
            f"first: `jackfield tenants secrets revoke {api_key} SECRET_ID`; "
            f"`jackfield tenants show {api_key}` shows the ids",
        )
    rows = yield from tenants.api_secret_rows(api_key)
    return rows[0].id


@unit
def _revoke_api_secret(order: RevokeApiSecret, *, tenants: Tenants) -> Steps[int]:
    yield from _claimed(order.api_key, tenants=tenants)
    rows = yield from tenants.api_secret_rows(order.api_key)
    if order.id not in {row.id for row in rows}:
        raise no_secret(order.id, see=f"jackfield tenants show {order.api_key}")
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
    yield from _claimed(api_key, tenants=tenants)
    yield from tenants.add_signature_secret(api_key, sealed, now=now)
    yield from tenants.drop_old_signature_secrets(api_key)
    return len((yield from tenants.signature_secret_rows(api_key)))


def _changed(before: str | None, wanted: str | None) -> str | None:
    return before if wanted is None else wanted or None


def _members(tenant: Tenant) -> dict[str, Any]:
    members = {name: getattr(tenant, name) for name in _COLUMNS}
    return members | {"disabled": tenant.is_disabled, "created_at": iso(tenant.created_at)}


def _secret(row: SecretRow, kind: str) -> SecretLine:
    return SecretLine(id=row.id, kind=kind, created_at=iso(row.created_at))
