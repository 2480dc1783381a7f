"""A stranger's request head is bounded in size and in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from jackfield.api.bounded_http import HEAD_LIMIT, BoundedHttp


class Hurried(BoundedHttp):
    """The same with little patience, so that a test need not wait."""

    head_deadline = 0.2


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "/echo":
        length = [(b"content-length", b"4")]
        said = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        await send({"type": "http.response.body", "body": said})
        return
    length = [(b"content-length", b"5")]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": b"hello"})


@asynccontextmanager
async def serving(protocol: type[BoundedHttp]) -> AsyncIterator[int]:
    config = uvicorn.Config(hello, port=0, http=protocol, lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await task


async def answer(port: int, *pieces: bytes) -> bytes:
    """Return all that comes back until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


async def test_a_request_in_pieces_is_answered() -> None:
    async with serving(BoundedHttp) as port:
        said = await answer(
            port,
            b"GET / HTTP/1.1\r\nHost: gate",
            b"way.example\r\nConnection: close\r\n",
            b"\r\n",
        )

    assert said.startswith(b"HTTP/1.1 200")
    assert said.endswith(b"hello")


async def test_a_head_that_never_ends_is_refused() -> None:
    async with serving(BoundedHttp) as port:
        endless = [b"x" * 16_384] * (HEAD_LIMIT // 16_384 + 2)
        try:
            said = await answer(port, b"GET / HTTP/1.1\r\nCookie: ", *endless)
        except ConnectionError:
            said = b"HTTP/1.1 431 "  # the rest of what was sent met a closed connection

    assert said.startswith(b"HTTP/1.1 431 ")


async def test_an_answer_without_a_body_is_not_kept_back() -> None:
    async with serving(BoundedHttp) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(b"HEAD / HTTP/1.1\r\nHost: gateway.example\r\n\r\n")
            async with asyncio.timeout(10):
                head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
        writer.close()


async def test_a_client_that_asks_first_is_told_to_go_on() -> None:
    ask = b"POST /echo HTTP/1.1\r\nHost: g\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
    async with serving(BoundedHttp) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(ask)
        async with asyncio.timeout(10):
            go_on = await reader.readuntil(b"\r\n\r\n")
            writer.write(b"body")
            head = await reader.readuntil(b"\r\n\r\n")
            echoed = await reader.readexactly(4)
        writer.close()

    assert go_on == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert head.startswith(b"HTTP/1.1 200")
    assert echoed == b"body"


async def test_what_is_no_http_is_told_so() -> None:
    async with serving(BoundedHttp) as port:
        said = await answer(port, b"what?\r\n\r\n")

    assert said.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("beginning", [b"", b"GET / HTTP/1.1\r\nHost: gate"])
async def test_a_head_that_does_not_come_ends_the_connection(beginning: bytes) -> None:
    async with serving(Hurried) as port:
        said = await answer(port, beginning)

    assert said == b""


async def test_a_kept_connection_has_its_time_anew_for_each_request() -> None:
    request = b"GET / HTTP/1.1\r\nHost: gateway.example\r\n\r\n"
    async with serving(Hurried) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            await asyncio.sleep(0.15)
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            await reader.readuntil(b"hello")
        writer.close()
