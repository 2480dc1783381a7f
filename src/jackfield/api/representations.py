"""How accounts and pages of them look as JSON."""

from __future__ import annotations

from typing import Final

import msgspec

from jackfield.accounts import Account, Provider
from jackfield.api.http import JSON_CONTENT, Response
from jackfield.api.versions import etag

ACCOUNTS_PATH: Final = "/beta/chatapp-accounts"

_encoder = msgspec.json.Encoder()


class AccountBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """One account (wire contract 1.3).

    `applications` has no or one entry; `name` is left out when unset, `access_token` for
    every provider but Messenger. `credentials` are never shown.
    """

    external_id: str
    api_key: str
    provider: Provider
    applications: tuple[str, ...]
    name: str | None = None
    access_token: str | None = None


class LinkBody(msgspec.Struct, frozen=True):
    """Where something is."""

    href: str


class AccountPageBody(msgspec.Struct, frozen=True):
    """One page of accounts; `_embedded` is the array itself (wire contract 1.4, ruling R10)."""

    page_number: int
    page_size: int
    total_items: int
    total_pages: int
    embedded: list[AccountBody] = msgspec.field(name="_embedded")
    links: dict[str, LinkBody] = msgspec.field(name="_links")


def account_body(account: Account, *, access_token: str | None) -> AccountBody:
    """Return how `account` looks; `access_token` is what its owner is shown of it."""
    return AccountBody(
        external_id=account.external_id,
        api_key=account.api_key,
        provider=account.provider,
        applications=() if account.application_id is None else (account.application_id,),
        name=account.name,
        access_token=access_token,
    )


def account_response(body: AccountBody, *, version: int, status: int = 200) -> Response:
    """Return the answer that holds one account, with its version as a strong ETag (R23)."""
    return Response(
        status=status,
        body=_encoder.encode(body),
        headers=(JSON_CONTENT, etag(version)),
    )
