"""What the commands that make and delete applications take and give, as JSON."""

from __future__ import annotations

import msgspec

from jackfield.console.orders import Order


class CreateApplication(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`applications.create`: without a public key (PEM) a pair is made."""

    api_key: str
    name: str
    inbound_url: str
    status_url: str | None = None
    public_key: str | None = None


class ApplicationCreated(msgspec.Struct, frozen=True, kw_only=True):
    """A new application; `private_key` is shown this once, where it was made here."""

    id: str
    api_key: str
    name: str
    inbound_url: str
    status_url: str | None
    private_key: str | None


class DeleteApplication(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`applications.delete`."""

    id: str


class ApplicationDeleted(msgspec.Struct, frozen=True, kw_only=True):
    """What is no more; so many `accounts` lost their link to it."""

    id: str
    api_key: str
    name: str
    accounts: int
