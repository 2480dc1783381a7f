"""Applications on a real socket that keep what they receive and misbehave when asked to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from hashlib import sha256
from typing import Any, Self

import httptools
import jwt
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from ledger import manners
from ledger.logs import Request, Ticks
from ledger.manners import Manner, Manners

_BACKLOG = 2048


class Applications:
    """All applications of an installation on one port; the path says which one is meant.

    What arrives is written down under the `generation` that is set: after a gateway has died,
    `settled` waits until everything it ever sent is written down, so the next may begin.
    """

    def __init__(self, ticks: Ticks) -> None:
        self.requests: list[Request] = []
        self.manners: Manners = manners.well
        self.generation = 0
        self.secrets: Mapping[str, Sequence[tuple[str, str]]] = {}
        """The signature secrets each application was told, and their Standard Webhooks form."""
        self.arrived: Callable[[Request], None] | None = None
        self.port = 0
        self._ticks = ticks
        self._ordinals: dict[str, int] = {}
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self), "127.0.0.1", 0, backlog=_BACKLOG
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for connection in list(self._connections):
            connection.hang_up()
        await self._server.wait_closed()

    def url(self, application: str) -> str:
        """Return where an application lives."""
        return f"http://127.0.0.1:{self.port}/{application}"

    def forget(self) -> None:
        """Begin a new account: nothing has arrived yet."""
        self.requests = []
        self._ordinals = {}

    async def settled(self) -> None:
        """Wait until all that a gateway, dead now, has sent is written down.

        The kernel hands connections over in the order in which they were made. So when one of
        our own has been answered, every earlier one is known here; each of those ends with its
        dead peer, after the last byte that it sent was read.
        """
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"GET /settled HTTP/1.1\r\nhost: applications\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        async with asyncio.timeout(10):
            while self._connections:
                await asyncio.sleep(0.001)

    def enter(self, connection: _Connection) -> None:
        """Count a connection in."""
        self._connections.add(connection)

    def leave(self, connection: _Connection) -> None:
        """Count it out."""
        self._connections.discard(connection)

    def hear(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[Request, float]:
        """Write one request down; return it, and after how many seconds to answer."""
        application = path.strip("/")
        webhook_id = headers.get("webhook-id", "")
        ordinal = self._ordinals[webhook_id] = self._ordinals.get(webhook_id, 0) + 1
        manner, delay = self.manners(webhook_id, ordinal)
        document, faults = _document(body), []
        if document is None:
            faults.append("no JSON")
        faults += self._unproved(application, headers, body)
        request = Request(
            application,
            self.generation,
            webhook_id,
            body,
            document or {},
            tuple(faults),
            self._ticks(),
            manner,
        )
        self.requests.append(request)
        if self.arrived is not None:
            self.arrived(request)
        return request, delay

    def end(self, request: Request, *, is_accepted: bool) -> None:
        """Write down that an answer was given, or that nobody waits for it any more."""
        if request.ended is None:
            request.ended = self._ticks()
            request.is_accepted = is_accepted

    def _unproved(self, application: str, headers: Mapping[str, str], body: bytes) -> list[str]:
        """Return what is wrong with the signatures, checked with other people's libraries.

        The newest secret signs the token, it and the one before sign as Standard Webhooks says.
        """
        secrets = self.secrets.get(application, ())[:2]
        if not secrets:
            return ["nobody knows how it is signed"]
        faults = []
        if not _is_token_right(headers, body, secrets[0][0]):
            faults.append("the token is wrong")
        if not all(_is_standard_right(headers, body, coded) for _, coded in secrets):
            faults.append("a Standard Webhooks signature is wrong")
        return faults


class _Connection(asyncio.Protocol):
    """One connection of a gateway's; it sends one request at a time."""

    def __init__(self, applications: Applications) -> None:
        self._applications = applications
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._answering: asyncio.Task[None] | None = None
        self._request: Request | None = None
        self._begin()

    def _begin(self) -> None:
        self._path = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment] # said above
        self._applications.enter(self)

    def connection_lost(self, _: Exception | None) -> None:
        if self._answering is not None:
            self._answering.cancel()
        if self._request is not None:
            self._applications.end(self._request, is_accepted=False)
        self._applications.leave(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        path, headers, body = self._path.decode("latin-1"), self._headers, b"".join(self._body)
        self._begin()
        if path == "/settled":
            self._write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            return
        self._request, delay = self._applications.hear(path, headers, body)
        self._answering = asyncio.create_task(self._answer(self._request, delay))

    async def _answer(self, request: Request, delay: float) -> None:
        await asyncio.sleep(delay)
        async with aclosing(manners.answer(request.manner)) as pieces:
            async for piece in pieces:
                if piece is None:
                    self.hang_up()
                else:
                    self._write(piece)
                if request.manner is Manner.ENDLESS:
                    # Whoever has read enough of it has it, and how much that is nobody here knows.
                    # The connection's end may be seen only after the next message has arrived.
                    self._applications.end(request, is_accepted=True)
        self._applications.end(request, is_accepted=request.manner.is_acceptance)

    def _write(self, piece: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(piece)

    def hang_up(self) -> None:
        """End the connection as a crash would."""
        if self._transport is not None:
            self._transport.abort()


def _document(body: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(body)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _is_token_right(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    token = headers.get("authorization", "").removeprefix("Bearer ")
    try:
        claims = jwt.decode(token, secret, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        return False
    return bool(claims.get("payload_hash") == sha256(body).hexdigest())


def _is_standard_right(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    try:
        Webhook(secret).verify(body, dict(headers))
    except WebhookVerificationError:
        return False
    return True
