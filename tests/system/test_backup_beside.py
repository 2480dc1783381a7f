"""A backup beside a busy server: nobody waits for it, and it holds everything until then."""

from __future__ import annotations

import asyncio
import shutil
from itertools import count
from pathlib import Path
from typing import Any

from databases import look
from receiver import Receiver
from system.installation import Client, Gateway, Installation, post_webhook, spoken, webhook

ANN, PAGE = "700000000000001", "2001"
TRUSTED = {"JACKFIELD_OWNERSHIP": "trust"}


async def post_until(stop: asyncio.Event, gateway: Gateway, acknowledged: list[str]) -> None:
    for n in count(len(acknowledged)):
        if stop.is_set():
            return
        assert await post_webhook(gateway, webhook([spoken(PAGE, (ANN, str(n)))])) == 200
        acknowledged.append(str(n))


async def back_up_under_traffic(
    installation: Installation, gateway: Gateway, copy: Path
) -> tuple[list[str], list[str], dict[str, Any]]:
    """Return what was acknowledged before the backup began, all that was, and its answer."""
    acknowledged: list[str] = []
    stop = asyncio.Event()
    posting = asyncio.create_task(post_until(stop, gateway, acknowledged))
    async with asyncio.timeout(60):
        while len(acknowledged) < 30:
            await asyncio.sleep(0.01)
    before = list(acknowledged)
    told = await installation.command("backup", str(copy))
    async with asyncio.timeout(60):
        while len(acknowledged) < len(before) + 30:
            await asyncio.sleep(0.01)
    stop.set()
    await posting
    return before, acknowledged, told


async def test_what_was_acknowledged_before_a_backup_is_delivered_from_the_copy(
    tmp_path: Path,
) -> None:
    database, copy = tmp_path / "data" / "jackfield.sqlite3", tmp_path / "copy.sqlite3"
    installation = Installation(tmp_path / "data", f"sqlite:///{database}", TRUSTED)
    await installation.meta_app()
    made = await installation.command("tenants", "create", "Acme")

    async def down(_: object) -> int:
        return 503

    async with Receiver(down) as receiver:
        async with installation.serving() as gateway:
            acme = Client(gateway, made["api_key"], made["api_secret"])
            await acme.page(PAGE, await acme.application(receiver.url))
            before, acknowledged, told = await back_up_under_traffic(installation, gateway, copy)
        receiver.received.clear()

        async def up(_: object) -> int:
            return 200

        receiver.behave = up
        restored = Installation(
            tmp_path / "new", f"sqlite:///{tmp_path / 'new' / 'jackfield.sqlite3'}", TRUSTED
        )
        restored.data.mkdir()
        shutil.copy(copy, restored.data / "jackfield.sqlite3")
        ((held_in_copy,),) = await look(f"sqlite:///{copy}", "SELECT count(*) FROM messages")
        async with restored.serving():
            await receiver.until(held_in_copy)
            audited = await restored.command("audit")

    assert told == {
        "file": str(copy),
        "bytes": copy.stat().st_size,
        "key": "JACKFIELD_MASTER_KEY",
    }
    assert len(before) <= held_in_copy <= len(acknowledged)
    assert receiver.texts == acknowledged[:held_in_copy]
    assert audited["difference"] == 0
    assert audited["terms"]["accepted"] == held_in_copy
