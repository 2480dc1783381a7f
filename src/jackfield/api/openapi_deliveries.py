"""The operations on deliveries and their URLs, for the document."""

from __future__ import annotations

from typing import Final

from jackfield.accounts import Provider
from jackfield.api.application_fields import LONGEST_URL
from jackfield.api.deliveries import LARGEST_PAGE
from jackfield.api.delivery_bodies import (
    DELIVERIES_PATH,
    DESTINATIONS_PATH,
    TESTS_PATH,
)
from jackfield.api.delivery_fields import LONGEST_CURSOR, LONGEST_ID, LONGEST_TIME, REASONS
from jackfield.api.openapi_accounts import EITHER
from jackfield.api.openapi_operation import Operation, query, whole
from jackfield.api.openapi_refusal import Schema
from jackfield.api.openapi_schemas import members, nullable, ref
from jackfield.delivery.records import State

DELIVERIES: Final = "Deliveries"

_ONE: Final = DELIVERIES_PATH + "/{delivery_id}"
_COMMON: Final = (
    "AccountUnauthorised",
    "AccountForbidden",
    "AccountInvalid",
    "AccountWrongMethod",
    "AccountBug",
    "AccountUnavailable",
)
_SENT: Final = (*_COMMON, "AccountTooSlow", "AccountTooLarge")

_TEXT: Final[Schema] = {"type": "string"}
_ID: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": LONGEST_ID}
_TIME: Final[Schema] = {
    "type": "string",
    "maxLength": LONGEST_TIME,
    "examples": ["2026-01-02T03:04:05Z"],
}
_URL: Final[Schema] = {"type": "string", "maxLength": LONGEST_URL, "format": "uri"}
_AFTER: Final[Schema] = {
    "type": "string",
    "maxLength": LONGEST_CURSOR,
    "description": "The `next` of the answer before.",
}
_NARROW: Final[dict[str, tuple[Schema, str]]] = {
    "provider": ({"enum": [each.value for each in Provider]}, "Of accounts of this kind."),
    "external_id": (_ID, "Of this account; `provider` is needed beside it."),
    "application_id": (_ID, "Bound to this application."),
    "state": ({"enum": [each.value for each in State]}, "In this state."),
    "reason": (
        {"enum": [each.value for each in REASONS]},
        "Why it is held, or was when it died, or else how its last attempt ended.",
    ),
    "from": (_TIME, "Accepted then or later (ISO 8601, UTC where no zone is named)."),
    "until": (_TIME, "Accepted before that."),
}


def delivery_operations() -> list[Operation]:
    """Return the operations on deliveries and destinations, in the order of the document."""
    return [*_looks(), *_replays(), _rebound(), _test(), *_urls()]


def _looks() -> list[Operation]:
    narrow = [query(name, schema, text) for name, (schema, text) in _NARROW.items()]
    size = query("page_size", whole(LARGEST_PAGE, 20), "Deliveries on a page.")
    return [
        Operation(
            method="GET",
            path=DELIVERIES_PATH,
            name="listDeliveries",
            tag=DELIVERIES,
            summary="List your deliveries, newest first",
            answer=ref("DeliveryPageBody"),
            parameters=(*narrow, size, _after()),
            security=EITHER,
            refusals=_COMMON,
        ),
        Operation(
            method="GET",
            path=_ONE,
            name="getDelivery",
            tag=DELIVERIES,
            summary="Show a delivery: what was tried, and why it waits",
            answer=ref("DeliveryShownBody"),
            parameters=(_path("delivery_id"),),
            security=EITHER,
            refusals=(*_COMMON, "DeliveryNotFound"),
        ),
    ]


