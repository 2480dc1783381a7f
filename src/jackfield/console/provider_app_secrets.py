"""The operator's commands that rotate a provider app's secrets, two of a role at once."""

from __future__ import annotations

import structlog

from jackfield.app import Gateway
from jackfield.console import certainty
from jackfield.console.app_secrets import check_secret
from jackfield.console.checks import MOST_SECRETS, named, no_secret
from jackfield.console.provider_app_orders import (
    AddProviderAppSecret,
    ProviderAppSecretAdded,
    ProviderAppSecretRevoked,
    RevokeProviderAppSecret,
)
from jackfield.console.provider_apps import found
from jackfield.problems import Conflict
from jackfield.provider_apps import ProviderAppKind, ProviderApps, SecretRole, secret_place
from jackfield.units import Steps, unit

log = structlog.get_logger()


async def add_secret(gateway: Gateway, order: AddProviderAppSecret) -> ProviderAppSecretAdded:
    """Accept one more secret in this role, beside the one there is.

    Raises Invalid, NotFound, and Conflict when the role has two.
    """
    number, live, _ = await certainty.commit(
        gateway,
        _add_secret(order, gateway=gateway),
        stands=lambda result: _is_held(order, result[2], provider_apps=gateway.provider_apps),
        see=_see(order),
    )
    log.info("provider_app.secret_added", name=order.name, role=order.role, secret=number)
    return ProviderAppSecretAdded(name=order.name, role=order.role, id=number, live=live)


async def revoke_secret(
    gateway: Gateway,
    order: RevokeProviderAppSecret,
) -> ProviderAppSecretRevoked:
    """Refuse a secret from the next webhook on.

    Raises NotFound, and Conflict for the last of its role unless forced.
    """
    work = _revoke_secret(order, provider_apps=gateway.provider_apps)
    role, left = await certainty.commit(
        gateway,
        work,
        stands=lambda _: _is_revoked(order, provider_apps=gateway.provider_apps),
        see=_see(order),
    )
    log.info("provider_app.secret_revoked", name=order.name, role=role, secret=order.id)
    return ProviderAppSecretRevoked(name=order.name, role=role, id=order.id, left=left)


@unit
def _add_secret(order: AddProviderAppSecret, *, gateway: Gateway) -> Steps[tuple[int, int, bytes]]:
    provider_apps = gateway.provider_apps
    app = yield from found(order.kind, order.name, provider_apps=provider_apps)
    check_secret(ProviderAppKind(app.kind), order.role, order.secret)
    yield from provider_apps.claim(app.id)
    rows = yield from provider_apps.secret_rows(app.id)
    name = named(order.kind, order.name)
    live = sum(row.role is order.role for row in rows)
    if live >= MOST_SECRETS:
        raise Conflict(
            f"{order.name} has {MOST_SECRETS} secrets of the role {order.role}, which is the "
            f"most. Revoke one first: `jackfield provider-apps secrets revoke {name} "
            f"SECRET_ID`; `{_see(order)}` shows the ids",
        )
    place = secret_place(app.kind, app.name, order.role)
    sealed = gateway.keys.seal(order.secret.encode(), place=place)
    work = provider_apps.add_secret(app.id, order.role, sealed, now=gateway.clock())
    return (yield from work), live + 1, sealed


@unit
def _revoke_secret(
    order: RevokeProviderAppSecret,
    *,
    provider_apps: ProviderApps,
) -> Steps[tuple[SecretRole, int]]:
    app = yield from found(order.kind, order.name, provider_apps=provider_apps)
    yield from provider_apps.claim(app.id)
    rows = yield from provider_apps.secret_rows(app.id)
    name = named(order.kind, order.name)
    role = next((row.role for row in rows if row.id == order.id), None)
    if role is None:
        raise no_secret(order.id, see=_see(order))
    left = sum(row.role is role for row in rows) - 1
    if not left and not order.force:
        raise Conflict(
            f"This is the last {role} of {order.name}, which it cannot do without. Add another "
            f"first (`jackfield provider-apps secrets add {name} {role} --secret -`), "
            "or say --force.",
        )
    yield from provider_apps.revoke_secret(app.id, order.id)
    return role, left


@unit
def _is_held(
    order: AddProviderAppSecret, sealed: bytes, *, provider_apps: ProviderApps
) -> Steps[bool]:
    """Say whether this very secret is accepted; no two are sealed alike."""
    app = yield from found(order.kind, order.name, provider_apps=provider_apps)
    return sealed in app.sealed[order.role]


@unit
def _is_revoked(order: RevokeProviderAppSecret, *, provider_apps: ProviderApps) -> Steps[bool]:
    app = yield from found(order.kind, order.name, provider_apps=provider_apps)
    rows = yield from provider_apps.secret_rows(app.id)
    return order.id not in {row.id for row in rows}


def _see(order: AddProviderAppSecret | RevokeProviderAppSecret) -> str:
    return f"jackfield provider-apps show {named(order.kind, order.name)}"
