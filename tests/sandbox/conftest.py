"""The receiver as it runs in the demo: on a real port of loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from jackfield.cli.front import HttpServer
from jackfield.cli.ports import bind
from jackfield.delivery.signing import webhook_secret
from jackfield.sandbox.receiver import Received, Receiver
from sandbox.listening import SECRET, Page


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    """A receiver that listens."""
    arrived: list[Received] = []
    receiver = Receiver(arrived=arrived.append)
    receiver.expect(SECRET, webhook_secret(SECRET))
    server = HttpServer(receiver.app(), bind("127.0.0.1", 0))
    running = asyncio.create_task(server.run_until_told())
    await server.is_ready.wait()
    yield Page(server.url, receiver, arrived)
    server.should_exit = True
    await running
