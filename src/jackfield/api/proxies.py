"""Believes trusted proxies about whom they speak for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

_FORWARDED: Final = frozenset({b"x-forwarded-for", b"x-forwarded-proto"})


def behind_proxies(app: ASGIApp, trusted: Sequence[str]) -> ASGIApp:
    """Return `app`, told by proxies in the networks `trusted` which client and scheme they had.

    Who is trusted is asked only where a header says something: comparing an address with
    networks takes as long as half of a plain answer.
    """
    believing = cast(ASGIApp, ProxyHeadersMiddleware(app, list(trusted)))  # type: ignore[arg-type] # uvicorn names its own kinds

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        for name, _ in scope.get("headers", ()):
            if name in _FORWARDED:
                await believing(scope, receive, send)
                return
        await app(scope, receive, send)

    return answer
