"""A gateway as it is installed: on a socket, and with the operator's contracts."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.types import ASGIApp

from gateway import Doors
from jackfield.cli.front import HttpServer
from jackfield.clock import now


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """Serve an application on loopback as `jackfield serve` does, and give its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = HttpServer(app, listening)
        running = asyncio.create_task(server.run_until_told())
        await server.is_ready.wait()
        try:
            yield server.url
        finally:
            server.should_exit = True
            await running


async def partners(doors: Doors, name: str = "main") -> None:
    """Put a contract with each partner there, for everybody."""
    apps, store = doors.gateway.provider_apps, doors.gateway.store
    for kind in ("google", "infobip"):
        await store.commit(apps.add(kind, name, sealed={}, now=now()))
        found = await store.read(apps.find(kind, name))
        assert found is not None
        await store.commit(apps.grant_all(found.id))
