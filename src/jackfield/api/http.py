"""What came in and what goes out: thin views of ASGI, without a framework's toll.

The handlers of the API take a `Request` and return a `Response`; `endpoint` makes such a handler
an ASGI application, so that it stands in the same route table as any other.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import parse_qsl, quote

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from jackfield.problems import Invalid, InvalidParameter, Problem, TooLarge

BODY_LIMIT = 1 << 20
"""Bytes that a body of the API may have (ruling R26)."""

BODY_DEADLINE = timedelta(seconds=30)
"""How long a body may take to arrive."""

_QUERY_FIELDS = 100

Header = tuple[bytes, bytes]


class WrongMethod(Problem):
    """The path exists, and has no such method; `allowed` are the ones it has."""

    def __init__(self, allowed: Sequence[str]) -> None:
        super().__init__(f"Use one of: {', '.join(allowed)}.")
        self.allowed = tuple(allowed)


class TooSlow(Problem):
    """The body did not arrive within its deadline."""


class StillRunning(Problem):
    """The first request with this Idempotency-Key has not been answered yet."""


class KeyReused(Problem):
    """The Idempotency-Key was used for another body."""


class ClientGone(Exception):
    """Whoever asked has hung up: there is nobody to answer."""


class Request:
    """One request, read from the ASGI scope as far as somebody asks."""

    __slots__ = ("_body", "_query", "_receive", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self._receive = receive
        self._body: bytes | None = None
        self._query: dict[str, str] | None = None

    @property
    def id(self) -> str:
        """The id this request has in its answer, its problem's `instance` and the logs."""
        return request_id(self.scope)

    @property
    def method(self) -> str:
        """The method it is handled as: HEAD asks for what GET would answer, without the body."""
        method: str = self.scope["method"]
        return "GET" if method == "HEAD" else method

    @property
    def path(self) -> str:
        """The path as it was sent, still percent-encoded: what access rules are matched with."""
        return raw_path(self.scope).decode("latin-1")

    @property
    def parameters(self) -> Mapping[str, str]:
        """The decoded path parameters by name."""
        parameters: dict[str, str] = self.scope.get("path_params", {})
        return parameters

    @property
    def query(self) -> Mapping[str, str]:
        """The decoded query by name; of a repeated name the last counts.

        Raises `Invalid` for what is not UTF-8, holds a NUL or has more than 100 fields.
        """
        if self._query is None:
            self._query = _query(self.scope["query_string"])
        return self._query

    @property
    def origin(self) -> str:
        """The scheme and host the client used, such as `http://127.0.0.1:8080`: for links."""
        host = self.header("host") or _address(self.scope.get("server"))
        return f"{self.scope.get('scheme', 'http')}://{host}"

    @property
    def is_from_loopback(self) -> bool:
        """Whether the connection comes from this machine."""
        client = self.scope.get("client")
        if client is None:
            return False
        try:
            return ipaddress.ip_address(client[0]).is_loopback
        except ValueError:
            return False

    def header(self, name: str) -> str | None:
        """Return the first header of that lower-case name, or nothing."""
        values = self.headers(name)
        return values[0] if values else None

    def headers(self, name: str) -> list[str]:
        """Return every value of the header of that lower-case name, in order."""
        wanted = name.encode()
        return [value.decode("latin-1") for key, value in self.scope["headers"] if key == wanted]

    async def body(self, limit: int = BODY_LIMIT, *, deadline: timedelta = BODY_DEADLINE) -> bytes:
        """Return the whole body; asked again, the same bytes.

        Raises `TooLarge` beyond `limit` bytes, before reading where the length is announced;
        `TooSlow` when it is not there at the deadline; `ClientGone` when the client hangs up.
        """
        if self._body is None:
            announced = self.header("content-length") or ""
            if announced.isdecimal() and int(announced) > limit:
                raise _too_large(limit)
            self._body = await self._read(limit, deadline=deadline)
        return self._body

    async def _read(self, limit: int, *, deadline: timedelta) -> bytes:
        chunks: list[bytes] = []
        size = 0
        more = True
        try:
            async with asyncio.timeout(deadline.total_seconds()):
                while more:
                    message = await self._receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGone
                    chunk = message.get("body", b"")
                    size += len(chunk)
                    if size > limit:
                        raise _too_large(limit)
                    chunks.append(chunk)
                    more = message.get("more_body", False)
        except TimeoutError:
            raise TooSlow("The body took too long to arrive.") from None
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What is answered; `headers` without the length, which is counted when it is sent."""

    status: int = 200
    body: bytes = b""
    headers: Sequence[Header] = ()


JSON_CONTENT: Header = (b"content-type", b"application/json")

Handler = Callable[[Request], Awaitable[Response]]


def json_response(value: object, *, status: int = 200, headers: Iterable[Header] = ()) -> Response:
    """Return `value` as a JSON answer."""
    return Response(
        status=status, body=msgspec.json.encode(value), headers=(JSON_CONTENT, *headers)
    )


def endpoint(handler: Handler) -> ASGIApp:
    """Return the ASGI application that answers with what `handler` returns."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await send_response(await handler(Request(scope, receive)), scope, send)

    return answer


async def send_response(response: Response, scope: Scope, send: Send) -> None:
    """Send `response` whole; to HEAD without its body."""
    status, body = response.status, response.body
    headers = [*response.headers]
    if status not in {204, 304}:
        headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    sent = b"" if scope["method"] == "HEAD" else body
    await send({"type": "http.response.body", "body": sent})


def raw_path(scope: Scope) -> bytes:
    """Return the path as it was sent; encoded anew where the server did not keep it."""
    path: bytes | None = scope.get("raw_path")
    return quote(scope["path"]).encode() if path is None else path


def request_id(scope: Scope) -> str:
    """Return the id the front door gave this request."""
    state: dict[str, str] = scope.get("state", {})
    return state.get("request_id", "")


def _query(sent: bytes) -> dict[str, str]:
    try:
        fields = parse_qsl(
            sent.decode(), keep_blank_values=True, errors="strict", max_num_fields=_QUERY_FIELDS
        )
    except ValueError:
        raise Invalid(InvalidParameter("query", "Not UTF-8, or too many fields")) from None
    for name, value in fields:
        if "\0" in name + value:
            raise Invalid(InvalidParameter(name, "A NUL character cannot be used"))
    return dict(fields)


def _address(server: tuple[str, int | None] | None) -> str:
    host, port = server or ("localhost", None)
    return host if port is None else f"{host}:{port}"


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body may have at most {limit} bytes.")
