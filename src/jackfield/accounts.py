"""Accounts: the chat accounts people write to, each owned by one tenant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from jackfield.clock import Moment
from jackfield.sealing import Place
from jackfield.units import Unit


class Provider(StrEnum):
    """The four kinds of account, in the words of the External Accounts API."""

    MESSENGER = "messenger"
    VIBER = "viber_service_msg"
    WHATSAPP = "whatsapp"
    RCS = "rcs"


class Standing(StrEnum):
    """How sure it is that an account is its owner's."""

    CLAIMED = "claimed"  # nobody confirmed it: what people write is held
    VOUCHED = "vouched"  # the operator said so
    PROVED = "proved"  # the provider confirmed credential and identity


@dataclass(frozen=True, slots=True)
class Draft:
    """An account about to be registered; `credentials` is sealed JSON."""

    provider: Provider
    external_id: str
    routing_key: str
    api_key: str
    name: str | None
    standing: Standing
    provider_app_id: int | None
    credentials: bytes | None
    application_id: str | None
    created_at: Moment


@dataclass(frozen=True, slots=True)
class Account:
    """One chat account. `routing_key` is what the provider's callbacks name it by."""

    id: int
    provider: Provider
    external_id: str
    routing_key: str
    api_key: str
    name: str | None
    standing: Standing
    provider_app_id: int | None
    credentials: bytes | None
    application_id: str | None
    link_version: int
    version: int


@dataclass(frozen=True, slots=True)
class AccountPage:
    """One page of a tenant's accounts, in the order they were made, and how many there are.

    `has_more` says whether there are others beyond it, in the direction it was read.
    """

    accounts: Sequence[Account]
    total: int
    has_more: bool


class Accounts(Protocol):
    """What is asked of the accounts' table."""

    def add(self, draft: Draft) -> Unit[Account | None]:
        """Store a new account; None when its external id or its routing key is taken."""
        ...

    def find(self, provider: Provider, external_id: str) -> Unit[Account | None]:
        """Return the account, whoever owns it, or None."""
        ...

    def page(
        self,
        api_key: str,
        *,
        provider: Provider | None,
        limit: int,
        offset: int = 0,
        after: int | None = None,
    ) -> Unit[AccountPage]:
        """Return `limit` accounts of one tenant after the first `offset` with an id over `after`.

        From the start costs what `offset` says; `after` costs the same wherever it stands.
        """
        ...

    def page_before(
        self, api_key: str, *, provider: Provider | None, limit: int, before: int
    ) -> Unit[AccountPage]:
        """Return the last `limit` accounts of one tenant with an id under `before`."""
        ...

    def change(self, account: Account, changed: Account) -> Unit[Account | None]:
        """Store what is not the same in `changed`; None when somebody was quicker.

        That is when the account no longer has the version or the credentials of `account`. A
        link that was not there before lets held messages go out.
        """
        ...

    def delete(self, account: Account, *, now: Moment) -> Unit[bool]:
        """Delete the account, and give up what is still owed because of it.

        Nothing of it is sent any more; where it is much, it is dead slice by slice.
        False, and nothing happens, when it no longer has the version of `account`.
        """
        ...

    def vouch(self, account_id: int) -> Unit[Account]:
        """Raise a claimed account to vouched. Held messages may then go out."""
        ...


def credentials_place(provider: Provider, external_id: str) -> Place:
    """Return where an account's sealed credentials live, and open."""
    return Place("accounts", f"{provider}/{external_id}", "credentials")
