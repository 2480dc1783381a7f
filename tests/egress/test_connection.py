"""Each request gets one answer, and not before it is sent; who does otherwise is hung up on."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network

import pytest
import uvloop
from aiohttp import ClientOSError, StreamReader
from aiohttp.http import RawResponseMessage

from jackfield.egress import Egress, Failure, Reply, Unreached
from jackfield.egress.answers import OutOfTurn
from jackfield.egress.connection import INTERIM_LIMIT, PIECE, TOO_MANY, UNASKED, Connection

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Serve = Callable[[Answer], Awaitable[int]]

LOOPBACK = ip_network("127.0.0.0/8")
SECONDS = timedelta(seconds=10)
MEGABYTE = 1_000_000

INTERIM = b"HTTP/1.1 103 E\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
UNASKED_OK = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nearly"


@pytest.fixture
async def egress() -> AsyncIterator[Egress]:
    async with Egress(allow=[LOOPBACK]) as door:
        yield door


async def post(egress: Egress, port: int, *, body: bytes = b"{}") -> Reply | Unreached:
    return await egress.post(
        f"http://127.0.0.1:{port}/",
        body=body,
        headers={},
        connect_timeout=SECONDS,
        total_timeout=SECONDS,
    )


def read(outcome: Reply | Unreached) -> bytes | str:
    """Return the body of a reply, or why there is none."""
    return outcome.body if isinstance(outcome, Reply) else outcome.detail


def always(answer: bytes) -> Answer:
    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n{}")
            writer.write(answer)

    return visit


@dataclass
class Flood:
    """Answers one request with interim answers, until it is hung up on or has sent enough."""

    port: int
    sent: int = 0

    ENOUGH = 32 * MEGABYTE

    @classmethod
    @contextmanager
    def listening(cls) -> Iterator[Flood]:
        # On a thread, so that it goes on where the visitor's loop does not.
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            flood = cls(listener.getsockname()[1])
            thread = threading.Thread(target=flood._visited, args=(listener,))
            thread.start()
            yield flood
            thread.join()

    def _visited(self, listener: socket.socket) -> None:
        visitor, _ = listener.accept()
        with visitor:
            visitor.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
            while not visitor.recv(65_536).endswith(b"{}"):
                pass
            try:
                while self.sent < self.ENOUGH:
                    self.sent += visitor.send(INTERIM * 3600)
            except OSError:
                return  # hung up on


@pytest.mark.parametrize(
    "new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
def test_of_endless_interim_answers_few_are_taken(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def attempt(port: int) -> Reply | Unreached:
        async with Egress(allow=[LOOPBACK]) as egress:
            return await post(egress, port)

    with Flood.listening() as flood, asyncio.Runner(loop_factory=new_loop) as runner:
        outcome = runner.run(attempt(flood.port))

    assert outcome == Unreached(Failure.BAD_RESPONSE, TOO_MANY)
    # They are read and passed over in one turn of the loop, so as many bytes are a stall. What
    # counts as sent here may still lie in the system's buffers.
    assert flood.sent < flood.ENOUGH / 2


async def test_of_one_large_read_no_more_than_a_piece_is_parsed() -> None:
    parsed = 0

    class Counted(Connection):
        def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
            nonlocal parsed
            parsed += 1
            super().feed_data(data, size)

    connection = Counted(asyncio.get_running_loop())
    connection.set_response_params()

    connection.data_received(INTERIM * 10_000)

    assert parsed <= PIECE / len(INTERIM)
    assert len(connection) == INTERIM_LIMIT


@pytest.mark.parametrize("interim", [HINTS, CONTINUE], ids=["103", "100"])
@pytest.mark.parametrize("count", [1, INTERIM_LIMIT])
async def test_a_few_interim_answers_before_each_final_one_are_passed_over(
    egress: Egress, serve: Serve, interim: bytes, count: int
) -> None:
    visits = 0

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal visits
        visits += 1
        await always(interim * count + OK)(reader, writer)

    port = await serve(visit)

    outcomes = [await post(egress, port) for _ in range(3)]

    assert [read(outcome) for outcome in outcomes] == [b"ok"] * 3
    assert visits == 1


async def test_one_interim_answer_too_many_is_a_failure_though_a_final_one_follows(
    egress: Egress, serve: Serve
) -> None:
    port = await serve(always(INTERIM * (INTERIM_LIMIT + 1) + OK))

    outcome = await post(egress, port)

    assert outcome == Unreached(Failure.BAD_RESPONSE, TOO_MANY)


async def test_a_large_answer_behind_interim_ones_is_whole(egress: Egress, serve: Serve) -> None:
    body = bytes(range(256)) * 60
    fields = b"x-more: " + b"a" * 9000 + b"\r\n"
    head = b"HTTP/1.1 200 OK\r\n" + fields + b"content-length: %d\r\n\r\n" % len(body)
    port = await serve(always(INTERIM + head + body))

    outcome = await post(egress, port)

    assert read(outcome) == body


@pytest.mark.parametrize(
    "unasked",
    [UNASKED_OK, INTERIM, UNASKED_OK * 10_000],
    ids=["an answer", "an interim answer", "a flood of answers"],
)
async def test_what_a_kept_connection_brings_unasked_answers_no_request(
    egress: Egress, serve: Serve, unasked: bytes
) -> None:
    bodies: list[bytes] = []
    hung_up = asyncio.Event()

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        bodies.append(await reader.readexactly(6))
        writer.write(OK)
        await writer.drain()
        if len(bodies) == 1:
            await asyncio.sleep(0.05)
            writer.write(unasked)
        try:
            await reader.read(1)
        finally:
            hung_up.set()

    port = await serve(visit)

    first = await post(egress, port, body=b"first.")
    await asyncio.sleep(0.2)
    is_dropped = hung_up.is_set()
    second = await post(egress, port, body=b"second")

    assert [read(first), read(second)] == [b"ok", b"ok"]
    assert bodies == [b"first.", b"second"]
    assert is_dropped


async def test_a_second_answer_behind_the_first_takes_nothing_from_it(
    egress: Egress, serve: Serve
) -> None:
    port = await serve(always(OK + UNASKED_OK))

    outcomes = [await post(egress, port) for _ in range(2)]

    assert [read(outcome) for outcome in outcomes] == [b"ok", b"ok"]


async def test_what_a_new_connection_brings_unasked_is_a_failure() -> None:
    connection = Connection(asyncio.get_running_loop())
    connection.data_received(UNASKED_OK)

    connection.set_response_params()

    with pytest.raises(OutOfTurn, match=UNASKED):
        await connection.read()


async def test_what_fails_because_we_hung_up_does_not_hide_why() -> None:
    connection = Connection(asyncio.get_running_loop())
    connection.set_response_params()
    connection.data_received(INTERIM * (INTERIM_LIMIT + 1))
    for _ in range(INTERIM_LIMIT):
        await connection.read()

    connection.set_exception(ClientOSError("Cannot write to closing transport"))

    with pytest.raises(OutOfTurn):
        await connection.read()
