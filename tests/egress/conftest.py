"""Strangers on loopback, and a witness of every connection this process tries to make."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_witnesses: list[list[str]] = []


def _on_audit(event: str, args: tuple[object, ...]) -> None:
    # The interpreter itself reports each connect(), so nothing of ours has to be replaced.
    if event == "socket.connect" and _witnesses:
        address = args[1]
        if isinstance(address, tuple):
            _witnesses[-1].append(str(address[0]))


sys.addaudithook(_on_audit)


@pytest.fixture
def connects() -> Iterator[list[str]]:
    """List the addresses that connect() was called for while the test ran."""
    seen: list[str] = []
    _witnesses.append(seen)
    yield seen
    _witnesses.remove(seen)


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Answer], Awaitable[int]]]:
    """Start a stranger on 127.0.0.1 who treats each connection as told; returns its port."""
    servers: list[asyncio.Server] = []
    visits: set[asyncio.Task[None]] = set()

    async def start(answer: Answer) -> int:
        async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            visits.add(task)
            try:
                await answer(reader, writer)
            except (OSError, asyncio.IncompleteReadError):
                return  # the visitor left first
            finally:
                writer.close()

        server = await asyncio.start_server(visit, "127.0.0.1", 0)
        servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    yield start
    for server in servers:
        server.close()
    for task in visits:
        task.cancel()
    await asyncio.gather(*visits, return_exceptions=True)
