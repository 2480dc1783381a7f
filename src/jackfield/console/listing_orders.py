"""What the commands that look at accounts and applications take and give, as JSON."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from jackfield.accounts import Provider, Standing
from jackfield.console.orders import Order


class ListAccounts(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`accounts.list`: a page in the order they were made, behind `after`."""

    api_key: str | None = None
    provider: Provider | None = None
    after: str = ""
    limit: int = 50


class AccountLine(msgspec.Struct, frozen=True, kw_only=True):
    """One account, without credentials; `application_id` is its link."""

    provider: Provider
    external_id: str
    api_key: str
    name: str | None
    standing: Standing
    application_id: str | None
    created_at: str


class AccountsListed(msgspec.Struct, frozen=True, kw_only=True):
    """A page; `next` is what `after` must be for the following one, None on the last."""

    accounts: Sequence[AccountLine]
    next: str | None


class ShowAccount(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`accounts.show`."""

    provider: Provider
    external_id: str


class AccountShown(AccountLine, frozen=True, kw_only=True):
    """One account with how many of its messages wait: for somebody, and for their turn.

    `routing_key` is what its provider's callbacks name it by; `provider_app` the one that its
    credentials name, if they do.
    """

    routing_key: str
    provider_app: str | None
    version: int
    link_version: int
    held: int
    pending: int


class ListApplications(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`applications.list`: a page in the order they were made, behind `after`."""

    api_key: str | None = None
    after: str = ""
    limit: int = 50


class ApplicationLine(msgspec.Struct, frozen=True, kw_only=True):
    """One application; `webhook_version` is None where it hears no messages."""

    id: str
    api_key: str
    name: str
    webhook_version: str | None
    inbound_url: str | None
    status_url: str | None
    created_at: str


class ApplicationsListed(msgspec.Struct, frozen=True, kw_only=True):
    """A page; `next` is what `after` must be for the following one, None on the last."""

    applications: Sequence[ApplicationLine]
    next: str | None


class ShowApplication(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`applications.show`."""

    id: str


class ApplicationShown(ApplicationLine, frozen=True, kw_only=True):
    """One application with how many accounts it hears."""

    version: int
    has_public_key: bool
    accounts: int