def _replays() -> list[Operation]:
    told = {"description": "Send copies here instead, and leave the deliveries as they are."}
    to = nullable(_URL | told)
    narrow = {name: _sent(schema, text) for name, (schema, text) in _NARROW.items()}
    narrow["state"] = narrow["state"] | {"default": State.DEAD.value}
    return [
        Operation(
            method="POST",
            path=_ONE + "/replay",
            name="replayDelivery",
            tag=DELIVERIES,
            summary="Send a dead or delivered one again: same id, same message, same bytes",
            answer=ref("DeliveryShownBody"),
            body=_only(to=to),
            needs_body=False,
            parameters=(_path("delivery_id"),),
            security=EITHER,
            refusals=(*_SENT, "DeliveryNotFound", "DeliveryConflict"),
        ),
        Operation(
            method="POST",
            path=DELIVERIES_PATH + "/replay",
            name="replayDeliveries",
            tag=DELIVERIES,
            summary="Send again what is selected, oldest first, a bounded number at a time",
            answer=ref("ReplayedBody"),
            body=_only(**narrow, to=to, dry_run=_DRY_RUN, after=nullable(_AFTER))
            | {"description": _NEEDED},
            security=EITHER,
            refusals=_SENT,
        ),
    ]


def _only(*required: str, **properties: Schema) -> Schema:
    """Return the schema of a body in which whatever is not known is refused."""
    return members(*required, **properties) | {"additionalProperties": False}


def _sent(schema: Schema, text: str) -> Schema:
    """Return the schema of what narrows in a body, where null is as good as left out."""
    described = schema | {"description": text}
    if "enum" in schema:
        return described | {"enum": [*schema["enum"], None]}
    return nullable(described)


_NEEDED: Final = (
    'Something that narrows is needed, for a dry run too: `{"state": "dead"}` means all that is '
    "dead."
)
_DRY_RUN: Final[Schema] = {
    "type": "boolean",
    "default": False,
    "description": "Only count.",
}


def _rebound() -> Operation:
    named = ("provider", "external_id", "application_id")
    narrow = {name: _sent(*_NARROW[name]) for name in named}
    return Operation(
        method="POST",
        path=DELIVERIES_PATH + "/rebind",
        name="rebindDeliveries",
        tag=DELIVERIES,
        summary="Move what waits for an application its account has left to the present one",
        answer=ref("ReboundBody"),
        body=_only(**narrow, dry_run=_DRY_RUN, after=nullable(_AFTER)),
        security=EITHER,
        refusals=_SENT,
    )


def _test() -> Operation:
    return Operation(
        method="POST",
        path=TESTS_PATH + "/{application_id}/test",
        name="testApplication",
        tag=DELIVERIES,
        summary="Send a test event to an application's inbound URL",
        status=202,
        answer=ref("DeliveryShownBody"),
        body=_only(),
        needs_body=False,
        parameters=("application_id",),
        security=EITHER,
        refusals=(*_SENT, "TestNotFound", "TestConflict"),
    )


def _urls() -> list[Operation]:
    size = query("page_size", whole(LARGEST_PAGE, 20), "URLs on a page.")
    listed = Operation(
        method="GET",
        path=DESTINATIONS_PATH,
        name="listDestinations",
        tag=DELIVERIES,
        summary="List your URLs of which something is remembered: paused, down, just back",
        answer=ref("DestinationPageBody"),
        parameters=(size, _after()),
        security=EITHER,
        refusals=_COMMON,
    )
    return [
        listed,
        _changed("pause", "Call a URL no more until it is resumed"),
        _changed("resume", "Call a URL again, gently; what waits gets its 24 hours anew"),
    ]


def _changed(word: str, summary: str) -> Operation:
    return Operation(
        method="POST",
        path=f"{DESTINATIONS_PATH}/{word}",
        name=f"{word}Destination",
        tag=DELIVERIES,
        summary=summary,
        answer=ref("DestinationBody"),
        body=_only("url", url=_URL),
        security=EITHER,
        refusals=(*_SENT, "DestinationNotFound"),
    )


def _path(name: str) -> Schema:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": "A delivery's id: the `webhook-id` its receiver sees.",
        "schema": _TEXT | {"minLength": 1},
    }


def _after() -> Schema:
    return query("after", _AFTER, "The `next` of the page before.")
