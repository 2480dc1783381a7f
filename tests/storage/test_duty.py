"""Of several processes on one PostgreSQL, one delivers; another takes over when it is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from databases import look
from jackfield.storage.duty import PostgresDuty
from jackfield.storage.sole_duty import SoleDuty

PATIENCE = 20


@asynccontextmanager
async def part(url: str, called: Callable[[], None] = lambda: None) -> AsyncIterator[PostgresDuty]:
    duty = PostgresDuty(url, called=called)
    try:
        yield duty
    finally:
        await duty.close()


async def test_one_of_two_is_on_duty_and_the_other_follows_it(postgres_url: str) -> None:
    async with part(postgres_url) as second:
        async with part(postgres_url) as first, asyncio.timeout(PATIENCE):
            await first.taken()
            waiting = asyncio.create_task(second.taken())
            await asyncio.sleep(1.5)  # it has looked at least once by now
            was_early = second.is_on_duty
        async with asyncio.timeout(PATIENCE):
            await waiting

    assert not was_early
    assert not first.is_on_duty


async def test_a_lost_connection_loses_the_duty(postgres_url: str) -> None:
    async with part(postgres_url) as first, part(postgres_url) as second:
        async with asyncio.timeout(PATIENCE):
            await first.taken()
            losing = asyncio.create_task(first.lost())
            await asyncio.sleep(0)
            await look(
                postgres_url,
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'",
            )
            await losing
            lost = not first.is_on_duty
            await second.taken()
            back = asyncio.create_task(first.taken())
            await asyncio.sleep(1.5)
            both = first.is_on_duty
            back.cancel()

    assert lost
    assert not both


async def test_whoever_is_not_on_duty_can_call_the_one_who_is(postgres_url: str) -> None:
    heard = asyncio.Event()
    async with part(postgres_url, heard.set) as first, part(postgres_url) as second:
        await first.taken()

        second.call()

        async with asyncio.timeout(PATIENCE):
            await heard.wait()


async def test_who_is_on_duty_calls_nobody(postgres_url: str) -> None:
    heard = asyncio.Event()
    async with part(postgres_url) as first, part(postgres_url, heard.set) as second:
        await first.taken()
        waiting = asyncio.create_task(second.taken())
        await asyncio.sleep(0.2)

        first.call()
        await asyncio.sleep(0.2)
        waiting.cancel()

    assert not heard.is_set()


async def test_a_lone_process_is_always_on_duty() -> None:
    duty = SoleDuty()

    await duty.taken()
    losing = asyncio.create_task(duty.lost())
    await asyncio.sleep(0.01)

    assert duty.is_on_duty
    assert not losing.done()
    losing.cancel()


async def test_who_stops_on_purpose_keeps_the_duty_until_it_has_drained(postgres_url: str) -> None:
    async with part(postgres_url) as first, part(postgres_url) as second:
        await first.taken()
        working = asyncio.create_task(first.lost())
        await asyncio.sleep(0.1)
        working.cancel()
        await asyncio.wait([working])
        waiting = asyncio.create_task(second.taken())
        await asyncio.sleep(1.5)
        was_early = second.is_on_duty
        await first.close()
        async with asyncio.timeout(PATIENCE):
            await waiting

    assert not was_early
