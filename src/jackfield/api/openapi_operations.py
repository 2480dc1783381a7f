"""Every operation there is, with what it takes and what it answers, for the document."""

from __future__ import annotations

from typing import Final

from jackfield.api.account_pages import LARGEST_PAGE, LAST_PAGE
from jackfield.api.application_bodies import APPLICATIONS_PATH
from jackfield.api.openapi_accounts import account_operations
from jackfield.api.openapi_deliveries import delivery_operations
from jackfield.api.openapi_operation import Operation, query, whole
from jackfield.api.openapi_refusal import Schema
from jackfield.api.openapi_schemas import ref
from jackfield.api.representations import ACCOUNTS_PATH

APPLICATIONS: Final = "Applications"
WEBHOOKS: Final = "Provider webhooks"
OPERATIONS: Final = "Operations"

_ONE: Final = APPLICATIONS_PATH + "/{application_id}"
_SECRET: Final[tuple[Schema, ...]] = ({"basic": []},)
_OPERATOR: Final[tuple[Schema, ...]] = ({}, {"operations": []})

_APPLICATION: Final = (
    "ApplicationUnauthorized",
    "ApplicationWrongMethod",
    "ApplicationNotAcceptable",
    "ApplicationBug",
    "ApplicationUnavailable",
)
_DESCRIBED: Final = (
    "ApplicationInvalid",
    "ApplicationTooSlow",
    "ApplicationTooLarge",
    "ApplicationNotJson",
)
_WEBHOOK: Final = ("PlainNotFound", "PlainWrongMethod", "PlainBug", "PlainUnavailable")
_WELL: Final = ("PlainWrongMethod", "PlainBug")


def operations() -> list[Operation]:
    """Return every operation, in the order of the document."""
    return [
        *account_operations(),
        *_all_applications(),
        *_one_application(),
        *delivery_operations(),
        *_webhooks(),
        *_operations(),
    ]


def _all_applications() -> list[Operation]:
    number = query("page", whole(LAST_PAGE, 1), "Which page, from 1.")
    size = query("page_size", whole(LARGEST_PAGE, 10), "Applications on a page.")
    listed = Operation(
        method="GET",
        path=APPLICATIONS_PATH,
        route=APPLICATIONS_PATH + "/?",
        name="listApplication",
        tag=APPLICATIONS,
        summary="List your applications",
        answer=ref("ApplicationPage"),
        parameters=(number, size),
        security=_SECRET,
        refusals=(*_APPLICATION, "ApplicationListInvalid"),
    )
    return [listed, _made_application()]


def _made_application() -> Operation:
    return Operation(
        method="POST",
        path=APPLICATIONS_PATH,
        route=APPLICATIONS_PATH + "/?",
        name="createApplication",
        tag=APPLICATIONS,
        summary="Create an application",
        status=201,
        answer=ref("Application"),
        has_version=True,
        body=ref("ApplicationDescription"),
        parameters=("idempotency_key",),
        security=_SECRET,
        refusals=(*_APPLICATION, *_DESCRIBED, "ApplicationKeyInUse", "ApplicationKeyReused"),
    )


def _one_application() -> list[Operation]:
    path, answer = _ONE, ref("Application")
    return [
        Operation(
            method="GET",
            path=path,
            name="getApplication",
            tag=APPLICATIONS,
            summary="Retrieve an application",
            answer=answer,
            has_version=True,
            parameters=("application_id",),
            security=_SECRET,
            refusals=(*_APPLICATION, "ApplicationNotFound"),
        ),
        Operation(
            method="PUT",
            path=path,
            name="updateApplication",
            tag=APPLICATIONS,
            summary="Replace an application: what is left out is taken away",
            answer=answer,
            has_version=True,
            body=ref("ApplicationDescription"),
            parameters=("application_id", "if_match"),
            security=_SECRET,
            refusals=(*_APPLICATION, *_DESCRIBED, "ApplicationNotFound", "ApplicationStale"),
        ),
        _deleted_application(),
    ]


def _deleted_application() -> Operation:
    return Operation(
        method="DELETE",
        path=_ONE,
        name="deleteApplication",
        tag=APPLICATIONS,
        summary="Delete an application, and its links",
        status=204,
        parameters=("application_id", "if_match"),
        security=_SECRET,
        refusals=(*_APPLICATION, "ApplicationNotFound", "ApplicationStale"),
    )


def _webhooks() -> list[Operation]:
    path = "/webhooks/{kind}/{name}"
    word: Schema = {"type": "string"}
    hub = ("mode", "verify_token", "challenge")
    handshake = [query(f"hub.{name}", word, "The provider sends it.") for name in hub]
    signed: Schema = {
        "name": "X-Hub-Signature-256",
        "in": "header",
        "required": True,
        "description": "`sha256=` and the HMAC of the body.",
        "schema": word,
    }
    return [
        Operation(
            method="GET",
            path=path,
            name="answerChallenge",
            tag=WEBHOOKS,
            summary="Answer a provider's handshake",
            answer=word,
            content_type="text/plain",
            parameters=("kind", "name", *handshake),
            refusals=(*_WEBHOOK, "PlainInvalid", "PlainVerifyForbidden"),
        ),
        Operation(
            method="POST",
            path=path,
            name="receiveWebhook",
            tag=WEBHOOKS,
            summary="Take what a provider sends; 200 once it is stored",
            body={"type": "object"},
            parameters=("kind", "name", signed),
            refusals=(*_WEBHOOK, "PlainUnauthorized", "PlainTooSlow", "PlainTooLarge"),
        ),
    ]


def _operations() -> list[Operation]:
    reasons = {"type": "array", "items": {"type": "string"}}
    waiting = _says("not ready")
    waiting["properties"]["reasons"] = reasons | {"description": "To the operator only."}
    ready = _says("ready")
    ready["properties"]["warnings"] = reasons | {"description": "To the operator only."}
    return [
        _well("/healthz", "isAlive", "Whether it runs", _says("ok")),
        _well("/readyz", "isReady", "Whether it can serve", ready, (503, waiting)),
        _well(ACCOUNTS_PATH + "/ping", "ping", "Whether it runs", _says("ok")),
        Operation(
            method="GET",
            path="/metrics",
            name="getMetrics",
            tag=OPERATIONS,
            summary="What was counted, for Prometheus; to the operator",
            answer={"type": "string"},
            content_type="text/plain",
            security=_OPERATOR,
            refusals=(*_WELL, "PlainMetricsForbidden"),
        ),
        _well("/openapi.json", "getDocument", "This document", {"type": "object"}),
        Operation(
            method="GET",
            path="/docs",
            name="getPage",
            tag=OPERATIONS,
            summary="This document, to read",
            answer={"type": "string"},
            content_type="text/html",
            refusals=_WELL,
        ),
    ]


def _well(
    path: str, name: str, summary: str, answer: Schema, *more: tuple[int, Schema]
) -> Operation:
    refusals = ("AccountWrongMethod", "AccountBug") if path.startswith(ACCOUNTS_PATH) else _WELL
    return Operation(
        method="GET",
        path=path,
        name=name,
        tag=OPERATIONS,
        summary=summary,
        answer=answer,
        more=more,
        refusals=refusals,
    )


def _says(status: str) -> Schema:
    return {
        "type": "object",
        "properties": {"status": {"const": status}},
        "required": ["status"],
        "additionalProperties": False,
    }
