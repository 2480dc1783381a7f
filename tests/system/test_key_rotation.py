"""The master key is rotated under traffic and through kills, and nothing becomes unreadable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from receiver import Receiver
from system.installation import Client, Gateway, Installation, post_webhook, spoken, webhook

pytestmark = pytest.mark.slow

OLD, NEW = "ab" * 32, "cd" * 32
ANN = "700000000000001"
PAGE = "2001"
ACCOUNTS = "/beta/chatapp-accounts"
PAGES = f"{ACCOUNTS}/messenger"
MORE_THAN_A_SLICE = 130


@dataclass
class World:
    """A tenant with a Page that its application hears, and what it must be able to do."""

    installation: Installation
    receiver: Receiver
    api_key: str
    api_secret: str
    webhook_secret: str

    def client(self, gateway: Gateway) -> Client:
        return Client(gateway, self.api_key, self.api_secret)

    async def say(self, gateway: Gateway, text: str) -> int:
        """Let Ann say something: it is proved by the app secret, and signed on its way out."""
        return await post_webhook(gateway, webhook([spoken(PAGE, (ANN, text))]))

    async def is_well(self, gateway: Gateway, *, since: int, pages: int) -> bool:
        """Say whether every kind of sealed value opens, as those who need it see it."""
        assert await self.say(gateway, f"after {since}") == 200
        heard = await self.receiver.until(since + 1)
        listed: list[dict[str, str]] = []
        for number in range(1, 2 + pages // 100):
            path = f"{ACCOUNTS}?page_size=100&page_number={number}"
            _, page = await self.client(gateway).call("GET", path)
            listed += page["_embedded"]
        tokens = [account["access_token"] for account in listed[1:]]
        self.check_signatures()
        return len(heard) == since + 1 and tokens == [f"canary-{n}" for n in range(pages)]

    def check_signatures(self) -> None:
        """Raise if anything that was received is not signed with the tenant's secret."""
        for one in self.receiver.received:
            Webhook(self.webhook_secret).verify(one.body, one.headers)


@asynccontextmanager
async def world(installation: Installation, *, pages: int) -> AsyncIterator[World]:
    """Make it, each kind of sealed value in it."""
    await installation.meta_app()
    async with Receiver() as receiver:
        async with installation.serving() as gateway:
            made = await installation.command("tenants", "create", "Acme")
            names = ("api_key", "api_secret", "webhook_secret")
            there = World(installation, receiver, *(made[name] for name in names))
            acme = there.client(gateway)
            await acme.page(PAGE, await acme.application(receiver.url))
            for number in range(pages):
                page = {"external_id": f"9{number}", "access_token": f"canary-{number}"}
                status, _ = await acme.call("POST", PAGES, page)
                assert status == 201
        yield there


def keys_in(file: Path) -> int:
    return len(file.read_text().split())


@pytest.fixture
def with_file(tmp_path: Path, sqlite_url: str) -> Installation:
    """An installation on SQLite, whose key is in the file beside the database."""
    environ = {"JACKFIELD_OWNERSHIP": "trust", "JACKFIELD_MASTER_KEY": ""}
    return Installation(tmp_path / "data", sqlite_url, environ)


@pytest.fixture
def with_list(tmp_path: Path, database_url: str) -> Installation:
    """An installation on each database, whose keys are in the environment."""
    environ = {"JACKFIELD_OWNERSHIP": "trust", "JACKFIELD_MASTER_KEY": OLD}
    return Installation(tmp_path / "data", database_url, environ)


async def traffic(there: World, gateway: Gateway, *, until: asyncio.Event) -> int:
    """Write, read and change until told; return how many messages were acknowledged."""
    acme, said = there.client(gateway), 0
    while not until.is_set() or said < 10:
        number = said % 5
        assert await there.say(gateway, f"message {said}") == 200
        said += 1
        status, page = await acme.call("GET", f"{PAGES}/9{number}")
        assert (status, page["access_token"][:7]) == (200, "canary-")
        change = {"name": f"Page {said}", "access_token": f"canary-{number}"}
        assert (await acme.call("PATCH", f"{PAGES}/9{number}", change))[0] == 200
    return said


