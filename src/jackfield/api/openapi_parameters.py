"""The parameters and headers that several operations of the document share."""

from __future__ import annotations

from typing import Final

from jackfield.api.idempotency import LONGEST_KEY
from jackfield.api.openapi_refusal import Schema
from jackfield.api.openapi_schemas import KINDS

_HEADERS: Final[dict[str, str]] = {
    "X-Request-Id": "The id of this request, as in the operator's logs.",
    "ETag": "The version of what is shown, for If-Match.",
    "Idempotent-Replayed": "`true` when this is the answer to an earlier request with this key.",
    "Allow": "The methods this path has.",
    "Retry-After": "Seconds to wait before asking again.",
    "WWW-Authenticate": "The ways to say who is calling.",
}
_SOMETIMES: Final = {"Idempotent-Replayed"}

_IN_PATH: Final[dict[str, str]] = {
    "provider": "The kind of account.",
    "external_id": "A Page's id, a Viber service id, a WhatsApp number (digits only) or an "
    "RCS agent's id, percent-encoded.",
    "application_id": "An application's id.",
    "kind": "The kind of provider app, such as `meta`.",
    "name": "The name the operator gave the provider app.",
}
_VERSIONS: Final = "The version that is meant, from an ETag; another one is refused with 412."
_KEY: Final = (
    "Any text of yours that names this request, such as a UUID. For 24 hours a repeat with the "
    "same key and body changes nothing and gets the first answer, if that was a 2xx; with another "
    "body it is refused with 422, and while the first one runs with 409."
)


def headers() -> dict[str, Schema]:
    """Return every header of an answer by name."""
    return {
        name: {
            "description": text,
            "required": name not in _SOMETIMES,
            "schema": {"type": "string"},
        }
        for name, text in _HEADERS.items()
    }


def parameters() -> dict[str, Schema]:
    """Return every shared parameter by the name that operations have for it."""
    made = {name: _in_path(name, text) for name, text in _IN_PATH.items()}
    made["provider"]["schema"] = {"enum": [provider.value for provider in KINDS]}
    made["if_match"] = _header("If-Match", _VERSIONS, {"examples": ['"1"', "*"]})
    key: Schema = {"minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]+$"}
    key["examples"] = ["0d4f9a52-6c0b-4a0e-9a55-1f1f6f0f7f10"]
    made["idempotency_key"] = _header("Idempotency-Key", _KEY, key)
    return made


def _in_path(name: str, description: str) -> Schema:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string", "minLength": 1},
    }


def _header(name: str, description: str, schema: Schema) -> Schema:
    return {
        "name": name,
        "in": "header",
        "description": description,
        "schema": {"type": "string", **schema},
    }
