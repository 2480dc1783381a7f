"""What goes wrong on the way is a value, and ends in time."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from ipaddress import ip_network

import pytest
from aiohttp import ClientConnectorError, ClientTimeout
from aiohttp.client_reqrep import ConnectionKey

from jackfield.egress import Egress, Failure, Reply, Unreached
from jackfield.egress.answers import unreached

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Serve = Callable[[Answer], Awaitable[int]]

LOOPBACK = ip_network("127.0.0.0/8")
SECONDS = timedelta(seconds=10)
SOON = timedelta(milliseconds=200)


@pytest.fixture
async def egress() -> AsyncIterator[Egress]:
    async with Egress(allow=[LOOPBACK]) as door:
        yield door


async def post(
    egress: Egress, url: str, *, total: timedelta = SECONDS, connect: timedelta = SECONDS
) -> Reply | Unreached:
    return await egress.post(
        url,
        body=b"{}",
        headers={"Authorization": "Bearer hunter2"},
        connect_timeout=connect,
        total_timeout=total,
    )


def says(*parts: bytes, then_hang: bool = False, then_reset: bool = False) -> Answer:
    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        for part in parts:
            writer.write(part)
            await writer.drain()
        if then_hang:
            await asyncio.Event().wait()
        if then_reset:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    return visit


def repeats(start: bytes, part: bytes, *, pause: float = 0) -> Answer:
    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        writer.write(start)
        while True:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)

    return visit


HEAD = b"HTTP/1.1 200 OK\r\n"
HALF = HEAD + b"content-length: 100\r\n\r\n" + b"x" * 50
KILOBYTE = b"x" * 1000


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (says(), Failure.BROKEN),
        (says(HEAD), Failure.BROKEN),
        (says(HEAD, then_reset=True), Failure.BROKEN),
        (says(HALF), Failure.BROKEN),
        (says(HALF, then_reset=True), Failure.BROKEN),
        (says(HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nab"), Failure.BROKEN),
        (says(b"SSH-2.0-OpenSSH_9.6\r\n"), Failure.BAD_RESPONSE),
        (says(b"\x00\x01\x02" * 100), Failure.BAD_RESPONSE),
        (says(b"HTTP/1.1 OK\r\n\r\n"), Failure.BAD_RESPONSE),
        (says(HEAD + b"content-length: many\r\n\r\n"), Failure.BAD_RESPONSE),
        (says(HEAD + b"transfer-encoding: chunked\r\n\r\nnumber\r\n"), Failure.BAD_RESPONSE),
        (repeats(HEAD + b"a: ", KILOBYTE), Failure.BAD_RESPONSE),
        (repeats(HEAD, b"a: " + KILOBYTE + b"\r\n"), Failure.BAD_RESPONSE),
        (repeats(HEAD, b"a:\r\n"), Failure.BAD_RESPONSE),
        (repeats(HEAD + b"a", KILOBYTE), Failure.BAD_RESPONSE),
        (repeats(b"HTTP/1.1 200 ", KILOBYTE), Failure.BAD_RESPONSE),
        (says(HEAD + (b"a: " + KILOBYTE + b"\r\n") * 40 + b"\r\n"), Failure.BAD_RESPONSE),
        (says(then_hang=True), Failure.TIMED_OUT),
        (says(HEAD, then_hang=True), Failure.TIMED_OUT),
        (says(HALF, then_hang=True), Failure.TIMED_OUT),
        (repeats(HEAD, b"a", pause=0.02), Failure.TIMED_OUT),
        (repeats(HEAD + b"content-length: 9999\r\n\r\n", b"a", pause=0.02), Failure.TIMED_OUT),
        (repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n", pause=0.02), Failure.TIMED_OUT),
    ],
)
async def test_a_bad_answer_is_a_failure_and_ends_in_time(
    egress: Egress, serve: Serve, answer: Answer, failure: Failure
) -> None:
    port = await serve(answer)

    outcome = await post(
        egress, f"http://127.0.0.1:{port}/", total=SOON if failure == "timed_out" else SECONDS
    )

    assert isinstance(outcome, Unreached)
    assert outcome.failure == failure
    assert outcome.detail


async def test_a_closed_port_refuses(egress: Egress) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

        outcome = await post(egress, f"http://127.0.0.1:{port}/")

    assert outcome == Unreached(Failure.REFUSED, "The connection was refused.")


async def test_a_listener_that_takes_nobody_in_times_out(egress: Egress) -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for guest in (first, second):
            guest.settimeout(0)
            guest.connect_ex(full.getsockname())

        outcome = await post(egress, f"http://127.0.0.1:{full.getsockname()[1]}/", connect=SOON)

    assert outcome == Unreached(Failure.TIMED_OUT, "No connection within 0.2 s.")


@pytest.mark.parametrize("number", [socket.EAI_NONAME, socket.EAI_AGAIN])
async def test_a_name_nobody_knows_is_not_resolved(number: int) -> None:
    async def resolve(name: str) -> Sequence[str]:
        raise socket.gaierror(number, "no")

    async with Egress(resolve=resolve) as egress:
        outcome = await post(egress, "http://nobody.example/")

    assert isinstance(outcome, Unreached)
    assert outcome.failure == Failure.NAME_NOT_RESOLVED


async def test_a_name_without_an_address_is_not_resolved() -> None:
    async def resolve(name: str) -> Sequence[str]:
        return []

    async with Egress(resolve=resolve) as egress:
        outcome = await post(egress, "http://nobody.example/")

    assert isinstance(outcome, Unreached)
    assert outcome.failure == Failure.NAME_NOT_RESOLVED


async def test_a_name_server_that_hangs_times_out() -> None:
    async def resolve(name: str) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    async with Egress(resolve=resolve) as egress:
        outcome = await post(egress, "http://slow.example/", total=SOON)

    assert isinstance(outcome, Unreached)
    assert outcome.failure == Failure.TIMED_OUT


@pytest.mark.parametrize("value", ["a\r\nB: c", "a\nb", "a\x00b"])
async def test_a_header_that_cannot_be_sent_is_a_failure_that_does_not_repeat_it(
    egress: Egress, serve: Serve, value: str
) -> None:
    port = await serve(says(HEAD + b"content-length: 0\r\n\r\n"))

    outcome = await egress.post(
        f"http://127.0.0.1:{port}/",
        body=b"{}",
        headers={"X-Token": "hunter2" + value},
        connect_timeout=SECONDS,
        total_timeout=SECONDS,
    )

    assert isinstance(outcome, Unreached)
    assert outcome.failure == Failure.BAD_HEADER
    assert "hunter2" not in outcome.detail


async def test_a_failure_harms_no_later_request(egress: Egress, serve: Serve) -> None:
    answers = [says(HALF), says(b"nonsense\r\n"), says(HEAD + b"content-length: 2\r\n\r\nok")]

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answers.pop(0)(reader, writer)

    port = await serve(visit)

    outcomes = [await post(egress, f"http://127.0.0.1:{port}/") for _ in range(3)]

    kinds = [o.body if isinstance(o, Reply) else o.failure for o in outcomes]
    assert kinds == [Failure.BROKEN, Failure.BAD_RESPONSE, b"ok"]


async def test_closing_ends_what_is_under_way(serve: Serve) -> None:
    port = await serve(says(then_hang=True))
    egress = Egress(allow=[LOOPBACK])
    task = asyncio.create_task(post(egress, f"http://127.0.0.1:{port}/"))
    await asyncio.sleep(0.1)

    await egress.close()
    outcome = await task

    assert isinstance(outcome, Unreached)
    assert outcome.failure == Failure.BROKEN


async def test_who_asks_no_longer_is_not_answered(egress: Egress, serve: Serve) -> None:
    arrived = asyncio.Event()

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n{}")
        arrived.set()
        await asyncio.Event().wait()

    port = await serve(visit)
    task = asyncio.create_task(post(egress, f"http://127.0.0.1:{port}/"))
    await arrived.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("number", [errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EMFILE])
def test_a_connection_that_could_not_be_tried_is_unreachable(number: int) -> None:
    to = ConnectionKey("app.example", 80, False, True, None, None, None)  # noqa: FBT003 - a tuple
    error = ClientConnectorError(to, OSError(number, "no"))

    outcome = unreached(error, timeout=ClientTimeout(total=1, sock_connect=1))

    assert outcome == Unreached(Failure.UNREACHABLE, "There is no way to the host.")


async def test_closing_leaves_no_thread_behind() -> None:
    async with Egress() as egress:
        await post(egress, "http://localhost/")
        before = [thread for thread in threading.enumerate() if "lookup" in thread.name]

    for thread in before:
        thread.join(10)
    assert before
    assert not any(thread.is_alive() for thread in before)
