"""How accounts, applications and pages of them look as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from jackfield.accounts import Account, AccountPage, Provider
from jackfield.api.http import JSON_CONTENT, Response
from jackfield.applications import Application

ACCOUNTS_PATH: Final = "/beta/chatapp-accounts"
APPLICATIONS_PATH: Final = "/v2/applications"

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


class ApplicationDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an application's `document` keeps: members that have no rule here, as given."""

    privacy: dict[str, Any] | None = None
    capabilities: dict[str, Any] = {}
    messages: dict[str, Any] = {}


_document = msgspec.json.Decoder(ApplicationDocument)


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
        headers=(JSON_CONTENT, (b"etag", b'"%d"' % version)),
    )


def account_page_response(
    bodies: Sequence[AccountBody],
    *,
    page: AccountPage,
    page_number: int,
    page_size: int,
    provider: Provider | None,
    base: str,
) -> Response:
    """Return the answer that holds one page; `base` begins its links, such as `https://host`.

    `next` is left out on the last page and `prev` on the first; of a page past the end, `prev`
    is the last one there is.
    """
    total_pages = -(-page.total // page_size)
    last = max(total_pages, 1)
    numbers = {"self": page_number, "first": 1, "last": last}
    if page_number > 1:
        numbers["prev"] = min(page_number - 1, last)
    if page_number < last:
        numbers["next"] = page_number + 1
    rest = f"&page_size={page_size}" + (f"&provider={provider}" if provider else "")
    start = f"{base}{ACCOUNTS_PATH}?page_number="
    body = AccountPageBody(
        page_number=page_number,
        page_size=page_size,
        total_items=page.total,
        total_pages=total_pages,
        embedded=list(bodies),
        links={name: LinkBody(f"{start}{number}{rest}") for name, number in numbers.items()},
    )
    return Response(body=_encoder.encode(body), headers=(JSON_CONTENT,))


def application_document(
    *,
    privacy: Mapping[str, object] | None,
    capabilities: Mapping[str, object],
    messages: Mapping[str, object],
) -> bytes:
    """Return what is kept of an application as given.

    `capabilities` are those beside messages, `messages` the members of that one which have
    no rule here.
    """
    document = ApplicationDocument(
        privacy=None if privacy is None else dict(privacy),
        capabilities=dict(capabilities),
        messages=dict(messages),
    )
    return _encoder.encode(document)


def application_response(
    application: Application, *, private_key: str | None = None, status: int = 200
) -> Response:
    """Return the answer that holds one application (wire contract 3).

    `private_key` is there once, in the answer to the request that made it.
    """
    document = _document.decode(application.document)
    keys = {"public_key": application.public_key, "private_key": private_key}
    body: dict[str, object] = {
        "id": application.id,
        "name": application.name,
        "keys": {name: key for name, key in keys.items() if key is not None},
    }
    if document.privacy is not None:
        body["privacy"] = document.privacy
    messages = _messages(application, document.messages)
    body["capabilities"] = {**document.capabilities, **messages}
    body["_links"] = {"self": {"href": f"{APPLICATIONS_PATH}/{application.id}"}}
    return Response(status=status, body=_encoder.encode(body), headers=(JSON_CONTENT,))


def _messages(application: Application, rest: Mapping[str, object]) -> dict[str, object]:
    if application.webhook_version is None:
        return {}
    addresses = {"inbound_url": application.inbound_url, "status_url": application.status_url}
    webhooks = {
        name: {"address": address, "http_method": "POST"}
        for name, address in addresses.items()
        if address is not None
    }
    known = {"version": application.webhook_version, "webhooks": webhooks}
    return {"messages": {**rest, **known}}
