"""Every path there is, and what becomes of the others."""

from __future__ import annotations

import pytest
from starlette.types import Message

from gateway import Doors


@pytest.mark.parametrize("path", ["/healthz", "/beta/chatapp-accounts", "/readyz"])
async def test_a_head_is_a_get_without_the_body(sqlite_doors: Doors, path: str) -> None:
    caller = await sqlite_doors.tenant()

    whole, head = await caller.get(path), await caller.ask("HEAD", path)

    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"]


async def test_a_web_socket_is_closed(sqlite_doors: Doors) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(dict(message))

    scope = {"type": "websocket", "path": "/", "raw_path": b"/", "headers": []}
    await sqlite_doors.asgi(scope, receive, send)

    assert sent == [{"type": "websocket.close"}]


@pytest.mark.parametrize("path", ["/", "/healthz/", "/Healthz", "/webhooks/meta/main/more"])
async def test_a_path_means_exactly_what_it_says(sqlite_doors: Doors, path: str) -> None:
    answer = await sqlite_doors.anybody().get(path)

    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"
