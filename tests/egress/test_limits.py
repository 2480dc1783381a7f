"""What comes back is bounded, and so is what is open at once."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from ipaddress import ip_network

import pytest

from jackfield.egress import Egress, Reply, Unreached

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Serve = Callable[[Answer], Awaitable[int]]

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
SECONDS = timedelta(seconds=10)


@pytest.fixture
async def egress() -> AsyncIterator[Egress]:
    async with Egress(allow=[ip_network("127.0.0.0/8")]) as door:
        yield door


async def post(
    egress: Egress, port: int, *, body: bytes = b"{}", **headers: str
) -> Reply | Unreached:
    return await egress.post(
        f"http://127.0.0.1:{port}/hook?a=b%20c",
        body=body,
        headers=headers,
        connect_timeout=SECONDS,
        total_timeout=SECONDS,
    )


async def read_request(reader: asyncio.StreamReader) -> tuple[list[str], bytes]:
    """Return the lines of a request's head, and its body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    lengths = [int(line.split(":")[1]) for line in head if line.lower().startswith("content-len")]
    return head, await reader.readexactly(sum(lengths))


def always(answer: bytes) -> Answer:
    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(answer)

    return visit


async def test_nothing_is_decompressed(egress: Egress, serve: Serve) -> None:
    bomb = gzip.compress(bytes(1_000_000))
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(bomb)}\r\n\r\n"
    port = await serve(always(head.encode() + bomb))

    answer = await post(egress, port)

    assert isinstance(answer, Reply)
    assert answer.body == bomb


async def test_a_body_that_comes_in_pieces_is_put_together(egress: Egress, serve: Serve) -> None:
    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n")
        for piece in (b"ab", b"cd", b"ef"):
            writer.write(piece)
            await asyncio.sleep(0.02)

    port = await serve(visit)

    answer = await post(egress, port)

    assert isinstance(answer, Reply)
    assert (answer.body, answer.is_cut) == (b"abcdef", False)


@pytest.mark.parametrize("size", [0, 1, 16 * 1024 - 1, 16 * 1024])
async def test_a_body_within_the_limit_is_whole(egress: Egress, serve: Serve, size: int) -> None:
    head = f"HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n".encode()
    port = await serve(always(head + bytes(size)))

    answer = await post(egress, port)

    assert isinstance(answer, Reply)
    assert (answer.body, answer.is_cut) == (bytes(size), False)


async def test_a_larger_limit_can_be_asked_for(egress: Egress, serve: Serve) -> None:
    port = await serve(always(b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n" + bytes(99_999)))

    answer = await egress.request(
        "GET",
        f"http://127.0.0.1:{port}/",
        headers={},
        connect_timeout=SECONDS,
        total_timeout=SECONDS,
        body_limit=100_000,
    )

    assert isinstance(answer, Reply)
    assert (answer.body, answer.is_cut) == (bytes(99_999), False)


@pytest.mark.parametrize("coding", [b"content-length: 999999999", b"transfer-encoding: chunked"])
async def test_an_endless_body_is_cut_and_hung_up_on(
    egress: Egress, serve: Serve, coding: bytes
) -> None:
    hung_up = asyncio.Event()

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n" + coding + b"\r\n\r\n")
        try:
            while True:
                writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
                await writer.drain()
        except OSError:
            hung_up.set()

    port = await serve(visit)

    answer = await post(egress, port)

    assert isinstance(answer, Reply)
    assert (answer.status, len(answer.body), answer.is_cut) == (200, 16 * 1024, True)
    assert await asyncio.wait_for(hung_up.wait(), 10)


async def test_no_more_connections_are_used_than_agreed(serve: Serve) -> None:
    now = most = 0

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await read_request(reader)
        await asyncio.sleep(0.01)
        now -= 1
        writer.write(OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))

    port = await serve(visit)

    async with Egress(allow=[ip_network("127.0.0.0/8")], connections=2) as egress:
        answers = await asyncio.gather(*(post(egress, port) for _ in range(10)))

    assert all(isinstance(answer, Reply) for answer in answers)
    assert most == 2
