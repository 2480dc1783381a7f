"""The operator's commands about provider apps: what there is, their secrets, whom they serve."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from jackfield.app import Gateway
from jackfield.clock import Moment, iso
from jackfield.console.checks import (
    MOST_SECRETS,
    check_text,
    no_provider_app,
    no_secret,
    no_tenant,
)
from jackfield.console.paging import check_limit, cut, place
from jackfield.console.provider_app_orders import (
    AddProviderAppSecret,
    ListProviderApps,
    ProviderAppLine,
    ProviderAppRevoked,
    ProviderAppSecretAdded,
    ProviderAppSecretLine,
    ProviderAppSecretRevoked,
    ProviderAppShown,
    ProviderAppsListed,
    RevokeProviderApp,
    RevokeProviderAppSecret,
    ShowProviderApp,
)
from jackfield.problems import Conflict
from jackfield.provider_apps import (
    ProviderApp,
    ProviderApps,
    ProviderAppSecretRow,
    SecretRole,
    secret_place,
)
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
    return ProviderAppShown(
        kind=app.kind,
        name=app.name,
        webhook_path=_path(app.kind, app.name),
        serves_all=app.serves_all,
        secrets=[
            ProviderAppSecretLine(id=row.id, role=row.role, created_at=iso(row.created_at))
            for row in secrets
        ],
        tenants=page,
        next=last,
    )


async def add_secret(gateway: Gateway, order: AddProviderAppSecret) -> ProviderAppSecretAdded:
    """Accept one more secret in this role, beside the one there is.

    Raises Invalid, NotFound, and Conflict when the role has two.
    """
    check_text("secret", order.secret)
    where = secret_place(order.kind, order.name, order.role)
    sealed = gateway.keys.seal(order.secret.encode(), place=where)
    work = _add_secret(order, sealed, now=gateway.clock(), provider_apps=gateway.provider_apps)
    number = await gateway.store.commit(work)
    log.info("provider_app.secret_added", name=order.name, role=order.role, secret=number)
    return ProviderAppSecretAdded(name=order.name, role=order.role, id=number)


async def revoke_secret(
    gateway: Gateway,
    order: RevokeProviderAppSecret,
) -> ProviderAppSecretRevoked:
    """Refuse a secret from the next webhook on.

    Raises NotFound, and Conflict for the last of its role unless forced.
    """
    work = _revoke_secret(order, provider_apps=gateway.provider_apps)
    role, left = await gateway.store.commit(work)
    log.info("provider_app.secret_revoked", name=order.name, role=role, secret=order.id)
    return ProviderAppSecretRevoked(name=order.name, role=role, id=order.id, left=left)


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
def _found(kind: str, name: str, *, provider_apps: ProviderApps) -> Steps[ProviderApp]:
    app = yield from provider_apps.find(kind, name)
    if app is None:
        raise no_provider_app(kind, name)
    return app


@unit
def _look(
    order: ShowProviderApp,
    *,
    provider_apps: ProviderApps,
) -> Steps[tuple[ProviderApp, Sequence[ProviderAppSecretRow], Sequence[str]]]:
    app = yield from _found(order.kind, order.name, provider_apps=provider_apps)
    secrets = yield from provider_apps.secret_rows(app.id)
    granted = yield from provider_apps.granted(app.id, after=order.after, limit=order.limit + 1)
    return app, secrets, granted


@unit
def _add_secret(
    order: AddProviderAppSecret,
    sealed: bytes,
    *,
    now: Moment,
    provider_apps: ProviderApps,
) -> Steps[int]:
    app = yield from _found(order.kind, order.name, provider_apps=provider_apps)
    yield from provider_apps.claim(app.id)
    rows = yield from provider_apps.secret_rows(app.id)
    if sum(row.role is order.role for row in rows) >= MOST_SECRETS:
        raise Conflict(
            f"{order.name} has {MOST_SECRETS} secrets of the role {order.role}, which is the "
            f"most. Revoke one first: `jackfield provider-apps secrets revoke {order.name} "
            f"SECRET_ID`; `jackfield provider-apps show {order.name}` shows the ids",
        )
    return (yield from provider_apps.add_secret(app.id, order.role, sealed, now=now))


@unit
def _revoke_secret(
    order: RevokeProviderAppSecret,
    *,
    provider_apps: ProviderApps,
) -> Steps[tuple[SecretRole, int]]:
    app = yield from _found(order.kind, order.name, provider_apps=provider_apps)
    yield from provider_apps.claim(app.id)
    rows = yield from provider_apps.secret_rows(app.id)
    role = next((row.role for row in rows if row.id == order.id), None)
    if role is None:
        raise no_secret(order.id, see=f"jackfield provider-apps show {order.name}")
    left = sum(row.role is role for row in rows) - 1
    if not left and not order.force:
        raise Conflict(
            f"This is the last {role} of {order.name}: without it the provider's webhooks are "
            f"refused. Add another first (`jackfield provider-apps secrets add {order.name} "
            f"{role} --secret -`), or say --force.",
        )
    yield from provider_apps.revoke_secret(app.id, order.id)
    return role, left


@unit
def _revoke(
    order: RevokeProviderApp,
    *,
    provider_apps: ProviderApps,
    tenants: Tenants,
) -> Steps[bool]:
    app = yield from _found(order.kind, order.name, provider_apps=provider_apps)
    see = f"`jackfield provider-apps show {order.name}` shows whom it serves"
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


def _path(kind: str, name: str) -> str:
    return f"/webhooks/{kind}/{name}"
