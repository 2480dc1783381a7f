"""What another process on the same PostgreSQL is about, while something is done here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg

from databases import look, open_store
from jackfield.messages import Event
from taking_back import THEN
from world import World


@asynccontextmanager
async def nobody_stores_messages(url: str) -> AsyncIterator[None]:
    """Keep every process from storing a message, as far as it has come by then."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE messages IN SHARE MODE")
            yield
    finally:
        await connection.close()


async def until_waiting(url: str, number: int) -> None:
    """Wait until so many statements wait for a lock."""
    async with asyncio.timeout(20):
        while await look(url, "SELECT count(*) FROM pg_locks WHERE NOT granted") != [(number,)]:
            await asyncio.sleep(0.01)


@asynccontextmanager
async def stored_elsewhere_while(world: World, url: str, *events: Event) -> AsyncIterator[None]:
    """Let another process be storing this, until what is done here waits for it or has ended."""
    other = await open_store(url)
    try:
        async with nobody_stores_messages(url):
            storing = asyncio.create_task(replace(world, store=other).hear(*events, at=THEN))
            await until_waiting(url, 1)
            yield
        await storing
    finally:
        await other.close()
