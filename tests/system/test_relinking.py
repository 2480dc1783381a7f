"""Links change while messages flow: each reaches exactly the application its binding names."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from databases import look
from receiver import Receiver
from system.installation import Client, Gateway, Installation, post_webhook, spoken, webhook

SWAPPED, UNLINKED, DELETED, LEFT = "2001", "2002", "2003", "2004"
PAGES = (SWAPPED, UNLINKED, DELETED, LEFT)
PACE = 0.02
"""Seconds between two webhooks of four messages: two hundred messages a second."""

WEBHOOKS = 200

History = dict[int, str | None]
"""Which application an account was linked to at each version of its link."""


@pytest.fixture
def installation(tmp_path: Path, database_url: str) -> Installation:
    return Installation(tmp_path / "data", database_url, {"JACKFIELD_OWNERSHIP": "trust"})


async def flow(gateway: Gateway) -> None:
    """Let four people write, one to each page, at the pace of a busy hour."""
    posts = []
    for number in range(WEBHOOKS):
        entries = [spoken(page, (f"70{number % 7}", f"{number}")) for page in PAGES]
        posts.append(asyncio.create_task(post_webhook(gateway, webhook(entries))))
        await asyncio.sleep(PACE)
    assert set(await asyncio.gather(*posts)) == {200}


async def swap(client: Client, applications: list[str], history: History) -> None:
    """Swap one page to and fro, in one step each time."""
    account = f"/beta/chatapp-accounts/messenger/{SWAPPED}"
    for turn in range(20):
        wanted = applications[turn % 2]
        before = max(history)
        status, _ = await client.call("PATCH", account, {"applications": [wanted]})
        assert status == 200
        if history[before] != wanted:
            history[before + 1] = wanted
        await asyncio.sleep(0.15)


async def unlink_and_link(client: Client, applications: list[str], history: History) -> None:
    """Take the link from one page, and give it to another application a moment later."""
    links = f"/beta/chatapp-accounts/messenger/{UNLINKED}/applications"
    for turn in range(12):
        linked = history[max(history)]
        status, _ = await client.call("DELETE", f"{links}/{linked}")
        assert status == 204
        history[max(history) + 1] = None
        await asyncio.sleep(0.1)
        wanted = applications[turn % 2]
        status, _ = await client.call("POST", links, {"application": wanted})
        assert status == 200
        history[max(history) + 1] = wanted
        await asyncio.sleep(0.1)


async def delete_and_register(
    client: Client, applications: list[str], histories: list[History]
) -> None:
    """Delete one page and register it anew, linked to another application."""
    for turn in range(8):
        await asyncio.sleep(0.3)
        status, _ = await client.call("DELETE", f"/beta/chatapp-accounts/messenger/{DELETED}")
        assert status == 204
        await client.page(DELETED, applications[turn % 2])
        histories.append({1: applications[turn % 2]})


async def test_every_message_reaches_the_application_that_its_binding_names(
    installation: Installation, database_url: str
) -> None:
    await installation.meta_app()
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(installation.serving())
        receivers = [await stack.enter_async_context(Receiver()) for _ in range(3)]
        made = await installation.command("tenants", "create", "Acme")
        client = Client(gateway, made["api_key"], made["api_secret"])
        applications = [await client.application(receiver.url) for receiver in receivers]
        for page in PAGES:
            await client.page(page, applications[0])
        histories: dict[str, list[History]] = {page: [{1: applications[0]}] for page in PAGES}

        await asyncio.gather(
            flow(gateway),
            swap(client, applications, histories[SWAPPED][0]),
            unlink_and_link(client, applications, histories[UNLINKED][0]),
            delete_and_register(client, applications, histories[DELETED]),
        )
        await until_delivered(database_url)

    heard = {
        one.webhook_id: application
        for application, receiver in zip(applications, receivers, strict=True)
        for one in receiver.received
    }
    owed = await look(
        database_url,
        "SELECT deliveries.id, account_external_id, deliveries.account_id, deliveries.state, "
        "application_id, link_version FROM deliveries "
        "JOIN messages ON messages.id = deliveries.message_id",
    )
    for delivery_id, page, account_id, state, application_id, link_version in owed:
        if state == "dead":  # its account was deleted before it was delivered
            assert page == DELETED
            continue
        assert state == "delivered"
        assert heard[delivery_id] == application_id
        if page != DELETED:
            assert histories[page][0][link_version] == application_id
        else:
            # Each time it was registered, it was linked to one application only.
            linked = {each[4] for each in owed if each[2] == account_id and each[3] != "dead"}
            assert linked == {application_id}
    assert sum(len(receiver.received) for receiver in receivers) == len(heard)
    assert len([row for row in owed if row[1] in {SWAPPED, UNLINKED, LEFT}]) == 3 * WEBHOOKS


async def until_delivered(database_url: str) -> None:
    """Wait until nothing waits for anybody."""
    async with asyncio.timeout(60):
        while await look(
            database_url, "SELECT id FROM deliveries WHERE state IN ('held', 'pending') LIMIT 1"
        ):
            await asyncio.sleep(0.1)
