"""What the applications write down, and in which order."""

from __future__ import annotations

import asyncio

import pytest

from ledger import manners
from ledger.applications import Applications
from ledger.logs import Ticks
from ledger.manners import Manner

ENOUGH = 100_000
"""Bytes of an answer without end."""


async def send(port: int, webhook_id: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        f"POST /red HTTP/1.1\r\nhost: x\r\nwebhook-id: {webhook_id}\r\ncontent-length: 2\r\n\r\n"
    )
    writer.write(head.encode() + b"{}")
    return reader, writer


async def test_an_answer_without_end_was_given_before_its_connection_ends() -> None:
    async with Applications(Ticks()) as applications:
        applications.manners = lambda _webhook_id, _ordinal: (Manner.ENDLESS, 0.0)
        reader, writer = await send(applications.port, "one")
        await reader.readexactly(ENOUGH)

        applications.manners = manners.well
        next_reader, next_writer = await send(applications.port, "two")
        await next_reader.readuntil(b"\r\n\r\n")

        one, two = applications.requests
        assert one.is_accepted
        assert one.ended is not None
        assert one.ended < two.arrived
        writer.close()
        next_writer.close()


@pytest.mark.parametrize("manner", [Manner.ENDLESS, Manner.HANG])
async def test_who_hangs_up_before_a_word_of_the_answer_has_nothing(manner: Manner) -> None:
    async with Applications(Ticks()) as applications:
        applications.manners = lambda _webhook_id, _ordinal: (manner, 60.0)
        arrived = asyncio.Event()
        applications.arrived = lambda _request: arrived.set()
        _, writer = await send(applications.port, "one")
        await arrived.wait()

        writer.close()
        await applications.settled()

        (one,) = applications.requests
        assert not one.is_accepted
        assert one.ended is not None
