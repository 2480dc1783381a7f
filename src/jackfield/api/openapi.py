"""The document of the API in OpenAPI 3.1, made from the route table and the types."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from typing import Final

import msgspec

import jackfield
from jackfield.api.docs_page import page, policy
from jackfield.api.http import JSON_CONTENT, Header, Request, Response
from jackfield.api.openapi_accounts import ACCOUNTS
from jackfield.api.openapi_deliveries import DELIVERIES
from jackfield.api.openapi_errors import REFUSALS
from jackfield.api.openapi_operation import Operation
from jackfield.api.openapi_operations import (
    APPLICATIONS,
    OPERATIONS,
    WEBHOOKS,
    operations,
)
from jackfield.api.openapi_parameters import headers, parameters
from jackfield.api.openapi_refusal import Schema
from jackfield.api.openapi_schemas import schemas

_ABOUT: Final = (
    "The External Accounts API and the Application API as they are published, and beside them "
    "what this gateway adds: every kind of account can be made, changed and deleted; answers "
    "carry a version for If-Match; a POST that lists Idempotency-Key can be sent again with one. "
    "A collection answers with and without a slash at its end; HEAD answers as GET does, without "
    "a body."
)
_TAGS: Final = {
    ACCOUNTS: "Chat accounts, and which application hears each. A key and its secret, or an "
    "application's token. Accept and Content-Type are not looked at: all is JSON.",
    APPLICATIONS: "Who receives, where, and the keys they call with. A key and its secret only.",
    DELIVERIES: "What came of your messages: what was tried, why they wait, and sending them "
    "again. A key and its secret for all that is yours, or an application's token for its own. "
    "A member or a query parameter that is not known here is refused (400), and named. "
    "To rebind, pause or resume twice is as good as once, so they need no Idempotency-Key and do "
    "not look at one. Replays and tests can send twice and keep no answer: they refuse one (400).",
    WEBHOOKS: "Where the providers call, one path for each of the operator's apps.",
    OPERATIONS: "What an operator's machines ask.",
}


async def answer_document(request: Request) -> Response:  # noqa: ARG001 - every handler takes one
    """Return the document as JSON; it is made once, at the first question."""
    body = _encoded()
    return Response(body=body, headers=(JSON_CONTENT, *_kept(body)))


async def answer_page(request: Request) -> Response:  # noqa: ARG001 - every handler takes one
    """Return the document as a page, which needs nothing from anywhere else."""
    body = _page()
    headers: tuple[Header, ...] = (
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-security-policy", policy(body)),
        (b"referrer-policy", b"no-referrer"),
    )
    return Response(body=body, headers=(*headers, *_kept(body)))


def check(routes: Iterable[tuple[str, str]]) -> None:
    """Raise ValueError when these methods and templates are not exactly the documented ones."""
    there, told = set(routes), {each.row for each in operations()}
    if there != told:
        raise ValueError(f"routes and document differ: {sorted(there ^ told)}")


@cache
def document() -> Schema:
    """Return the whole document; it is not to be changed."""
    paths: dict[str, Schema] = {}
    for each in operations():
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Jackfield",
            "version": jackfield.__version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "responses": {name: refusal.response() for name, refusal in REFUSALS.items()},
            "parameters": parameters(),
            "headers": headers(),
            "securitySchemes": _schemes(),
        },
    }


def _operation(operation: Operation) -> Schema:
    said: Schema = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "security": list(operation.security),
        "responses": _responses(operation),
    }
    if operation.parameters:
        said["parameters"] = [
            {"$ref": f"#/components/parameters/{each}"} if isinstance(each, str) else each
            for each in operation.parameters
        ]
    if operation.body is not None:
        content = {"application/json": {"schema": operation.body}}
        said["requestBody"] = {"required": operation.needs_body, "content": content}
    return said


def _responses(operation: Operation) -> Schema:
    names = ["X-Request-Id"] + (["ETag"] if operation.has_version else [])
    names += ["Idempotent-Replayed"] if "idempotency_key" in operation.parameters else []
    told = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    success: Schema = {"description": "Done.", "headers": told}
    if operation.answer is not None:
        success["content"] = {operation.content_type: {"schema": operation.answer}}
    responses: Schema = {str(operation.status): success}
    for status, schema in operation.more:
        content = {operation.content_type: {"schema": schema}}
        responses[str(status)] = {"description": "Not now.", "content": content}
    for name in sorted(operation.refusals, key=lambda name: REFUSALS[name].status):
        response = {"$ref": f"#/components/responses/{name}"}
        responses[str(REFUSALS[name].status)] = response
    return dict(sorted(responses.items()))


def _schemes() -> Schema:
    return {
        "basic": {
            "type": "http",
            "scheme": "basic",
            "description": "An API key and one of its secrets.",
        },
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An application's token, signed RS256 with its private key.",
        },
        "operations": {
            "type": "http",
            "scheme": "bearer",
            "description": "The operations token; not needed from the gateway's own machine.",
        },
    }


@cache
def _encoded() -> bytes:
    return msgspec.json.encode(document())


@cache
def _page() -> bytes:
    return page(document()).encode()


def _kept(body: bytes) -> tuple[Header, ...]:
    tag = hashlib.sha256(body).hexdigest()[:32].encode()
    return ((b"etag", b'"%b"' % tag), (b"cache-control", b"no-cache"))
