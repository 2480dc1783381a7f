"""What the commands about provider apps take and give, as JSON."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from jackfield.console.orders import Order
from jackfield.provider_apps import ProviderAppKind, SecretRole


class ListProviderApps(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`provider-apps.list`: a page in the order they were made, behind `after`."""

    after: str = ""
    limit: int = 50


class ProviderAppLine(msgspec.Struct, frozen=True, kw_only=True):
    """One provider app; `tenants` counts those it was granted to by name."""

    kind: str
    name: str
    webhook_path: str | None
    serves_all: bool
    tenants: int
    created_at: str


class ProviderAppsListed(msgspec.Struct, frozen=True, kw_only=True):
    """A page; `next` is what `after` must be for the following one, None on the last."""

    provider_apps: Sequence[ProviderAppLine]
    next: str | None


class ShowProviderApp(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`provider-apps.show`: with a page of the tenants it was granted to by name."""

    kind: ProviderAppKind | None = None
    name: str
    after: str = ""
    limit: int = 50


class ProviderAppSecretLine(msgspec.Struct, frozen=True, kw_only=True):
    """A live secret, never the secret itself."""

    id: int
    role: SecretRole
    created_at: str


class ProviderAppShown(msgspec.Struct, frozen=True, kw_only=True):
    """One provider app; `missing` names the secrets it lacks, `next` continues its `tenants`."""

    kind: str
    name: str
    webhook_path: str | None
    serves_all: bool
    secrets: Sequence[ProviderAppSecretLine]
    missing: Sequence[SecretRole]
    tenants: Sequence[str]
    next: str | None


class AddProviderAppSecret(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`provider-apps.secrets.add`: two of a role at once, so that it can be rotated."""

    kind: ProviderAppKind | None = None
    name: str
    role: SecretRole
    secret: str


class ProviderAppSecretAdded(msgspec.Struct, frozen=True, kw_only=True):
    """Which secret is accepted from now on; `live` counts those of its role."""

    name: str
    role: SecretRole
    id: int
    live: int


class RevokeProviderAppSecret(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`provider-apps.secrets.revoke`: the last of its role only with `force`."""

    kind: ProviderAppKind | None = None
    name: str
    id: int
    force: bool = False


class ProviderAppSecretRevoked(msgspec.Struct, frozen=True, kw_only=True):
    """Which secret is refused from now on, and how many of its role are left."""

    name: str
    role: SecretRole
    id: int
    left: int


class RevokeProviderApp(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`provider-apps.revoke`: one tenant's grant, or where `api_key` is None, that to all."""

    kind: ProviderAppKind | None = None
    name: str
    api_key: str | None


class ProviderAppRevoked(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the provider app no longer serves; `tenants` it still does by name."""

    name: str
    api_key: str | None
    all: bool
    still_serves: bool
