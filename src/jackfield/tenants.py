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


class Tenants(Protocol):
    """What is asked of the tenants' table and of their signature secrets."""

    def add(self, tenant: Tenant) -> Unit[bool]:
        """Store `tenant`; False when its API key is taken."""
        ...

    def find(self, api_key: str) -> Unit[Tenant | None]:
        """Return the tenant, disabled or not, or None."""
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
