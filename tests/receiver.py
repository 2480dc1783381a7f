"""A real application on loopback that keeps what it receives and answers as it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web


@dataclass(frozen=True)
class Received:
    """One webhook as it came over the wire."""

    headers: dict[str, str]
    body: bytes
    path: str

    @property
    def document(self) -> dict[str, Any]:
        """The webhook's JSON."""
        return dict(json.loads(self.body))

    @property
    def text(self) -> str:
        """The words of a text message."""
        return str(self.document["text"])

    @property
    def webhook_id(self) -> str:
        """The delivery's id."""
        return self.headers["webhook-id"]


Behaviour = Callable[[Received], Awaitable[web.StreamResponse | int]]


async def accept(_: Received) -> int:
    """Answer 200 to everything."""
    return 200


class Receiver:
    """Serves any path by POST; `behave` may be replaced while it runs."""

    def __init__(self, behave: Behaviour = accept) -> None:
        self.received: list[Received] = []
        self.behave = behave
        self._news = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=16 * 1024 * 1024)
        application.router.add_post("/{path:.*}", self._hear)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/inbound"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    @property
    def texts(self) -> list[str]:
        """What was said, in the order it came."""
        return [one.text for one in self.received]

    async def until(self, number: int, *, seconds: float = 20) -> list[Received]:
        """Wait until so many webhooks came; the limit only ends a test that has failed."""
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(lambda: len(self.received) >= number)
        return self.received

    async def _hear(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        received = Received(headers, await request.read(), request.path)
        answer: Any = await self.behave(received)
        async with self._news:
            self.received.append(received)
            self._news.notify_all()
        return web.Response(status=answer) if isinstance(answer, int) else answer
