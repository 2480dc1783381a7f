"""What each command takes and gives, as JSON: the operator's side of the contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from jackfield.accounts import Provider, Standing
from jackfield.provider_apps import ProviderAppKind, SecretRole

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
    """`provider-apps.add`: an app or a contract with a provider, with the secrets there are."""

    kind: ProviderAppKind
    name: str
    secrets: dict[SecretRole, str]


class ProviderAppAdded(msgspec.Struct, frozen=True, kw_only=True):
    """Where the provider is told to post; None where its webhooks are not understood yet.

    `missing` names the secrets that will be needed once messages go its way.
    """

    kind: ProviderAppKind
    name: str
    webhook_path: str | None
    missing: Sequence[SecretRole]


class GrantProviderApp(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`provider-apps.grant`: to one tenant, or to all where `api_key` is None.

    Where `kind` is None, here and in every other command, it is the one that has this name.
    """

    kind: ProviderAppKind | None = None
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
