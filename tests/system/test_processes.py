"""Several gateways on one PostgreSQL: all accept, one delivers, and another takes its place."""

from __future__ import annotations

import asyncio
from pathlib import Path

from receiver import Receiver
from system.installation import Client, Gateway, Installation, post_webhook, spoken, webhook

ANN, PAGE = "700000000000001", "2001"


async def post(gateway: Gateway, numbers: range) -> None:
    for n in numbers:
        assert await post_webhook(gateway, webhook([spoken(PAGE, (ANN, str(n)))])) == 200


async def test_what_any_of_them_accepts_is_delivered_in_order_also_after_a_kill(
    tmp_path: Path, postgres_url: str
) -> None:
    installation = Installation(tmp_path, postgres_url, {"JACKFIELD_OWNERSHIP": "trust"})
    await installation.meta_app()
    made = await installation.command("tenants", "create", "Acme")
    async with Receiver() as receiver, installation.serving() as second:
        async with installation.serving() as first:
            acme = Client(first, made["api_key"], made["api_secret"])
            await acme.page(PAGE, await acme.application(receiver.url))
            for n in range(10):
                await post(first if n % 2 else second, range(n, n + 1))
            await receiver.until(10)
            second.kill()
            await second.ended()
            await post(first, range(10, 20))
            await receiver.until(20)
        await asyncio.sleep(0.3)  # what should not come would come now

    # What was in flight in the killed process may come again, with the same id and bytes.
    assert list(dict.fromkeys(receiver.texts)) == [str(n) for n in range(20)]
    assert len({(one.webhook_id, one.body) for one in receiver.received}) == 20
    assert len(receiver.received) - 20 <= 1


async def test_a_revoked_secret_opens_nothing_in_any_of_them_a_second_later(
    tmp_path: Path, postgres_url: str
) -> None:
    installation = Installation(tmp_path, postgres_url)
    made = await installation.command("tenants", "create", "Acme")
    added = await installation.command("tenants", "secrets", "add", made["api_key"])
    async with installation.serving() as first, installation.serving() as second:

        async def statuses(secret: str) -> list[int]:
            """Return what each process answers, asked twice: it may remember the secret."""
            callers = [Client(each, made["api_key"], secret) for each in (first, second) * 2]
            return [(await each.call("GET", "/beta/chatapp-accounts"))[0] for each in callers]

        before = await statuses(added["api_secret"])
        await installation.command(
            "tenants", "secrets", "revoke", made["api_key"], str(added["id"])
        )
        await asyncio.sleep(1)

        assert before == [200] * 4
        assert await statuses(added["api_secret"]) == [401] * 4
        assert await statuses(made["api_secret"]) == [200] * 4
