"""How applications and pages of them look as JSON (wire contract 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from jackfield.api.http import JSON_CONTENT, Response
from jackfield.api.representations import LinkBody
from jackfield.api.versions import etag
from jackfield.applications import Application, ApplicationPage

APPLICATIONS_PATH: Final = "/v2/applications"

_encoder = msgspec.json.Encoder()


class ApplicationDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an application's `document` keeps: members that have no rule here, as given."""

    privacy: dict[str, Any] | None = None
    capabilities: dict[str, Any] = {}
    messages: dict[str, Any] = {}


class ApplicationPageBody(msgspec.Struct, frozen=True):
    """One page of applications; unlike that of accounts, `_embedded` names what it holds."""

    page_size: int
    page: int
    total_items: int
    total_pages: int
    embedded: dict[str, list[dict[str, object]]] = msgspec.field(name="_embedded")
    links: dict[str, LinkBody] = msgspec.field(name="_links")


_document = msgspec.json.Decoder(ApplicationDocument)


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
    """Return the answer that holds one application, with its version as a strong ETag (R23).

    `private_key` is there once, in the answer to the request that made it.
    """
    body = _body(application, private_key=private_key)
    headers = (JSON_CONTENT, etag(application.version))
    return Response(status=status, body=_encoder.encode(body), headers=headers)


def application_page_response(
    page: ApplicationPage, *, page_number: int, page_size: int
) -> Response:
    """Return the answer that holds one page; its links are relative.

    `next` is left out on the last page and `prev` on the first; of a page past the end, `prev`
    is the last one there is. No applications are one empty page: the publisher's Python client
    asks for another one until it was given the page whose number is `total_pages`.
    """
    last = max(-(-page.total // page_size), 1)
    numbers = {"self": page_number, "first": 1, "last": last}
    if page_number > 1:
        numbers["prev"] = min(page_number - 1, last)
    if page_number < last:
        numbers["next"] = page_number + 1
    start = f"{APPLICATIONS_PATH}?page_size={page_size}&page="
    body = ApplicationPageBody(
        page_size=page_size,
        page=page_number,
        total_items=page.total,
        total_pages=last,
        embedded={"applications": [_body(each) for each in page.applications]},
        links={name: LinkBody(f"{start}{number}") for name, number in numbers.items()},
    )
    return Response(body=_encoder.encode(body), headers=(JSON_CONTENT,))


def _body(application: Application, *, private_key: str | None = None) -> dict[str, object]:
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
    return body


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
