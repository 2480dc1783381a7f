"""The promise, seen from outside: real processes, real sockets, a provider and applications."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from receiver import Receiver
from system.installation import (
    APP_SECRET,
    VERIFY_TOKEN,
    Client,
    Gateway,
    Installation,
    post_webhook,
    spoken,
    webhook,
)

ANN, BOB = "700000000000001", "700000000000002"
RED, GREEN, BLUE, NOBODYS = "2001", "2002", "2003", "2999"


@pytest.fixture
def installation(tmp_path: Path, database_url: str) -> Installation:
    return Installation(tmp_path / "data", database_url, {"JACKFIELD_OWNERSHIP": "trust"})


async def tenant(installation: Installation, gateway: Gateway, name: str) -> Client:
    """Make a tenant while the server runs, and return its program."""
    made = await installation.command("tenants", "create", name)
    return Client(gateway, made["api_key"], made["api_secret"])


def a_large_webhook() -> dict[str, object]:
    """Return 400 messages for three pages, three broken entries and an unknown page between."""
    entries: list[object] = []
    for n in range(0, 400, 4):
        page = (RED, GREEN, BLUE)[n % 3]
        said = [(person, f"{n + i}") for i, person in enumerate((ANN, ANN, BOB, BOB))]
        entries.append(spoken(page, *said))
    entries[10:10] = [{"id": RED, "messaging": [{"sender": "not an object"}]}]
    entries[50:50] = [{"id": GREEN, "messaging": "not a list"}]
    entries[70:70] = [["not an entry"]]
    entries[30:30] = [spoken(NOBODYS, (ANN, "to nobody"))]
    return webhook(entries)


def expected(page: str) -> dict[str, list[str]]:
    """Return what each person said to a page in the large webhook, in order."""
    said: dict[str, list[str]] = {ANN: [], BOB: []}
    for n in range(0, 400, 4):
        if (RED, GREEN, BLUE)[n % 3] == page:
            said[ANN] += [str(n), str(n + 1)]
            said[BOB] += [str(n + 2), str(n + 3)]
    return said


def heard(receiver: Receiver, page: str) -> dict[str, list[str]]:
    """Return what each person was heard to say to a page, in the order it came."""
    said: dict[str, list[str]] = {ANN: [], BOB: []}
    for one in receiver.received:
        document = one.document
        if document["to"] == page:
            said[document["from"]].append(document["text"])
    return said


async def test_each_application_hears_exactly_its_own_in_order_and_once(
    installation: Installation,
) -> None:
    await installation.meta_app()
    async with (
        installation.serving() as gateway,
        Receiver() as first,
        Receiver() as second,
        Receiver() as third,
    ):
        acme = await tenant(installation, gateway, "Acme")
        globex = await tenant(installation, gateway, "Globex")
        await acme.page(RED, await acme.application(first.url))
        await acme.page(GREEN, await acme.application(second.url))
        await globex.page(BLUE, await globex.application(third.url))

        statuses = [await post_webhook(gateway, a_large_webhook()) for _ in range(2)]
        for receiver, page in ((first, RED), (second, GREEN), (third, BLUE)):
            await receiver.until(sum(map(len, expected(page).values())))
        await asyncio.sleep(0.5)  # what should not come would come now

    assert statuses == [200, 200]
    for receiver, page in ((first, RED), (second, GREEN), (third, BLUE)):
        assert heard(receiver, page) == expected(page)
        assert len(receiver.received) == sum(map(len, expected(page).values()))


async def test_a_claimed_account_is_silent_until_it_is_vouched_for(
    installation: Installation,
) -> None:
    installation.environ = {"JACKFIELD_OWNERSHIP": "prove"}
    await installation.meta_app()
    async with installation.serving() as gateway, Receiver() as receiver:
        acme = await tenant(installation, gateway, "Acme")
        await acme.page(RED, await acme.application(receiver.url))
        for n in range(5):
            assert await post_webhook(gateway, webhook([spoken(RED, (ANN, str(n)))])) == 200
        await asyncio.sleep(0.3)
        heard_while_claimed = len(receiver.received)

        await installation.command("accounts", "vouch", "messenger", RED)
        await receiver.until(5)

    assert heard_while_claimed == 0
    assert receiver.texts == [str(n) for n in range(5)]


@pytest.mark.parametrize("point", ["answered", "picked-not-connected"])
async def test_what_was_acknowledged_is_delivered_after_a_kill(
    installation: Installation,
    point: str,
) -> None:
    await installation.meta_app()
    async with Receiver() as receiver:
        async with installation.serving() as gateway:
            acme = await tenant(installation, gateway, "Acme")
            await acme.page(RED, await acme.application(receiver.url))
        async with installation.serving(JACKFIELD_CRASH_AT=point) as gateway:
            status = await post_webhook(gateway, webhook([spoken(RED, (ANN, "hello"))]))
            ended = await gateway.ended()
        heard_before = len(receiver.received)

        async with installation.serving():
            await receiver.until(1)

    assert (status, ended, heard_before) == (200, -9, 0)
    assert receiver.texts == ["hello"]


async def test_a_kill_before_the_outcome_is_recorded_repeats_the_same_id_and_bytes(
    installation: Installation,
) -> None:
    await installation.meta_app()
    async with Receiver() as receiver:
        async with installation.serving() as gateway:
            acme = await tenant(installation, gateway, "Acme")
            await acme.page(RED, await acme.application(receiver.url))
        async with installation.serving(JACKFIELD_CRASH_AT="response-not-recorded") as gateway:
            await post_webhook(gateway, webhook([spoken(RED, (ANN, "hello"))]))
            ended = await gateway.ended()
        async with installation.serving():
            first, second = await receiver.until(2)

    assert ended == -9
    assert first.webhook_id == second.webhook_id
    assert first.body == second.body


async def test_a_kill_before_commit_leaves_nothing_and_acknowledges_nothing(
    installation: Installation,
) -> None:
    await installation.meta_app()
    async with Receiver() as receiver:
        async with installation.serving() as gateway:
            acme = await tenant(installation, gateway, "Acme")
            await acme.page(RED, await acme.application(receiver.url))
        document = webhook([spoken(RED, (ANN, "hello"))])
        async with installation.serving(JACKFIELD_CRASH_AT="verified-not-queued") as gateway:
            with pytest.raises(aiohttp.ClientError):
                await post_webhook(gateway, document)
        async with installation.serving() as gateway:
            await asyncio.sleep(0.3)
            heard_before = len(receiver.received)
            assert await post_webhook(gateway, document) == 200
            await receiver.until(1)

    assert heard_before == 0
    assert receiver.texts == ["hello"]


async def test_no_secret_is_in_a_log_a_metric_or_the_database(
    installation: Installation,
    tmp_path: Path,
) -> None:
    chosen = "canary-chosen-api-secret-91f2"
    await installation.meta_app()
    async with installation.serving(JACKFIELD_LOG_LEVEL="debug") as gateway:
        made = await installation.command("tenants", "create", "Acme")
        other = await installation.command("tenants", "create", "B", "--api-secret", chosen)
        async with Receiver() as receiver:
            acme = Client(gateway, made["api_key"], made["api_secret"])
            await acme.page(RED, await acme.application(receiver.url))
            number = {
                "external_id": "447700900123",
                "credentials": {
                    "phone_number_id": "106000000000001",
                    "access_token": "canary-whatsapp-token-3c3c",
                },
            }
            await acme.call("POST", "/beta/chatapp-accounts/whatsapp", number)
            await Client(gateway, other["api_key"], chosen).call("GET", "/beta/chatapp-accounts")
            await Client(gateway, made["api_key"], "canary-wrong-secret").call(
                "GET",
                "/beta/chatapp-accounts?access_token=canary-in-a-query",
            )
            said = webhook([spoken(RED, (ANN, "canary-what-ann-said"))])
            assert await post_webhook(gateway, said) == 200
            await receiver.until(1)
        async with (
            aiohttp.ClientSession() as session,
            session.get(gateway.url + "/metrics") as answer,
        ):
            metrics = await answer.read()
        stored = await everything_stored(installation)

    credentials = [
        APP_SECRET,
        VERIFY_TOKEN,
        chosen,
        made["api_secret"],
        made["signature_secret"],
        made["webhook_secret"],
        other["signature_secret"],
        "canary-page-token-0b7e",
        "canary-whatsapp-token-3c3c",
    ]
    never_logged = [*credentials, "canary-wrong", "canary-in-a-query", "canary-what-ann-said"]
    log = b"".join(installation.log)
    assert b"delivery.attempted" in log
    assert b"jackfield_" in metrics
    assert b"canary-what-ann-said" in stored
    for secret in never_logged:
        assert secret.encode() not in log
        assert secret.encode() not in metrics
    for secret in credentials:
        assert secret.encode() not in stored


async def everything_stored(installation: Installation) -> bytes:
    """Return every byte in the database: SQLite's files with the WAL, or every row as text."""
    if installation.database_url.startswith("sqlite:///"):
        path = Path(installation.database_url.removeprefix("sqlite:///"))
        return b"".join(each.read_bytes() for each in path.parent.glob(f"{path.name}*"))
    import asyncpg  # noqa: PLC0415 -- only on that engine

    connection = await asyncpg.connect(installation.database_url)
    try:
        tables = await connection.fetch(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'",
        )
        rows = [
            record
            for (table,) in tables
            for record in await connection.fetch(f"SELECT * FROM {table}")  # noqa: S608 -- our own
        ]
    finally:
        await connection.close()
    values = [value for record in rows for value in record if value is not None]
    return b"\n".join(v if isinstance(v, bytes) else str(v).encode() for v in values)
