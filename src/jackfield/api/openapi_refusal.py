"""What an answer that refuses is made of, in the document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

Schema: TypeAlias = dict[str, Any]

INSTANCE: Final[Schema] = {
    "type": "string",
    "pattern": "^[0-9a-f]{32}$",
    "examples": ["5a1b7a1d0c6f4f0f9c1e2d3b4a596877"],
    "description": "The request's id, as in X-Request-Id and the operator's logs.",
}
TEXT: Final[Schema] = {"type": "string"}
_SORRY: Final = "The fault is ours. The operator finds it in the logs under this id."
_SLOW: Final = "The body took too long to arrive."
_BIG: Final = "The body may have at most {} bytes."
_USE: Final[Schema] = {
    "type": "string",
    "pattern": "^Use one of: [A-Z]+(, [A-Z]+)*\\.$",
    "examples": ["Use one of: GET, HEAD."],
}
_LATER: Final[Schema] = TEXT | {"examples": ["Nothing was stored: send it again."]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One status that refuses; `bodies` has each body there is, none when it is empty."""

    status: int
    description: str
    bodies: tuple[Schema, ...] = ()
    headers: tuple[str, ...] = ()
    content_type: str = "application/json"

    def response(self) -> Schema:
        """Return the response object of OpenAPI."""
        response: Schema = {"description": self.description}
        names = ("X-Request-Id", *self.headers)
        response["headers"] = {n: {"$ref": f"#/components/headers/{n}"} for n in names}
        if self.bodies:
            several = {"oneOf": list(self.bodies)}
            schema = self.bodies[0] if len(self.bodies) == 1 else several
            shown = {
                f"body{n}": {"value": _example(b)} for n, b in enumerate(self.bodies, start=1)
            }
            response["content"] = {self.content_type: {"schema": schema, "examples": shown}}
        return response


@dataclass(frozen=True, slots=True)
class Words:
    """How one API says what is the same in all of them."""

    name: str
    base: str = ""
    content_type: str = "application/json"
    shown: Mapping[str, tuple[int, str, str]] = field(default_factory=dict)

    def refusal(
        self, key: str, description: str, detail: str | Schema, *headers: str
    ) -> tuple[str, Refusal]:
        """Return the name and the form of what this API says with its id."""
        status, kind, title = self.shown[key]
        members: dict[str, str | int | Schema] = {"title": title, "detail": detail}
        if self.base:
            members["type"] = self.base + kind
        else:
            members["status"] = status
        refusal = Refusal(
            status=status,
            description=description,
            bodies=(exactly(**members, instance=INSTANCE),),
            headers=headers,
            content_type=self.content_type,
        )
        return self.name + key, refusal

    def common(self, limit: int) -> dict[str, Refusal]:
        """Return what every operation may answer, whatever it does."""
        return dict(
            (
                self.refusal("WrongMethod", "Another method on this path.", _USE, "Allow"),
                self.refusal("TooSlow", "The body did not arrive within 30 seconds.", _SLOW),
                self.refusal("TooLarge", f"More than {limit} bytes.", _BIG.format(limit)),
                self.refusal("Bug", "A fault of the gateway.", _SORRY),
                self.refusal(
                    "Unavailable",
                    "Not now. The detail says whether anything was stored, and what to do.",
                    _LATER,
                    "Retry-After",
                ),
            )
        )


def exactly(**members: str | int | Schema) -> Schema:
    """Return the schema of an object with just these members; a plain value is constant."""
    return {
        "type": "object",
        "properties": {
            name: value if isinstance(value, dict) else {"const": value}
            for name, value in members.items()
        },
        "required": list(members),
        "additionalProperties": False,
    }


def faults() -> Schema:
    """Return the schema of the list of faults in a 400."""
    fault = exactly(
        name=TEXT | {"examples": ["external_id"]},
        reason=TEXT | {"examples": ["Missing `external_id` field"]},
    )
    return {"type": "array", "minItems": 1, "items": fault}


def _example(schema: Schema) -> object:
    """Return a body that fits: its constants, and the first example of what varies."""
    if "const" in schema:
        return schema["const"]
    if "examples" in schema:
        return schema["examples"][0]
    if schema["type"] == "array":
        return [_example(schema["items"])]
    return {name: _example(value) for name, value in schema["properties"].items()}
