"""The operator's commands about tenants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog

from jackfield.app import Gateway
from jackfield.auth import SecretKind
from jackfield.clock import Moment, iso
from jackfield.console import certainty
from jackfield.console.checks import check_address, check_text, invalid, no_tenant
from jackfield.console.paging import check_limit, cut
from jackfield.console.tenant_orders import (
    ListTenants,
    SecretLine,
    SetTenant,
    ShowTenant,
    TenantChanged,
    TenantLine,
    TenantShown,
    TenantsListed,
)
from jackfield.console.tenant_secrets import claimed
from jackfield.problems import OutcomeUnknown
from jackfield.tenants import SecretRow, Tenant, TenantChange, Tenants
from jackfield.units import Steps, Unit, alone, unit

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
    the server, now or when it next starts. Where it loses the one it had, what waits for that is
    held. Raises Invalid and NotFound.
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
    tenant, releasing = await _commit(gateway, order.api_key, alone(work))
    gateway.released()
    log.info("tenant.changed", tenant=order.api_key, releasing=releasing)
    return TenantChanged(**_members(tenant), releasing=releasing)


async def disable_tenant(gateway: Gateway, order: ShowTenant) -> TenantChanged:
    """Shut a tenant out from the next request on; what people write to it is held.

    Raises NotFound.
    """
    work = _disable(order.api_key, since=gateway.clock(), tenants=gateway.tenants)
    tenant, _ = await _commit(gateway, order.api_key, work)
    log.info("tenant.disabled", tenant=order.api_key)
    return TenantChanged(**_members(tenant))


async def enable_tenant(gateway: Gateway, order: ShowTenant) -> TenantChanged:
    """Let a tenant in again; what was held meanwhile goes out. Raises NotFound."""
    work = _enable(order.api_key, tenants=gateway.tenants)
    # Alone, so that no message arrives between its statements.
    tenant, releasing = await _commit(gateway, order.api_key, alone(work))
    gateway.released()
    log.info("tenant.enabled", tenant=order.api_key, releasing=releasing)
    return TenantChanged(**_members(tenant), releasing=releasing)


async def _commit(
    gateway: Gateway, api_key: str, work: Unit[tuple[Tenant, int]]
) -> tuple[Tenant, int]:
    return await certainty.commit(
        gateway,
        work,
        stands=lambda result: _stands(result[0], tenants=gateway.tenants),
        see=f"jackfield tenants show {api_key}",
    )


@unit
def _stands(written: Tenant, *, tenants: Tenants) -> Steps[bool]:
    """Say whether a tenant is as a command left it; of another nobody knows since when it is."""
    if (yield from tenants.find(written.api_key)) == written:
        return True
    raise OutcomeUnknown


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
def _found(api_key: str, *, tenants: Tenants) -> Steps[Tenant]:
    tenant = yield from tenants.find(api_key)
    if tenant is None:
        raise no_tenant(api_key)
    return tenant


@unit
def _change(order: SetTenant, *, tenants: Tenants) -> Steps[tuple[Tenant, int]]:
    # An inbound URL that comes or goes is worth having messages wait for; nothing else is.
    claim = tenants.claim if order.inbound_url is None else tenants.claim_to_let_in
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
    elif before.inbound_url is not None and change.inbound_url is None:
        yield from tenants.hold(order.api_key)
    return (yield from _found(order.api_key, tenants=tenants)), releasing


@unit
def _disable(api_key: str, *, since: Moment, tenants: Tenants) -> Steps[tuple[Tenant, int]]:
    yield from claimed(api_key, tenants=tenants)
    yield from tenants.disable(api_key, since=since)
    return (yield from _found(api_key, tenants=tenants)), 0


@unit
def _enable(api_key: str, *, tenants: Tenants) -> Steps[tuple[Tenant, int]]:
    if (yield from tenants.claim_to_let_in(api_key)) is None:
        raise no_tenant(api_key)
    yield from tenants.disable(api_key, since=None)
    releasing = yield from tenants.release_held(api_key)
    return (yield from _found(api_key, tenants=tenants)), releasing


def _changed(before: str | None, wanted: str | None) -> str | None:
    return before if wanted is None else wanted or None


def _members(tenant: Tenant) -> dict[str, Any]:
    members = {name: getattr(tenant, name) for name in _COLUMNS}
    return members | {"disabled": tenant.is_disabled, "created_at": iso(tenant.created_at)}


def _secret(row: SecretRow, kind: str) -> SecretLine:
    return SecretLine(id=row.id, kind=kind, created_at=iso(row.created_at))
