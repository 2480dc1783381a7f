"""What the commands that make, link and delete accounts take and give, as JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from jackfield.accounts import Provider, Standing
from jackfield.console.orders import Order


class CreateAccount(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`accounts.create`: `credentials` and `access_token` as the API takes them."""

    provider: Provider
    external_id: str
    api_key: str
    name: str | None = None
    access_token: str | None = None
    credentials: dict[str, Any] | None = None


class AccountCreated(msgspec.Struct, frozen=True, kw_only=True):
    """A new account, linked to nothing."""

    provider: Provider
    external_id: str
    api_key: str
    name: str | None
    standing: Standing


class LinkAccount(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`accounts.link`: to an application of the account's own tenant."""

    provider: Provider
    external_id: str
    application_id: str


class AccountLinked(msgspec.Struct, frozen=True, kw_only=True):
    """Who hears the account now; `held` messages waited for that."""

    provider: Provider
    external_id: str
    api_key: str
    application_id: str
    standing: Standing
    held: int


class UnlinkAccount(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`accounts.unlink`: from the application it is linked to."""

    provider: Provider
    external_id: str


class AccountUnlinked(msgspec.Struct, frozen=True, kw_only=True):
    """Which application hears the account no more."""

    provider: Provider
    external_id: str
    api_key: str
    application_id: str


class DeleteAccount(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`accounts.delete`."""

    provider: Provider
    external_id: str


class AccountDeleted(msgspec.Struct, frozen=True, kw_only=True):
    """What is no more; so many messages were `held` and `pending`, and are dead now."""

    provider: Provider
    external_id: str
    api_key: str
    application_id: str | None
    held: int
    pending: int
