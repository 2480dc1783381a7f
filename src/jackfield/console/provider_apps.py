"""The operator's commands about provider apps: what there is, and whom each serves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog

from jackfield.app import Gateway
from jackfield.clock import iso
from jackfield.console import certainty
from jackfield.console.app_secrets import ROLES, check_secrets
from jackfield.console.checks import check_webhook_name, named, no_provider_app, no_tenant
from jackfield.console.orders import (
    AddProviderApp,
    GrantProviderApp,
    ProviderAppAdded,
    ProviderAppGranted,
)
from jackfield.console.paging import check_limit, cut, place
from jackfield.console.provider_app_orders import (
    ListProviderApps,
    ProviderAppLine,
    ProviderAppRevoked,
    ProviderAppSecretLine,
    ProviderAppShown,
    ProviderAppsListed,
    RevokeProviderApp,
    ShowProviderApp,
)
from jackfield.problems import Conflict
from jackfield.provider_apps import (
    ProviderApp,
    ProviderAppKind,
    ProviderApps,
    ProviderAppSecretRow,
    SecretRole,
    secret_place,
)
from jackfield.providers import WEBHOOKS
from jackfield.tenants import Tenants
from jackfield.units import Steps, unit

log = structlog.get_logger()


async def list_provider_apps(gateway: Gateway, order: ListProviderApps) -> ProviderAppsListed:
    """Return one page of provider apps; raises Invalid."""
    check_limit(order.limit)
    work = gateway.provider_apps.page(after=place(order.after), limit=order.limit + 1)
    page, last = cut(await gateway.store.read(work), order.limit)
    return ProviderAppsListed(
        provider_apps=[
            ProviderAppLine(
                kind=app.kind,
                name=app.name,
                webhook_path=_path(app.kind, app.name),
                serves_all=app.serves_all,
                tenants=app.tenants,
                created_at=iso(app.created_at),
            )
            for app in page
        ],
        next=None if last is None else str(last.id),
    )


async def show_provider_app(gateway: Gateway, order: ShowProviderApp) -> ProviderAppShown:
    """Return a provider app, its live secrets without what they are, and whom it serves.

    Raises NotFound and Invalid.
    """
    check_limit(order.limit)
    work = _look(order, provider_apps=gateway.provider_apps)
    app, secrets, granted = await gateway.store.read(work)
    page, last = cut(granted, order.limit)
    there = {row.role for row in secrets}
    return ProviderAppShown(
        kind=app.kind,
        name=app.name,
        webhook_path=_path(app.kind, app.name),
        serves_all=app.serves_all,
        secrets=[
            ProviderAppSecretLine(id=row.id, role=row.role, created_at=iso(row.created_at))
            for row in secrets
        ],
        missing=[role for role in ROLES[ProviderAppKind(app.kind)] if role not in there],
        tenants=page,
        next=last,
    )


async def add_provider_app(gateway: Gateway, order: AddProviderApp) -> ProviderAppAdded:
    """Store a provider app, which serves nobody until it is granted.

    Raises Invalid, and Conflict when the kind has a provider app of that name.
    """
    check_webhook_name(order.name)
    missing = check_secrets(order.kind, order.secrets)
    sealed = {
        role: gateway.keys.seal(secret.encode(), place=secret_place(order.kind, order.name, role))
        for role, secret in order.secrets.items()
    }
    work = gateway.provider_apps.add(order.kind, order.name, sealed=sealed, now=gateway.clock())
    see = f"jackfield provider-apps show {order.name} --kind {order.kind}"
    is_added = await certainty.commit(
        gateway,
        work,
        stands=lambda _: _is_there(order, sealed, provider_apps=gateway.provider_apps),
        see=see,
    )
    if not is_added:
        raise Conflict(f"There is a {order.kind} provider app named {order.name} already: {see}")
    log.info("provider_app.added", kind=order.kind, name=order.name)
    return ProviderAppAdded(
        kind=order.kind,
        name=order.name,
        webhook_path=_path(order.kind, order.name),
        missing=missing,
    )


async def grant_provider_app(gateway: Gateway, order: GrantProviderApp) -> ProviderAppGranted:
    """Let a provider app serve one tenant's accounts, or every tenant's.

    Raises NotFound for a provider app or a tenant that is not there.
    """
    work = _grant(order, provider_apps=gateway.provider_apps, tenants=gateway.tenants)
    await gateway.store.commit(work)
    log.info("provider_app.granted", name=order.name, tenant=order.api_key or "all")
    return ProviderAppGranted(
        name=order.name,
        api_key=order.api_key,
        all=order.api_key is None,
    )


async def revoke_provider_app(gateway: Gateway, order: RevokeProviderApp) -> ProviderAppRevoked:
    """Take a grant back, from the next webhook on; what was granted otherwise stays.

    Raises NotFound, and Conflict for a grant that is not there.
    """
    work = _revoke(order, provider_apps=gateway.provider_apps, tenants=gateway.tenants)
    still_serves = await gateway.store.commit(work)
    log.info("provider_app.revoked", name=order.name, tenant=order.api_key or "all")
    return ProviderAppRevoked(
        name=order.name,
        api_key=order.api_key,
        all=order.api_key is None,
        still_serves=still_serves,
    )


@unit
def _is_there(
    order: AddProviderApp,
    sealed: Mapping[SecretRole, bytes],
    *,
    provider_apps: ProviderApps,
) -> Steps[bool]:
    """Say whether a provider app is there with these very secrets; no two are sealed alike."""
    app = yield from provider_apps.find(order.kind, order.name)
    return app is not None and all(one in app.sealed[role] for role, one in sealed.items())


@unit
def found(
    kind: ProviderAppKind | None, name: str, *, provider_apps: ProviderApps
) -> Steps[ProviderApp]:
    """Return the provider app of a name, whatever its kind where `kind` is None.

    Raises NotFound, and Conflict where several kinds have the name.
    """
    there: list[ProviderApp] = []
    for each in ProviderAppKind if kind is None else (kind,):
        app = yield from provider_apps.find(each, name)
        there += [] if app is None else [app]
    if not there:
        raise no_provider_app(kind, name)
    if len(there) > 1:
        kinds = " or ".join(f"--kind {app.kind}" for app in there)
        raise Conflict(f"There is more than one provider app named {name}: say {kinds}.")
    return there[0]


@unit
def _look(
    order: ShowProviderApp,
    *,
    provider_apps: ProviderApps,
) -> Steps[tuple[ProviderApp, Sequence[ProviderAppSecretRow], Sequence[str]]]:
    app = yield from found(order.kind, order.name, provider_apps=provider_apps)
    secrets = yield from provider_apps.secret_rows(app.id)
    granted = yield from provider_apps.granted(app.id, after=order.after, limit=order.limit + 1)
    return app, secrets, granted


@unit
def _grant(
    order: GrantProviderApp,
    *,
    provider_apps: ProviderApps,
    tenants: Tenants,
) -> Steps[None]:
    app = yield from found(order.kind, order.name, provider_apps=provider_apps)
    if order.api_key is None:
        yield from provider_apps.grant_all(app.id)
        return
    if (yield from tenants.find(order.api_key)) is None:
        raise no_tenant(order.api_key)
    yield from provider_apps.grant(app.id, order.api_key)


@unit
def _revoke(
    order: RevokeProviderApp,
    *,
    provider_apps: ProviderApps,
    tenants: Tenants,
) -> Steps[bool]:
    app = yield from found(order.kind, order.name, provider_apps=provider_apps)
    see = f"`jackfield provider-apps show {named(order.kind, order.name)}` shows whom it serves"
    if order.api_key is None:
        if not app.serves_all:
            raise Conflict(f"{order.name} was not granted to all; {see}")
        yield from provider_apps.revoke_all(app.id)
        return bool((yield from provider_apps.granted(app.id, after="", limit=1)))
    if (yield from tenants.find(order.api_key)) is None:
        raise no_tenant(order.api_key)
    if not (yield from provider_apps.revoke(app.id, order.api_key)):
        raise Conflict(f"{order.name} was not granted to {order.api_key} by name; {see}")
    return app.serves_all


def _path(kind: str, name: str) -> str | None:
    """Return where a provider posts, if its webhooks are understood."""
    return f"/webhooks/{kind}/{name}" if kind in WEBHOOKS else None
