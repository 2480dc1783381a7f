"""The outermost room: gives each request its id, each answer its headers, and each bug one log."""

from __future__ import annotations

import random
from collections.abc import Awaitable

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jackfield.api.http import ClientGone, Header, raw_path, request_id, send_response
from jackfield.api.problem_details import answer
from jackfield.problems import Problem

log = structlog.get_logger()

_SECURITY: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-xss-protection", b"1; mode=block"),
)
_OVER_TLS: tuple[Header, ...] = (
    *_SECURITY,
    (b"strict-transport-security", b"max-age=31536000; includeSubdomains"),
)


class FrontDoor:
    """Wraps the route table; whatever a route raises becomes an answer here, and only here."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; other kinds of connection pass through untouched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})["request_id"] = _new_id()
        stamped = _Stamped(scope, send)
        try:
            await self._app(scope, receive, stamped)
        except ClientGone:
            return  # nobody is there to be answered
        except Problem as problem:
            await self._refuse(problem, scope=scope, stamped=stamped)
        except Exception as error:
            # The last resort: whatever it was, it is written down once and ends here.
            log.exception(
                "request.failed",
                request=request_id(scope),
                method=scope["method"],
                path=raw_path(scope).decode("latin-1"),
            )
            await self._refuse(error, scope=scope, stamped=stamped)

    @staticmethod
    async def _refuse(error: Exception, *, scope: Scope, stamped: _Stamped) -> None:
        # What has begun cannot be taken back; the server closes a connection left unfinished.
        if not stamped.has_started:
            await send_response(answer(error, scope), scope, stamped)


class _Stamped:
    """The way out, which writes the request's id and the security headers on every answer."""

    __slots__ = ("_extra", "_send", "has_started")

    def __init__(self, scope: Scope, send: Send) -> None:
        security = _OVER_TLS if scope.get("scheme") == "https" else _SECURITY
        self._extra = (*security, (b"x-request-id", request_id(scope).encode()))
        self._send = send
        self.has_started = False

    def __call__(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.has_started = True
            message["headers"] = [*message.get("headers", ()), *self._extra]
        return self._send(message)


def _new_id() -> str:
    # An id to look things up by, not a secret: a tenth of the time of one from the system.
    return f"{random.getrandbits(128):032x}"