async def rotate_under_traffic(there: World, gateway: Gateway) -> tuple[dict[str, object], int]:
    rotated = asyncio.Event()
    running = asyncio.create_task(traffic(there, gateway, until=rotated))
    try:
        done = await there.installation.command("keys", "rotate")
    finally:
        rotated.set()
    said = await running
    await there.receiver.until(said)
    return done, said


async def test_a_key_file_is_rotated_under_traffic(
    with_file: Installation, tmp_path: Path
) -> None:
    async with world(with_file, pages=MORE_THAN_A_SLICE) as there:
        async with with_file.serving() as gateway:
            done, said = await rotate_under_traffic(there, gateway)
            is_well = await there.is_well(gateway, since=said, pages=MORE_THAN_A_SLICE)
        async with with_file.serving() as gateway:
            is_well_after = await there.is_well(gateway, since=said + 1, pages=MORE_THAN_A_SLICE)

    assert is_well
    assert is_well_after
    assert (done["left"], done["shut"]) == ({}, [])
    assert keys_in(tmp_path / "jackfield.key") == 1


async def test_a_list_of_keys_is_rotated_under_traffic(with_list: Installation) -> None:
    async with world(with_list, pages=5) as there:
        with_list.environ = {**with_list.environ, "JACKFIELD_MASTER_KEY": f"{NEW},{OLD}"}
        async with with_list.serving() as gateway:
            done, said = await rotate_under_traffic(there, gateway)
        with_list.environ = {**with_list.environ, "JACKFIELD_MASTER_KEY": NEW}
        async with with_list.serving() as gateway:
            is_well = await there.is_well(gateway, since=said, pages=5)

    assert is_well
    assert (done["left"], done["shut"], done["source"]) == ({}, [], "environment")


@pytest.mark.parametrize(
    "point",
    [
        "key-file-changing:2",  # the new key is in the file, and nothing is sealed with it
        "resealing:3",  # some accounts are sealed anew, some are not
        "resealing:5",  # everything is, and the old key still there
        "key-file-changing:3",  # what the file is to hold is written beside it
        "key-file-changing:4",  # the old key is gone, and nobody was told
    ],
)
async def test_a_kill_of_the_server_makes_nothing_unreadable_and_rotation_goes_on(
    with_file: Installation, tmp_path: Path, point: str
) -> None:
    async with world(with_file, pages=MORE_THAN_A_SLICE) as there:
        async with with_file.serving(JACKFIELD_CRASH_AT=point) as gateway:
            code, _, told = await with_file.run("keys", "rotate")
            ended = await gateway.ended()
        async with with_file.serving() as gateway:
            is_well = await there.is_well(gateway, since=0, pages=MORE_THAN_A_SLICE)
            again = await with_file.command("keys", "rotate")
            is_well_after = await there.is_well(gateway, since=1, pages=MORE_THAN_A_SLICE)

    assert (code, ended) == (1, -9)
    assert "run `jackfield keys rotate` again" in told
    assert is_well
    assert is_well_after
    assert again["left"] == {}
    assert keys_in(tmp_path / "jackfield.key") == 1


async def test_a_kill_of_the_command_itself_is_gone_on_from_too(with_list: Installation) -> None:
    async with world(with_list, pages=MORE_THAN_A_SLICE) as there:
        with_list.environ = {**with_list.environ, "JACKFIELD_MASTER_KEY": f"{NEW},{OLD}"}
        killed, _, _ = await with_list.run("keys", "rotate", JACKFIELD_CRASH_AT="resealing:3")
        between = await with_list.command("keys", "show")
        again = await with_list.command("keys", "rotate")
        with_list.environ = {**with_list.environ, "JACKFIELD_MASTER_KEY": NEW}
        async with with_list.serving() as gateway:
            is_well = await there.is_well(gateway, since=0, pages=MORE_THAN_A_SLICE)

    values = [key["values"] for key in between["keys"]]
    assert killed == -9
    assert all(values)
    assert again["resealed"] == values[1]
    assert is_well
