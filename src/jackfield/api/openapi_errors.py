"""Every answer that refuses, as OpenAPI has it, with its constant words.

The words stand here a second time, on purpose: a document made from `problem_details.py` would
repeat whatever went wrong there, and nobody who checks answers against it would notice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from jackfield.api.openapi_refusal import INSTANCE, TEXT, Refusal, Schema, Words, exactly, faults

_STALE: Final = "It was changed since you read it: read it again, then decide."
_RUNNING: Final = (
    "The first request with this Idempotency-Key is still running: send it again shortly."
)
_REUSED: Final = (
    "This Idempotency-Key was used with another body: take a new key for a new request."
)
_MESSAGES: Final = "https://www.nexmo.com/messages/Errors#"
_NO_ACCESS: Final = exactly(
    title="Wrong authentication - You are not authorised to access this resource"
)
_ACCOUNTS: Final = Words(
    "Account",
    _MESSAGES,
    shown={
        "WrongMethod": (405, "WrongVerb", "Method not allowed"),
        "TooSlow": (408, "Timeout", "Request timeout"),
        "KeyInUse": (409, "IdempotencyKeyInUse", "Idempotency key in use"),
        "Stale": (412, "PreconditionFailed", "Precondition failed"),
        "TooLarge": (413, "TooLarge", "Request too large"),
        "KeyReused": (422, "IdempotencyKeyReused", "Idempotency key reused"),
        "Bug": (500, "InternalError", "Internal error"),
        "Unavailable": (503, "Unavailable", "Service unavailable"),
    },
)


def _forbidden(detail: str) -> Schema:
    return exactly(type=_MESSAGES + "Forbidden", title="Forbidden", detail=detail)


def _conflict(
    description: str,
    detail: str | Schema,
    *others: Schema,
    title: str = "Application conflict",
) -> Refusal:
    body = exactly(type=_MESSAGES + "Conflict", title=title, detail=detail)
    return Refusal(status=409, description=description, bodies=(body, *others))


def _keyed(words: Words) -> dict[str, Refusal]:
    """Return what a request with an Idempotency-Key may be told beside the rest."""
    return dict(
        (
            words.refusal("KeyInUse", "The first request with this key still runs.", _RUNNING),
            words.refusal("KeyReused", "This key was used with another body.", _REUSED),
        )
    )


_INVALID = exactly(
    type=_MESSAGES + "InvalidParams",
    title="Your request parameters didn't validate.",
    detail={
        "type": "string",
        "pattern": "^Found errors validating [1-9][0-9]* of your submitted parameters\\.$",
        "examples": ["Found errors validating 1 of your submitted parameters."],
    },
    instance=INSTANCE,
    invalid_params=faults(),
)
_UNKNOWN = exactly(
    title="Unauthorised", detail="Request header 'Authorization' missing / Invalid Token"
)

_ACCOUNT_REFUSALS: Final[dict[str, Refusal]] = {
    "AccountInvalid": Refusal(
        status=400,
        description="What was sent cannot be used; each fault by name.",
        bodies=(_INVALID,),
    ),
    "AccountUnauthorised": Refusal(
        status=401,
        description="Who is calling is not known.",
        bodies=(_UNKNOWN,),
        headers=("WWW-Authenticate",),
    ),
    "AccountForbidden": Refusal(
        status=403,
        description="Not yours, or not on the token's access list.",
        bodies=(_NO_ACCESS,),
    ),
    "AccountLinkForbidden": Refusal(
        status=403,
        description="Not yours, not on the token's access list, or the application is missing "
        "or has no messages capability.",
        bodies=(_NO_ACCESS, _forbidden("Cannot link application")),
    ),
    "AccountUnlinkForbidden": Refusal(
        status=403,
        description="Not on the token's access list, or the application is another owner's.",
        bodies=(_NO_ACCESS, _forbidden("Cannot unlink application")),
    ),
    "AccountNotFound": Refusal(status=404, description="No such account. The body is empty."),
    **_keyed(_ACCOUNTS),
    "AccountLinkConflict": _conflict(
        "It holds a link already, or the first request with this Idempotency-Key still runs.",
        "Unable to link application",
        *_ACCOUNTS.refusal("KeyInUse", "", _RUNNING)[1].bodies,
    ),
    "AccountUnlinkConflict": _conflict(
        "It is not linked to that one.", "Unable to unlink application"
    ),
    **dict([_ACCOUNTS.refusal("Stale", "If-Match names another version.", _STALE)]),
    **_ACCOUNTS.common(1 << 20),
}


def _not_found(detail: str) -> Refusal:
    body = exactly(
        type=_MESSAGES + "NotFound", title="Not found", detail=detail, instance=INSTANCE
    )
    return Refusal(status=404, description="Nothing of yours by that name.", bodies=(body,))


_DELIVERY_REFUSALS: Final[dict[str, Refusal]] = {
    "DeliveryNotFound": _not_found(
        "No delivery of yours has this id: `GET /v1/deliveries` lists those that are yours."
    ),
    "TestNotFound": _not_found(
        "No application of yours has this id: `GET /v2/applications` lists those that are yours. "
        "A token may test its own application only."
    ),
    "DestinationNotFound": _not_found(
        "Nothing of yours hears at this URL, written just so, and `GET /v1/destinations` does "
        "not list it. `GET /v2/applications` shows where your applications hear."
    ),
    "DeliveryConflict": _conflict(
        "It is still on its way, or nobody would hear it.",
        TEXT | {"examples": ["It is still on its way, so there is nothing to replay."]},
        title="Delivery conflict",
    ),
    "TestConflict": _conflict(
        "The application has no inbound URL.",
        "The application hears no messages: give it a messages capability with an inbound URL "
        "first.",
    ),
}

_ERRORS: Final = "https://developer.nexmo.com/api-errors"
_FAULTY: Final = "The request failed due to validation errors"
_ONLY_JSON: Final = "Invalid {} header provided. Must be one of the following: 'application/json'"
_APPLICATIONS: Final = Words(
    "Application",
    _ERRORS,
    shown={
        "Unauthorized": (401, "#unauthorized", "Invalid credentials supplied"),
        "NotFound": (404, "#not-found", "Not Found"),
        "WrongMethod": (405, "#wrong-verb", "Method Not Allowed"),
        "NotAcceptable": (406, "#accept-header", "Invalid Accept header"),
        "TooSlow": (408, "#timeout", "Request Timeout"),
        "KeyInUse": (409, "#idempotency-key-in-use", "Idempotency Key In Use"),
        "Stale": (412, "#precondition-failed", "Precondition Failed"),
        "TooLarge": (413, "#too-large", "Request Too Large"),
        "NotJson": (415, "#content-type-header", "Invalid Content-Type header"),
        "KeyReused": (422, "#idempotency-key-reused", "Idempotency Key Reused"),
        "Bug": (500, "#internal-error", "Internal Error"),
        "Unavailable": (503, "#unavailable", "Service Unavailable"),
    },
)


def _application_fault(kind: str) -> Refusal:
    body = exactly(
        type=f"{_ERRORS}/application#{kind}",
        title="Bad Request",
        detail=_FAULTY,
        instance=INSTANCE,
        invalid_parameters=faults(),
    )
    what = "What was sent cannot be used; each fault by name."
    return Refusal(status=400, description=what, bodies=(body,))


_APPLICATION_REFUSALS: Final[dict[str, Refusal]] = {
    "ApplicationInvalid": _application_fault("payload-validation"),
    "ApplicationListInvalid": _application_fault("list-validation"),
    **dict(
        (
            _APPLICATIONS.refusal(
                "Unauthorized",
                "Not one known key and secret.",
                "You did not provide correct credentials.",
                "WWW-Authenticate",
            ),
            _APPLICATIONS.refusal(
                "NotFound",
                "No such application, or another owner's.",
                {
                    "type": "string",
                    "pattern": "^ID '[\\s\\S]*' does not exist, or you do not have access$",
                    "examples": ["ID '78d335fa' does not exist, or you do not have access"],
                },
            ),
        )
    ),
    **_keyed(_APPLICATIONS),
    **dict(
        (
            _APPLICATIONS.refusal(
                "NotAcceptable", "Accept excludes JSON.", _ONLY_JSON.format("Accept")
            ),
            _APPLICATIONS.refusal("Stale", "If-Match names another version.", _STALE),
            _APPLICATIONS.refusal(
                "NotJson", "A body that is not JSON.", _ONLY_JSON.format("Content-Type")
            ),
        )
    ),
    **_APPLICATIONS.common(1 << 20),
}

_PLAIN: Final = Words(
    "Plain",
    content_type="application/problem+json",
    shown={
        "Unauthorized": (401, "", "Unauthorized"),
        "VerifyForbidden": (403, "", "Forbidden"),
        "MetricsForbidden": (403, "", "Forbidden"),
        "WrongMethod": (405, "", "Method Not Allowed"),
        "TooSlow": (408, "", "Request Timeout"),
        "TooLarge": (413, "", "Request Too Large"),
        "Bug": (500, "", "Internal Error"),
        "Unavailable": (503, "", "Service Unavailable"),
    },
)

_PLAIN_INVALID = exactly(
    title="Bad Request",
    detail=TEXT | {"examples": ["A NUL character cannot be used"]},
    status=400,
    instance=INSTANCE,
    invalid_parameters=faults(),
)
_PLAIN_NOT_FOUND = exactly(title="Not Found", status=404, instance=INSTANCE)

_PLAIN_REFUSALS: Final[dict[str, Refusal]] = {
    "PlainInvalid": Refusal(
        status=400,
        description="The query cannot be used.",
        bodies=(_PLAIN_INVALID,),
        content_type=_PLAIN.content_type,
    ),
    "PlainNotFound": Refusal(
        status=404,
        description="No such provider app.",
        bodies=(_PLAIN_NOT_FOUND,),
        content_type=_PLAIN.content_type,
    ),
    **dict(
        (
            _PLAIN.refusal(
                "Unauthorized",
                "The signature does not fit the body.",
                "The signature is missing or wrong.",
                "WWW-Authenticate",
            ),
            _PLAIN.refusal(
                "VerifyForbidden",
                "The handshake is not one.",
                "The verify token is not the one this provider app was given.",
            ),
            _PLAIN.refusal(
                "MetricsForbidden",
                "For the operator only.",
                "Ask from this machine, or with the operations token as Bearer token.",
            ),
        )
    ),
    **_PLAIN.common(8 << 20),
}

REFUSALS: Final[Mapping[str, Refusal]] = (
    _ACCOUNT_REFUSALS | _DELIVERY_REFUSALS | _APPLICATION_REFUSALS | _PLAIN_REFUSALS
)
"""By the name that the document has for it."""
