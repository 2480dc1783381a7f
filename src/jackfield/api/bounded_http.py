"""HTTP/1.1 as uvicorn speaks it, with bounds on what comes before a request can be judged.

uvicorn takes request heads of any size, and waits for them for ever. A stranger could hold
memory and connections with that, long before authentication or a size cap has a say. It also
writes the head and the body of an answer one after the other, each at the price of a system call.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_LIMIT = 64 * 1024
"""Bytes of request line and headers; more than any provider or client sends."""

HEAD_DEADLINE = 20.0
"""Seconds from the first byte, or from the connection, to the end of the headers."""

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


class BoundedHttp(HttpToolsProtocol):
    """Ends a connection whose request head is too large or too slow."""

    head_deadline = HEAD_DEADLINE

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 -- uvicorn's own
        super().__init__(*args, **kwargs)
        self._is_in_head = False
        self._head_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Give a new connection its time to say something."""
        super().connection_made(transport)
        self.transport = _HeadWithBody(transport)  # type: ignore[assignment] # as much as is used
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._head_arrived()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Note that a head has begun."""
        self._is_in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that it is whole."""
        self._is_in_head = False
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Let a head without a body go out too."""
        self.transport.flush()  # type: ignore[attr-defined] # see connection_made
        super().on_response_complete()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and judge a head that is still not whole after that."""
        if self._is_in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if not self._is_in_head:
            self._head_arrived()
        elif self._head_bytes > HEAD_LIMIT:
            self.transport.write(_TOO_LARGE)
            self.transport.close()
        elif self._deadline is None:
            self._expect_head()

    def _expect_head(self) -> None:
        self._deadline = self.loop.call_later(self.head_deadline, self.transport.close)

    def _head_arrived(self) -> None:
        self._head_bytes = 0
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _HeadWithBody:
    """A transport that keeps the head of an answer until its body comes, and writes both at once.

    What is written after a head, or the end of the answer, lets it go.
    """

    __slots__ = ("_head", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""

    def write(self, data: bytes) -> None:
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head + data)
        elif data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 100"):
            self._head = data
        else:
            self._transport.write(data)

    def flush(self) -> None:
        if self._head:
            self.write(b"")

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever else a transport can do
        return getattr(self._transport, name)
