"""One operation of the document, and what its parameters are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from jackfield.api.openapi_refusal import Schema

JSON: Final = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation; `route` is its template in the route table where the path differs.

    `answer` is the schema of its success, or None for an empty one; `refusals` are names of
    `REFUSALS`, and `parameters` names of the document's parameters, path ones included.
    """

    method: str
    path: str
    name: str
    tag: str
    summary: str
    route: str = ""
    status: int = 200
    answer: Schema | None = None
    content_type: str = JSON
    has_version: bool = False
    body: Schema | None = None
    needs_body: bool = True
    parameters: Sequence[str | Schema] = ()
    security: Sequence[Schema] = ()
    refusals: Sequence[str] = ()
    more: Sequence[tuple[int, Schema]] = ()

    @property
    def row(self) -> tuple[str, str]:
        """Its method and template in the route table."""
        return self.method, self.route or self.path


def whole(largest: int, default: int) -> Schema:
    """Return the schema of a whole number from 1."""
    return {"type": "integer", "minimum": 1, "maximum": largest, "default": default}


def query(name: str, schema: Schema, description: str) -> Schema:
    """Return a parameter that may be left out of the query."""
    return {"name": name, "in": "query", "description": description, "schema": schema}
