"""Runs gateways and HTTP servers until they are told to stop, and ends them in order."""

from __future__ import annotations

import asyncio
import errno
import gc
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias, TypeVar

import structlog
import uvicorn
import uvloop
from starlette.types import ASGIApp

from jackfield.api.bounded_http import BoundedHttp
from jackfield.api.proxies import behind_proxies
from jackfield.app import Gateway, build
from jackfield.cli import certificates, logs
from jackfield.cli.options import arm
from jackfield.console.listener import Listener
from jackfield.console.socket_place import held_directory
from jackfield.problems import Unavailable
from jackfield.settings import Network, Settings
from jackfield.storage.opening import DataDirectoryLock

log = structlog.get_logger()

Shown = TypeVar("Shown")
Ready: TypeAlias = Callable[[Shown], None]

_GRACE = 15
"""Seconds that requests may still take when the server is told to stop."""

_NEW_OBJECTS = 10_000
"""Between two looks for cycles; a message makes hundreds of objects, and hardly a cycle."""

_REASONS = {
    errno.EADDRINUSE: "is in use by another program; choose another with --port, 0 for a free one",
    errno.EACCES: "may not be used by this user; choose one from 1024 with --port",
    errno.EADDRNOTAVAIL: "cannot be used: the address is not one of this machine's",
}


def run(
    main: Callable[[Settings, Ready[Shown]], Awaitable[None]],
    settings: Settings,
    ready: Ready[Shown],
) -> None:
    """Run `main` to its end on a fast loop, logging as the settings say.

    Raises SettingError for a crash point that is not there, and what `main` raises.
    """
    arm(settings)
    logs.configure(settings.log_level, settings.log_format)

    async def to_its_end() -> None:
        await main(settings, ready)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(to_its_end())


async def serve(settings: Settings, ready: Ready[str]) -> None:
    """Run the gateway until SIGTERM or SIGINT; `ready` gets its URL once it answers.

    Raises InUseError where the data directory is held, Unavailable where the port is or the
    database cannot be opened, SealingError where no key fits, SettingError where https cannot be.
    """
    with held(settings) as directory:
        https = certificates.of(settings, now=datetime.now(UTC))
        listening = bind(settings.host, settings.port)
        async with gateway_of(settings, directory) as gateway:
            server = HttpServer(
                gateway.asgi(), listening, https=https, proxies=settings.trusted_proxies
            )
            gateway.start()
            await until_told([server], meanwhile=_announce(server, ready))


@contextmanager
def held(settings: Settings) -> Iterator[Path | None]:
    """Hold the data directory and give it; on PostgreSQL there is none to hold.

    Raises InUseError when another process holds it.
    """
    directory = held_directory(settings)
    lock = DataDirectoryLock(directory) if directory is not None else None
    try:
        yield directory
    finally:
        if lock is not None:
            lock.release()


@asynccontextmanager
async def gateway_of(settings: Settings, directory: Path | None) -> AsyncIterator[Gateway]:
    """Give the gateway, not yet started, with the command socket in the directory we hold.

    On the way out the operators' socket goes first, then what is in flight ends.
    """
    gateway = await build(settings)
    listener = Listener(gateway, directory) if directory is not None else None
    try:
        if listener is not None:
            await listener.start()
        # What is there by now stays; looking through it for garbage would hold up everybody.
        gc.freeze()
        gc.set_threshold(_NEW_OBJECTS)
        log.info("gateway.started")
        yield gateway
    finally:
        if listener is not None:
            await listener.close()
        await gateway.close()
        log.info("gateway.stopped")


class HttpServer(uvicorn.Server):
    """One ASGI application on one socket; signals are its caller's business."""

    def __init__(
        self,
        app: ASGIApp,
        listening: socket.socket,
        *,
        https: certificates.Certificates | None = None,
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
        """Begin to listen, and say so."""
        await super().startup(sockets=sockets)
        self.is_ready.set()


async def until_told(
    servers: Sequence[HttpServer],
    *,
    meanwhile: Coroutine[None, None, None],
) -> None:
    """Run the servers until SIGTERM or SIGINT; a second one waits for nothing.

    `meanwhile` begins with them. What it raises stops them and is raised here; if it has not
    ended when they have, it is cancelled.
    """
    loop = asyncio.get_running_loop()

    def stop() -> None:
        log.info("gateway.draining")
        for server in servers:
            server.force_exit = server.should_exit
            server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    beside = loop.create_task(meanwhile)
    beside.add_done_callback(lambda _: stop() if _failed(beside) else None)
    await asyncio.gather(*(server.run_until_told() for server in servers))
    beside.cancel()
    await asyncio.wait([beside])
    if _failed(beside):
        beside.result()


def _failed(task: asyncio.Task[None]) -> bool:
    return not task.cancelled() and task.exception() is not None


async def _announce(server: HttpServer, ready: Ready[str]) -> None:
    await server.is_ready.wait()
    ready(server.url)


def bind(host: str, port: int) -> socket.socket:
    """Return a socket bound to `host` and `port`, not listening yet.

    Raises Unavailable, which says what to do, when it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        reason = _REASONS.get(error.errno or 0, f"cannot be used: {error.strerror}")
        raise Unavailable(f"Port {port} on {host} {reason}.") from error
    return bound


def _url(bound: socket.socket, *, scheme: str) -> str:
    host, port = bound.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
