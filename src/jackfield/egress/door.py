"""Sends one request and brings back its answer, within limits."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from io import BytesIO
from types import TracebackType
from typing import Self

from aiohappyeyeballs import AddrInfoType
from aiohttp import (
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    StreamReader,
    TCPConnector,
    TraceConfig,
)

from jackfield import __version__
from jackfield.crashpoints import Crashpoint, is_armed, reach
from jackfield.egress.addresses import Network, may_be_reached
from jackfield.egress.answers import (
    Failure,
    HeadersTooLarge,
    NotAllowed,
    OutOfTurn,
    Reply,
    Unreached,
    unreached,
)
from jackfield.egress.connection import keep_in_turn
from jackfield.egress.names import Names, Resolve
from jackfield.egress.urls import parse

BODY_LIMIT = 16 * 1024
HEADERS_LIMIT = 32 * 1024
HEADER_COUNT_LIMIT = 100
PIECE = 256 * 1024

# Many servers hang up on an idle connection after 5 s. Leaving first means that a request
# seldom meets a connection that is just being closed.
IDLE = timedelta(seconds=4)


class Egress:
    """Sends requests to strangers. Use it in one event loop, and close it.

    An address is judged when its socket is made, so it does not matter how a URL spells it or
    what a name meant a moment ago. Redirects are not followed, no cookie is kept, no proxy is
    used, nothing is decompressed.

    A POST is written once, to one connection. When that breaks, even one that was kept open
    and closed by the peer in the same instant, the answer is `Failure.BROKEN`, and the caller
    decides about sending again. A GET is repeated once in that case.
    """

    def __init__(
        self,
        *,
        allow: Sequence[Network] = (),
        connections: int = 256,
        resolve: Resolve | None = None,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        """Prepare a door; nothing is opened before the first request.

        `allow` lists private networks that may be reached all the same. `connections` is how
        many are used at once; further requests wait, within their time. `trust` replaces the
        system's certificate authorities.
        """
        self._allow = tuple(allow)
        self._connections = connections
        self._names = Names(resolve)
        self._trust = trust
        self._session: ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Drop every connection; requests under way end as `Failure.BROKEN`."""
        if self._session is not None:
            await self._session.close()
        await self._names.close()

    async def post(
        self,
        url: str,
        *,
        body: bytes,
        headers: Mapping[str, str],
        connect_timeout: timedelta,
        total_timeout: timedelta,
    ) -> Reply | Unreached:
        """POST `body` and return what came of it; see `request`."""
        return await self.request(
            "POST",
            url,
            body=body,
            headers=headers,
            connect_timeout=connect_timeout,
            total_timeout=total_timeout,
        )

    async def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        connect_timeout: timedelta,
        total_timeout: timedelta,
    ) -> Reply | Unreached:
        """GET `url` and return what came of it; see `request`."""
        return await self.request(
            "GET",
            url,
            headers=headers,
            connect_timeout=connect_timeout,
            total_timeout=total_timeout,
        )

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        connect_timeout: timedelta,
        total_timeout: timedelta,
        body: bytes | None = None,
        body_limit: int = BODY_LIMIT,
    ) -> Reply | Unreached:
        """Send one request and return its answer, or why there is none.

        `connect_timeout` is for TCP and TLS together. `total_timeout` covers everything: the
        name, the wait for a free connection, the last byte of the answer. An answer of more
        than `body_limit` bytes is cut there and its connection closed.
        """
        target = parse(url)
        if isinstance(target, str):
            return Unreached(Failure.BAD_URL, target)
        session = self._session or self._open()
        timeout = _timeout(connect_timeout, total_timeout)
        # The client writes bytes at once, and a stream bit by bit, letting others go between.
        data = BytesIO(body) if body and len(body) > PIECE else body
        try:
            response = await session.request(
                method, target, data=data, headers=headers, allow_redirects=False, timeout=timeout
            )
            try:
                return await _reply(response, body_limit=body_limit)
            finally:
                # Once the last byte is read the connection is in the pool again, out of reach.
                response.close()
        except (ClientError, OSError, ValueError, HeadersTooLarge, OutOfTurn) as error:
            return unreached(error, timeout=timeout)

    def _open(self) -> ClientSession:
        connector = TCPConnector(
            limit=self._connections,
            keepalive_timeout=IDLE.total_seconds(),
            resolver=self._names,
            socket_factory=self._socket,
            ssl=self._trust or True,
        )
        keep_in_turn(connector)
        self._session = ClientSession(
            connector=connector,
            headers={"User-Agent": f"Jackfield/{__version__}", "Accept-Encoding": "identity"},
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=BODY_LIMIT,
            max_field_size=HEADERS_LIMIT // 2,
            max_headers=HEADER_COUNT_LIMIT,
            trace_configs=_traces(),
        )
        return self._session

    def _socket(self, where: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = where
        if not may_be_reached(address[0], allow=self._allow):
            raise NotAllowed
        return socket.socket(family, kind, protocol)


def _traces() -> list[TraceConfig]:
    """Return what notices that a request was written, where a crash test wants to know."""
    if not is_armed(Crashpoint.SENT_NO_RESPONSE):
        return []

    async def written(*_: object) -> None:
        # It is told just before the bytes go to the socket, in the same turn of the loop.
        asyncio.get_running_loop().call_soon(reach, Crashpoint.SENT_NO_RESPONSE)

    trace = TraceConfig()
    trace.on_request_chunk_sent.append(written)
    return [trace]


@lru_cache(maxsize=64)
def _timeout(connect: timedelta, total: timedelta) -> ClientTimeout:
    return ClientTimeout(total=total.total_seconds(), sock_connect=connect.total_seconds())


async def _reply(response: ClientResponse, *, body_limit: int) -> Reply:
    headers = _headers(response)
    content = response.content
    body = await content.read(body_limit)
    if not content.at_eof() and len(body) < body_limit:
        body = await _rest(content, bytearray(body), body_limit=body_limit)
    return Reply(response.status, headers, body, is_cut=not content.at_eof())


def _headers(response: ClientResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in response.headers.items():
        lower = name.lower()
        headers[lower] = f"{headers[lower]}, {value}" if lower in headers else value
    if sum(map(len, headers.values())) > HEADERS_LIMIT:
        raise HeadersTooLarge
    return headers


async def _rest(content: StreamReader, body: bytearray, *, body_limit: int) -> bytes:
    while len(body) < body_limit and not content.at_eof():
        body += await content.read(body_limit - len(body))
    return bytes(body)
