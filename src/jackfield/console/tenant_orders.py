"""What the commands about tenants and their secrets take and give, as JSON."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from jackfield.console.orders import Order


class ListTenants(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`tenants.list`: a page in the order of API keys, behind `after`."""

    after: str = ""
    limit: int = 50


class TenantLine(msgspec.Struct, frozen=True, kw_only=True):
    """One tenant; times are ISO 8601 in UTC."""

    api_key: str
    name: str
    inbound_url: str | None
    status_url: str | None
    disabled: bool
    created_at: str


class TenantsListed(msgspec.Struct, frozen=True, kw_only=True):
    """A page; `next` is what `after` must be for the following one, None on the last."""

    tenants: Sequence[TenantLine]
    next: str | None


class ShowTenant(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`tenants.show`, and whatever else takes nothing but a tenant."""

    api_key: str


class SecretLine(msgspec.Struct, frozen=True, kw_only=True):
    """A live secret, never the secret itself; an API secret was generated or chosen."""

    id: int
    kind: str
    created_at: str


class TenantShown(TenantLine, frozen=True, kw_only=True):
    """One tenant with its live secrets, newest first."""

    api_secrets: Sequence[SecretLine]
    signature_secrets: Sequence[SecretLine]


class SetTenant(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`tenants.set`: None leaves a value as it is, an empty URL clears it."""

    api_key: str
    name: str | None = None
    inbound_url: str | None = None
    status_url: str | None = None


class TenantChanged(TenantLine, frozen=True, kw_only=True):
    """A tenant after a change; `releasing` counts accounts whose held messages now go out."""

    releasing: int = 0


class AddApiSecret(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`tenants.secrets.add`: what is not given is generated."""

    api_key: str
    api_secret: str | None = None


class ApiSecretAdded(msgspec.Struct, frozen=True, kw_only=True):
    """A new API secret, which is never shown again."""

    api_key: str
    id: int
    api_secret: str


class RevokeApiSecret(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`tenants.secrets.revoke`: the last one only with `force`."""

    api_key: str
    id: int
    force: bool = False


class ApiSecretRevoked(msgspec.Struct, frozen=True, kw_only=True):
    """Which API secret opens nothing any more, and how many still do."""

    api_key: str
    id: int
    left: int


class SignatureRotated(msgspec.Struct, frozen=True, kw_only=True):
    """A new signature secret in both forms, never shown again; `live` counts those that sign."""

    api_key: str
    signature_secret: str
    webhook_secret: str
    live: int
