"""How the tests of the API ask: an ASGI application called directly, or served on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import uvicorn
from starlette.types import ASGIApp, Message

from gateway import Doors, opened
from jackfield.api.http import Header, Response


async def _ask(
    app: ASGIApp,
    method: str,
    path: str,
    *,
    headers: Sequence[Header] = (),
    body: bytes = b"",
    query: bytes = b"",
    scheme: str = "http",
) -> Response:
    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "scheme": scheme,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": [(b"host", b"gateway.example"), *headers],
        "client": ("127.0.0.1", 50000),
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async def send(message: Message) -> None:
        sent.append(dict(message))

    await app(scope, receive, send)
    start, *rest = sent or [{"status": 0}]
    return Response(
        status=start["status"],
        body=b"".join(message["body"] for message in rest),
        headers=start.get("headers", []),
    )


@pytest.fixture
def ask() -> Callable[..., Awaitable[Response]]:
    """Return a way to call an application once; status 0 means that it answered nothing."""
    return _ask


@asynccontextmanager
async def _served(app: ASGIApp) -> AsyncIterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http="httptools", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await serving
        listener.close()


@pytest.fixture
def served() -> Callable[[ASGIApp], AbstractAsyncContextManager[int]]:
    """Return a way to serve an application on a loopback port, as in production."""
    return _served


@pytest.fixture
async def doors(database_url: str) -> AsyncIterator[Doors]:
    """The whole gateway on each engine, and who calls it."""
    async with opened(database_url) as there:
        yield there


@pytest.fixture
async def sqlite_doors(sqlite_url: str) -> AsyncIterator[Doors]:
    """The whole gateway on SQLite, for what does not depend on the engine."""
    async with opened(sqlite_url) as there:
        yield there
