"""Provider apps: what the operator has with a provider, and which tenants may use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from jackfield.clock import Moment
from jackfield.sealing import Place
from jackfield.units import Unit


class ProviderAppKind(StrEnum):
    """Whom the operator has an app or a contract with."""

    META = "meta"
    INFOBIP = "infobip"
    GOOGLE = "google"


class SecretRole(StrEnum):
    """What a provider app's secret is for, each kind having its own."""

    # Meta's app: what signs its webhooks, and the word for their handshake.
    APP_SECRET = "app_secret"  # noqa: S105 -- the word for it, not a secret
    VERIFY_TOKEN = "verify_token"  # noqa: S105 -- the word for it, not a secret
    # Infobip's contract: where and with what it is called, and the word in its webhooks' URL.
    BASE_URL = "base_url"
    API_KEY = "api_key"
    WEBHOOK_TOKEN = "webhook_token"  # noqa: S105 -- the word for it, not a secret
    # Google's RCS partner: what signs its webhooks, and who it knows us as.
    CLIENT_TOKEN = "client_token"  # noqa: S105 -- the word for it, not a secret
    SERVICE_ACCOUNT = "service_account"


@dataclass(frozen=True, slots=True)
class ProviderApp:
    """One app or partner contract; its `name` ends its webhook path. Secrets stay sealed."""

    id: int
    kind: str
    name: str
    serves_all: bool
    sealed: Mapping[SecretRole, Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class ProviderAppRow:
    """A provider app as it may be shown; `tenants` counts those it was granted to by name."""

    id: int
    kind: str
    name: str
    serves_all: bool
    tenants: int
    created_at: Moment


@dataclass(frozen=True, slots=True)
class ProviderAppSecretRow:
    """A live secret without what it is."""

    id: int
    role: SecretRole
    created_at: Moment


class ProviderApps(Protocol):
    """What is asked of the provider apps' tables."""

    def add(
        self,
        kind: str,
        name: str,
        *,
        sealed: Mapping[SecretRole, bytes],
        now: Moment,
    ) -> Unit[bool]:
        """Store a provider app and its secrets; False when the kind has that name already."""
        ...

    def find(self, kind: str, name: str) -> Unit[ProviderApp | None]:
        """Return the provider app with its sealed secrets, newest first, or None."""
        ...

    def grant(self, provider_app_id: int, api_key: str) -> Unit[None]:
        """Let one tenant's accounts be served by it; doing so twice changes nothing."""
        ...

    def grant_all(self, provider_app_id: int) -> Unit[None]:
        """Let every tenant's accounts be served by it, those to come included."""
        ...

    def revoke(self, provider_app_id: int, api_key: str) -> Unit[bool]:
        """Take one tenant's grant back; False when it had none."""
        ...

    def revoke_all(self, provider_app_id: int) -> Unit[None]:
        """Serve from now on only the tenants it was granted to by name."""
        ...

    def page(self, *, after: int, limit: int) -> Unit[Sequence[ProviderAppRow]]:
        """Return `limit` provider apps in the order they were made, those behind id `after`."""
        ...

    def granted(self, provider_app_id: int, *, after: str, limit: int) -> Unit[Sequence[str]]:
        """Return `limit` API keys it was granted to by name, sorted, those behind `after`."""
        ...

    def claim(self, provider_app_id: int) -> Unit[None]:
        """Have others who would change its secrets wait for this unit."""
        ...

    def secret_rows(self, provider_app_id: int) -> Unit[Sequence[ProviderAppSecretRow]]:
        """Return the live secrets without what they are, newest first."""
        ...

    def add_secret(
        self,
        provider_app_id: int,
        role: SecretRole,
        sealed: bytes,
        *,
        now: Moment,
    ) -> Unit[int]:
        """Store one more secret, and return its id; what it opens, it opens at once."""
        ...

    def revoke_secret(self, provider_app_id: int, secret_id: int) -> Unit[None]:
        """Remove one secret."""
        ...

    def may_serve(self, provider_app_id: int, api_key: str) -> Unit[bool]:
        """Return whether it may serve the tenant's accounts."""
        ...


def secret_place(kind: str, name: str, role: SecretRole) -> Place:
    """Return where a provider app's sealed secret lives, and opens."""
    return Place("provider_app_secrets", f"{kind}/{name}", role)
