"""What each command takes and gives, as JSON: the operator's side of the contract."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from jackfield.accounts import Provider, Standing

Order: TypeAlias = msgspec.Struct
"""What a command takes; a member it does not know is an error, not a wish."""


class CreateTenant(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`tenants.create`: what is not given is generated."""

    name: str
    api_key: str | None = None
    api_secret: str | None = None


class TenantCreated(msgspec.Struct, frozen=True, kw_only=True):
    """A new tenant with its secrets, which are never shown again."""

    name: str
    api_key: str
    api_secret: str
    signature_secret: str
    webhook_secret: str


class AddProviderApp(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`provider-apps.add`: an app at a provider, and what proves that a webhook is from it."""

    kind: Literal["meta"]
    name: str
    app_secret: str
    verify_token: str


class ProviderAppAdded(msgspec.Struct, frozen=True, kw_only=True):
    """Where the provider is told to post."""

    name: str
    webhook_path: str


class GrantProviderApp(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`provider-apps.grant`: to one tenant, or to all where `api_key` is None."""

    kind: Literal["meta"] = "meta"
    name: str
    api_key: str | None


class ProviderAppGranted(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the provider app may serve from now on."""

    name: str
    api_key: str | None
    all: bool


class VouchAccount(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`accounts.vouch`: the operator says that an account is its owner's."""

    provider: Provider
    external_id: str


class AccountVouched(msgspec.Struct, frozen=True, kw_only=True):
    """How sure it is now that the account is its owner's."""

    provider: Provider
    external_id: str
    standing: Standing
