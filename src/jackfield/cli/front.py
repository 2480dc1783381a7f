"""What people, machines and operators talk to: HTTP servers and the command socket.

A gateway delivers before this is loaded; see `serving`.
"""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
import uvicorn
from starlette.types import ASGIApp

from jackfield.api.bounded_http import BoundedHttp
from jackfield.api.proxies import behind_proxies
from jackfield.app import Gateway
from jackfield.cli.certificates import Certificates
from jackfield.cli.ports import listen
from jackfield.console.listener import Listener
from jackfield.http_side import http_side
from jackfield.settings import Network

log = structlog.get_logger()

_GRACE = 15
"""Seconds that requests may still take when the server is told to stop."""

_NEW_OBJECTS = 10_000
"""Between two looks for cycles; a message makes hundreds of objects, and hardly a cycle."""


async def serve(
    gateway: Gateway,
    directory: Path | None,
    listening: socket.socket,
    told: asyncio.Event,
    *,
    https: Certificates | None,
    ready: Callable[[str], None],
) -> None:
    """Answer until told to stop; `ready` gets the URL once somebody may call.

    Raises Unavailable where another program has come to listen on the port.
    """
    app = http_side(gateway)
    proxies = gateway.settings.trusted_proxies
    server = HttpServer(app, listening, https=https, proxies=proxies)

    async def announce() -> None:
        await server.is_ready.wait()
        if not told.is_set():
            ready(server.url)

    async with open_to_operators(gateway, directory):
        await until(told, [server], meanwhile=announce())


@asynccontextmanager
async def open_to_operators(gateway: Gateway, directory: Path | None) -> AsyncIterator[None]:
    """Take commands on a socket in the directory we hold; on PostgreSQL there is none.

    By now all is loaded that will be, and stays: it is not looked through for garbage again.
    """
    listener = Listener(gateway, directory) if directory is not None else None
    try:
        if listener is not None:
            await listener.start()
        gc.freeze()
        gc.set_threshold(_NEW_OBJECTS)
        gc.enable()  # see `running`
        yield
    finally:
        if listener is not None:
            await listener.close()


class HttpServer(uvicorn.Server):
    """One ASGI application on one socket; signals are its caller's business."""

    def __init__(
        self,
        app: ASGIApp,
        listening: socket.socket,
        *,
        https: Certificates | None = None,
        proxies: Sequence[Network] = (),
    ) -> None:
        """Take a bound socket; until the server is ready, connections to it are refused.

        `proxies` are believed when they say whom they speak for.
        """
        super().__init__(
            uvicorn.Config(
                # A proxy on this machine is believed by default, or everyone who comes through it
                # would look like loopback.
                behind_proxies(app, [str(network) for network in proxies]),
                http=BoundedHttp,
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,  # see behind_proxies
                ssl_certfile=None if https is None else https.certificate,
                ssl_keyfile=None if https is None else https.key,
                timeout_graceful_shutdown=_GRACE,
            ),
        )
        self._listening = listening
        self.url = _url(listening, scheme="http" if https is None else "https")
        self.is_ready = asyncio.Event()

    async def run_until_told(self) -> None:
        """Serve until `should_exit` is set, and let what runs end."""
        await self._serve([self._listening])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and say so; raises Unavailable where another program does."""
        listen(self._listening)
        await super().startup(sockets=sockets)
        self.is_ready.set()


async def until(
    told: asyncio.Event,
    servers: Sequence[HttpServer],
    *,
    meanwhile: Coroutine[None, None, None],
) -> None:
    """Run the servers until told to stop.

    `meanwhile` begins with them. What it raises stops them and is raised here; if it has not
    ended when they have, it is cancelled.
    """
    beside = asyncio.create_task(meanwhile)
    stopping = asyncio.create_task(_stop(servers, told, beside))
    await asyncio.gather(*(server.run_until_told() for server in servers))
    for task in (stopping, beside):
        task.cancel()
    await asyncio.wait([stopping, beside])
    if _failed(beside):
        beside.result()


async def _stop(
    servers: Sequence[HttpServer], told: asyncio.Event, beside: asyncio.Task[None]
) -> None:
    telling = asyncio.create_task(told.wait())
    await asyncio.wait([telling, beside], return_when=asyncio.FIRST_COMPLETED)
    if not _failed(beside):
        await telling
    telling.cancel()
    for server in servers:
        server.should_exit = True


def _failed(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None


def _url(bound: socket.socket, *, scheme: str) -> str:
    host, port = bound.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
