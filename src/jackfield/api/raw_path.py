"""Routes on the path as it was sent, and decodes its segments only afterwards.

Starlette matches on the decoded path, where `a%2Fb` has become two segments. Here a path is cut
at its slashes first, so that `%2F` inside an id is part of the id (ruling R31).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from jackfield.api.http import WrongMethod, raw_path
from jackfield.problems import NotFound

_OPTIONAL_SLASH = "/?"


@dataclass(frozen=True, slots=True)
class RawRoute:
    """One method on one template, and the ASGI application that answers.

    A segment of `template` is literal or one parameter: `/v2/applications/{application_id}`. A
    template that ends in `/?` (a collection) answers with and without the slash; every other
    path means exactly what it says. A route for GET serves HEAD too.
    """

    method: str
    template: str
    app: ASGIApp


@dataclass(frozen=True, slots=True)
class _Ending:
    """What answers one method where a template ends, and where its parameters stand."""

    app: ASGIApp
    parameters: tuple[tuple[str, int], ...]


@dataclass(slots=True)
class _Node:
    """What may follow the segments read so far."""

    literals: dict[bytes, _Node] = field(default_factory=dict)
    parameter: _Node | None = None
    endings: dict[str, _Ending] = field(default_factory=dict)


class RawPaths(BaseRoute):
    """Many routes as one entry of a Starlette router, found by walking a tree instead of a list.

    Literal segments win over parameters, for every method, as OpenAPI has it: what a literal path
    lacks is not looked for behind it. The decoded parameters are in `scope["path_params"]`. A
    segment that is empty, is not UTF-8 or holds a NUL fits no parameter: its path is unknown.

    For a known path and an unknown method, `wrong_method` is called with the methods there are
    in `scope["allowed_methods"]`; the usual one raises `WrongMethod` (ruling R2).
    """

    def __init__(
        self,
        routes: Sequence[RawRoute],
        *,
        wrong_method: ASGIApp | None = None,
        unknown: ASGIApp | None = None,
    ) -> None:
        self._wrong_method = wrong_method or refuse_method
        self._unknown = unknown or refuse_path
        self._root = _Node()
        for route in routes:
            _plant(route, root=self._root)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return how far `scope` fits, with what answers it and the decoded parameters."""
        if scope["type"] != "http":
            return Match.NONE, {}
        segments = raw_path(scope).split(b"/")
        fitting: list[dict[str, _Ending]] = []
        _find(self._root, segments, 0, fitting)
        method: str = scope["method"]
        for endings in fitting:
            ending = endings.get(method) or next(iter(endings.values()))
            parameters = _decoded(ending, segments)
            if parameters is None:
                continue
            if method in endings:
                return Match.FULL, {"endpoint": ending.app, "path_params": parameters}
            return Match.PARTIAL, {
                "endpoint": self._wrong_method,
                "path_params": {},
                "allowed_methods": sorted(endings),
            }
        return Match.NONE, {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer without a router around: what fits no template gets `unknown`."""
        match, found = self.matches(scope)
        if match is Match.NONE:
            await self._unknown(scope, receive, send)
            return
        scope.update(found)
        await scope["endpoint"](scope, receive, send)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call what `matches` found."""
        await scope["endpoint"](scope, receive, send)


def _plant(route: RawRoute, *, root: _Node) -> None:
    template = route.template.removesuffix(_OPTIONAL_SLASH)
    spellings = {template, template + "/"} if template != route.template else {template}
    for spelling in spellings:
        segments = spelling.split("/")
        endings = _node_for(segments, root=root).endings
        if route.method in endings:
            raise ValueError(f"{route.method} {route.template} is in the table twice")
        named = enumerate(segments)
        ending = _Ending(route.app, tuple((_name(s), at) for at, s in named if _name(s)))
        endings[route.method] = ending
        if route.method == "GET":
            endings["HEAD"] = ending


def _node_for(segments: Sequence[str], *, root: _Node) -> _Node:
    node = root
    for segment in segments:
        if not _name(segment):
            node = node.literals.setdefault(segment.encode(), _Node())
            continue
        if node.parameter is None:
            node.parameter = _Node()
        node = node.parameter
    return node


def _name(segment: str) -> str:
    """Return the parameter's name, or nothing for a literal segment."""
    return segment[1:-1] if segment.startswith("{") and segment.endswith("}") else ""


def _find(
    node: _Node, segments: Sequence[bytes], at: int, found: list[dict[str, _Ending]]
) -> None:
    """Add the endings of every template that has these segments, the most literal first."""
    if at == len(segments):
        if node.endings:
            found.append(node.endings)
        return
    literal = node.literals.get(segments[at])
    if literal is not None:
        _find(literal, segments, at + 1, found)
    if node.parameter is not None and segments[at]:
        _find(node.parameter, segments, at + 1, found)


def _decoded(ending: _Ending, segments: Sequence[bytes]) -> dict[str, str] | None:
    """Return the parameters by name, or nothing when one of them is no text."""
    parameters: dict[str, str] = {}
    for name, at in ending.parameters:
        text = _text(segments[at])
        if text is None:
            return None
        parameters[name] = text
    return parameters


def _text(segment: bytes) -> str | None:
    try:
        text = (unquote_to_bytes(segment) if b"%" in segment else segment).decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


async def refuse_method(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - an ASGI application
    """Raise `WrongMethod` with the methods there are."""
    raise WrongMethod(scope["allowed_methods"])


async def refuse_path(scope: Scope, receive: Receive, send: Send) -> None:
    """Raise `NotFound`; close a web socket."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close"})
        return
    raise NotFound
