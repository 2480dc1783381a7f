"""One connection to a stranger: each request gets one answer, and not before it is sent."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from aiohttp import EMPTY_PAYLOAD, StreamReader, TCPConnector
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import RawResponseMessage

from jackfield.egress.answers import OutOfTurn

# Early hints, or "still at it" every few seconds: real servers need two or three.
INTERIM_LIMIT = 16

# Some 200 of the shortest interim answers, which are parsed within a millisecond.
PIECE = 4 * 1024

TOO_MANY = f"The server sent more than {INTERIM_LIMIT} interim answers (1xx), and no final one."
UNASKED = "The server answered before the request was sent."


def keep_in_turn(connector: TCPConnector) -> None:
    """Let the connections that `connector` makes from now on be of the kind below.

    Needs a running event loop.
    """
    # The client has no public way to say this, so `_factory` may become something else in a new
    # version. The tests of this module fail if it does: nothing else would notice.
    kind: type[ResponseHandler] = Connection
    loop = asyncio.get_running_loop()
    connector._factory = partial(kind, loop=loop)  # noqa: SLF001 -- see above


class Connection(ResponseHandler):
    """Hangs up on a server that never comes to its final answer, or answers before it is asked.

    The client itself passes over interim answers for as long as they come, without letting
    others go between; and what lies on a kept connection it takes for the answer to the next
    request, which it then does not even write.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._is_asked = False
        self._interims = 0
        self._body: StreamReader = EMPTY_PAYLOAD
        self._fault: OutOfTurn | None = None

    def set_response_params(self, **options: Any) -> None:  # noqa: ANN401 -- the client's own
        """Begin a request; the client calls this before it writes."""
        # It reads what a new connection has brought so far, for which nobody has asked.
        super().set_response_params(**options)
        self._is_asked = True
        self._interims = 0

    def data_received(self, data: bytes) -> None:
        """Read what came: in pieces while it is no body, so that a fault is found early."""
        while len(data) > PIECE and self._body.is_eof():
            super().data_received(data[:PIECE])
            if self.exception() is not None:
                return
            data = data[PIECE:]
        super().data_received(data)

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        """Take the head of one answer, or hang up."""
        message, body = data
        if self._fault is not None:
            return
        if not self._is_asked:
            self._hang_up(UNASKED)
            return
        if message.code >= 200 or message.code == 101:
            self._is_asked = False
            self._body = body
        elif self._interims == INTERIM_LIMIT:
            self._hang_up(TOO_MANY)
            return
        else:
            self._interims += 1
        super().feed_data(data, size)

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """Keep the fault: what fails after we hung up, such as writing, follows from it."""
        super().set_exception(self._fault or exc, *cause)

    def _hang_up(self, why: str) -> None:
        self._fault = OutOfTurn(why)
        self.set_exception(self._fault)
        if self.transport is not None:
            self.transport.abort()
