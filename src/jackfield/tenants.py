"""Tenants: who may call, by API key, and where their unlinked messages go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from jackfield.clock import Moment
from jackfield.sealing import Place
from jackfield.units import Unit


@dataclass(frozen=True, slots=True)
class Tenant:
    """One owner of accounts and applications; `api_key` is its public name."""

    api_key: str
    name: str
    created_at: Moment
    inbound_url: str | None = None
    status_url: str | None = None
    is_disabled: bool = False


@dataclass(frozen=True, slots=True)
class SecretRow:
    """A live secret as it may be shown: which one, how it is kept or what for, how old."""

    id: int
    kind: str
    created_at: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantChange:
    """What becomes of a tenant's name and URLs: all of them, also those that stay."""

    name: str
    inbound_url: str | None
    status_url: str | None


class Tenants(Protocol):
    """What is asked of the tenants' table and of the secrets they hold."""

    def add(self, tenant: Tenant) -> Unit[bool]:
        """Store `tenant`; False when its API key is taken."""
        ...

    def find(self, api_key: str) -> Unit[Tenant | None]:
        """Return the tenant, disabled or not, or None."""
        ...

    def page(self, *, after: str, limit: int) -> Unit[Sequence[Tenant]]:
        """Return `limit` tenants in the order of their API keys, those behind `after`."""
        ...

    def claim(self, api_key: str) -> Unit[Tenant | None]:
        """Return the tenant, or None, having others who would change it wait for this unit."""
        ...

    def claim_to_let_in(self, api_key: str) -> Unit[Tenant | None]:
        """Return the tenant as `claim` does, having messages to it wait for this unit too.

        Those that another process is storing are stored first, so that what this unit finds held,
        or waiting for the tenant's own URL, is all that was; a message after it meets the tenant
        as this unit leaves it.
        """
        ...

    def change(self, api_key: str, change: TenantChange) -> Unit[None]:
        """Store new values."""
        ...

    def disable(self, api_key: str, *, since: Moment | None) -> Unit[None]:
        """Shut the tenant out from the next request on, or with None let it in again."""
        ...

    def release_held(self, api_key: str) -> Unit[int]:
        """Mark the tenant's accounts that hold messages for release; return how many."""
        ...

    def hold(self, api_key: str) -> Unit[None]:
        """Hold again what is still owed to the tenant's own URL, which is gone.

        What has an application to go to is then released to it. Where much is owed it is the
        newest, and the rest follows slice by slice: see `delivery.withdrawing`.
        """
        ...

    def api_secret_rows(self, api_key: str) -> Unit[Sequence[SecretRow]]:
        """Return the live API secrets without what they are, newest first."""
        ...

    def revoke_api_secret(self, api_key: str, secret_id: int) -> Unit[None]:
        """Remove one API secret; what it opened is shut once this is committed."""
        ...

    def signature_secret_rows(self, api_key: str) -> Unit[Sequence[SecretRow]]:
        """Return the live signature secrets without what they are, newest first."""
        ...

    def drop_old_signature_secrets(self, api_key: str) -> Unit[None]:
        """Remove all but the two newest (ruling R27)."""
        ...

    def add_signature_secret(self, api_key: str, sealed: bytes, *, now: Moment) -> Unit[None]:
        """Store one more secret that signs what the tenant receives, sealed."""
        ...

    def signature_secrets_of(self, api_key: str) -> Unit[Sequence[bytes]]:
        """Return the sealed secrets, newest first."""
        ...


def signature_secret_place(api_key: str) -> Place:
    """Return where a tenant's sealed signature secret lives, and opens."""
    return Place("signature_secrets", api_key, "sealed")
