"""A request goes out as given, once, and its answer comes back."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from ipaddress import ip_network

import pytest

from jackfield import __version__
from jackfield.egress import Egress, Reply, Unreached
from receiver import Receiver

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


async def test_a_request_goes_out_as_given(egress: Egress, serve: Serve) -> None:
    requests: list[tuple[list[str], bytes]] = []

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await read_request(reader))
        writer.write(OK)

    port = await serve(visit)

    await post(egress, port, body=b"\x00\xff{}", **{"Content-Type": "application/json", "X": "y"})

    [(head, body)] = requests
    assert body == b"\x00\xff{}"
    assert head[0] == "POST /hook?a=b%20c HTTP/1.1"
    assert {line.partition(": ")[::2] for line in head[1:] if line} == {
        ("Host", f"127.0.0.1:{port}"),
        ("User-Agent", f"Jackfield/{__version__}"),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
        ("Content-Type", "application/json"),
        ("Content-Length", "4"),
        ("X", "y"),
    }


async def test_an_answer_comes_back_whole(egress: Egress, serve: Serve) -> None:
    port = await serve(
        always(b"HTTP/1.1 418 Teapot\r\nRetry-After: 5\r\nX-A: 1\r\nx-a: 2\r\ncontent-length: 3"
               b"\r\n\r\nabc")
    )  # fmt: skip

    answer = await post(egress, port)

    headers = {"retry-after": "5", "x-a": "1, 2", "content-length": "3"}
    assert answer == Reply(418, headers, b"abc")


async def test_a_get_has_no_body(egress: Egress, serve: Serve) -> None:
    requests: list[tuple[list[str], bytes]] = []

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await read_request(reader))
        writer.write(OK)

    port = await serve(visit)

    answer = await egress.get(
        f"http://127.0.0.1:{port}/", headers={}, connect_timeout=SECONDS, total_timeout=SECONDS
    )

    assert isinstance(answer, Reply)
    assert requests[0][0][0] == "GET / HTTP/1.1"
    assert not any(line.startswith("Content-") for line in requests[0][0])


async def test_a_provisional_answer_is_passed_over(egress: Egress, serve: Serve) -> None:
    port = await serve(always(b"HTTP/1.1 100 Continue\r\n\r\n" + OK))

    answer = await post(egress, port)

    assert isinstance(answer, Reply)
    assert answer.status == 200


async def test_a_connection_is_used_again(egress: Egress, serve: Serve) -> None:
    visits = 0

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal visits
        visits += 1
        await always(OK)(reader, writer)

    port = await serve(visit)

    answers = [await post(egress, port) for _ in range(3)]

    assert all(isinstance(answer, Reply) for answer in answers)
    assert visits == 1


async def test_a_connection_closed_while_idle_is_replaced(egress: Egress, serve: Serve) -> None:
    closed = asyncio.Event()

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(OK)
        await writer.drain()
        writer.close()
        closed.set()

    port = await serve(visit)
    await post(egress, port)
    await closed.wait()
    await asyncio.sleep(0.05)

    answer = await post(egress, port)

    assert isinstance(answer, Reply)


async def test_a_post_is_not_sent_again_when_a_kept_connection_breaks(
    egress: Egress, serve: Serve
) -> None:
    bodies: list[bytes] = []

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bodies.append((await read_request(reader))[1])
        writer.write(OK)
        bodies.append((await read_request(reader))[1])

    port = await serve(visit)

    first = await post(egress, port, body=b"first")
    second = await post(egress, port, body=b"second")

    assert isinstance(first, Reply)
    assert isinstance(second, Unreached)
    assert second.failure == "broken"
    assert bodies == [b"first", b"second"]


async def test_a_cookie_is_not_kept(serve: Serve) -> None:
    heads: list[list[str]] = []

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            heads.append((await read_request(reader))[0])
            writer.write(OK.replace(b"\r\n\r\n", b"\r\nset-cookie: a=b; path=/\r\n\r\n"))

    async def resolve(name: str) -> Sequence[str]:
        return ["127.0.0.1"]

    port = await serve(visit)

    # By name: an ordinary jar takes no cookies from bare addresses.
    async with Egress(allow=[ip_network("127.0.0.0/8")], resolve=resolve) as egress:
        for _ in range(2):
            await egress.get(
                f"http://app.example:{port}/",
                headers={},
                connect_timeout=SECONDS,
                total_timeout=SECONDS,
            )

    assert len(heads) == 2
    assert not any(line.lower().startswith("cookie") for head in heads for line in head)


async def test_an_answer_given_before_the_body_was_taken_counts(
    egress: Egress, serve: Serve
) -> None:
    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
        await asyncio.Event().wait()

    port = await serve(visit)

    answer = await post(egress, port, body=bytes(32_000_000))

    assert isinstance(answer, Reply)
    assert answer.status == 413


async def test_a_process_may_die_between_a_request_and_its_answer() -> None:
    async with Receiver() as receiver:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", ONE_REQUEST, receiver.url
        )
        (received,) = await receiver.until(1)
        code = await process.wait()

    assert code == -signal.SIGKILL
    assert received.body == b"hello"


ONE_REQUEST = """
import asyncio, sys
from datetime import timedelta
from ipaddress import ip_network
from jackfield import crashpoints
from jackfield.egress import Egress

async def main():
    crashpoints.arm("sent-no-response")
    second = timedelta(seconds=30)
    async with Egress(allow=[ip_network("127.0.0.0/8")]) as egress:
        await egress.post(
            sys.argv[1], body=b"hello", headers={}, connect_timeout=second, total_timeout=second
        )

asyncio.run(main())
"""
