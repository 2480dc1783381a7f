"""A link to an application that another process is deleting, or taking the messages from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from databases import look
from external_accounts import BASE, CANNOT_LINK, PAGE
from gateway import Answer, Client, Doors, application, opened
from small_units import Refusal, add_then_refuse, rename_slowly

APPLICATIONS = "/v2/applications"
ONE = BASE + "/messenger/12345678"

Ask = Callable[[Client, str], Coroutine[Any, Any, Answer]]


async def link(caller: Client, number: str) -> Answer:
    return await caller.post(ONE + "/applications", {"application": number})


async def swap(caller: Client, number: str) -> Answer:
    return await caller.ask("PATCH", ONE, body={"applications": [number]})


async def create(caller: Client, number: str) -> Answer:
    body = PAGE | {"external_id": "2", "applications": [number]}
    return await caller.post(BASE + "/messenger", body)


LINKING = pytest.mark.parametrize("ask", [link, swap, create])


@asynccontextmanager
async def another_process(url: str, number: str) -> AsyncIterator[asyncpg.Connection]:
    """Hold an application as another process does that is about to change or delete it."""
    other = await asyncpg.connect(url)
    try:
        async with other.transaction():
            await other.execute("SELECT id FROM applications WHERE id = $1 FOR UPDATE", number)
            yield other
    finally:
        await other.close()


async def until_somebody_waits(url: str) -> None:
    async with asyncio.timeout(20):
        while await look(url, "SELECT count(*) FROM pg_locks WHERE NOT granted") == [(0,)]:
            await asyncio.sleep(0.01)


@LINKING
@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM applications WHERE id = $1",
        "UPDATE applications SET webhook_version = NULL, version = 2 WHERE id = $1",
    ],
    ids=["delete", "mute"],
)
async def test_who_links_to_what_another_process_takes_away_is_told_that_it_cannot(
    postgres_url: str, ask: Ask, change: str
) -> None:
    async with opened(postgres_url) as doors:
        caller = await doors.tenant()
        await caller.post(BASE + "/messenger", PAGE)
        number = await application(caller)

        async with another_process(postgres_url, number) as other:
            asking = asyncio.create_task(ask(caller, number))
            await until_somebody_waits(postgres_url)
            await other.execute(change, number)
        answer = await asking

    assert (answer.status, answer.json) == (403, CANNOT_LINK)
    assert await look(
        postgres_url, "SELECT count(*) FROM accounts WHERE application_id IS NOT NULL"
    ) == [(0,)]


async def test_a_batch_that_is_run_again_for_a_neighbour_is_told_the_same(
    postgres_url: str,
) -> None:
    async with opened(postgres_url) as doors:
        caller, commit = await doors.tenant(), doors.gateway.store.commit
        await caller.post(BASE + "/messenger", PAGE)
        number = await application(caller)

        async with another_process(postgres_url, number) as other:
            busy = asyncio.create_task(commit(rename_slowly("acme0001", name="A", seconds=0.3)))
            await asyncio.sleep(0.1)
            asking = asyncio.create_task(link(caller, number))
            await asyncio.sleep(0.1)
            failing = asyncio.create_task(commit(add_then_refuse("neighbour")))
            await busy
            await until_somebody_waits(postgres_url)
            await other.execute("DELETE FROM applications WHERE id = $1", number)
        answer = await asking
        with pytest.raises(Refusal):
            await failing

    assert (answer.status, answer.json) == (403, CANNOT_LINK)


@LINKING
async def test_links_and_a_deletion_at_once_are_made_or_refused(
    database_url: str, ask: Ask
) -> None:
    async with opened(database_url) as here:
        caller = await here.tenant()
        await caller.post(BASE + "/messenger", PAGE)
        async with opened_again(database_url, here) as there:
            elsewhere = replace(caller, asgi=there.asgi)
            for _ in range(8):
                number = await application(caller)
                deleted, answer = await asyncio.gather(
                    elsewhere.ask("DELETE", f"{APPLICATIONS}/{number}"), ask(caller, number)
                )
                await caller.ask("DELETE", BASE + "/messenger/2")

                assert deleted.status == 204
                assert answer.status in {200, 201} or answer.json == CANNOT_LINK

    rows = "SELECT count(*) FROM accounts WHERE application_id IS NOT NULL"
    assert await look(database_url, rows) == [(0,)]


@asynccontextmanager
async def opened_again(url: str, here: Doors) -> AsyncIterator[Doors]:
    """Open a second process, where there may be one; SQLite has one writer."""
    if url.startswith("sqlite:"):
        yield here
        return
    async with opened(url) as there:
        yield there
