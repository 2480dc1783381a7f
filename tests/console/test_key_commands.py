"""Rotating the master key: everything is sealed anew, whoever changes it meanwhile."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from databases import change, look
from gateway import APP_SECRET, Client, Doors, opened, signature
from jackfield.app import key_file
from jackfield.console import commands, keys, tenant_secrets
from jackfield.console.key_orders import (
    BeginRotation,
    FinishRotation,
    KeyLine,
    KeySource,
    Reseal,
    RotationFinished,
    ShowKeys,
)
from jackfield.console.orders import CreateTenant
from jackfield.console.tenant_orders import ShowTenant
from jackfield.problems import Conflict, Invalid
from jackfield.sealing import NoFittingKey, key_id, load_key_file
from jackfield.settings import Settings

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
OLDEST = bytes(range(64, 96))
PAGE = "/beta/chatapp-accounts/messenger"
BODY = b'{"object": "page", "entry": []}'


def listed(*master_keys: bytes) -> str:
    return ",".join(each.hex() for each in master_keys)


async def fill(doors: Doors, *, pages: int = 5) -> Client:
    """Seal something of every kind."""
    acme = await doors.tenant()
    await doors.provider_app()
    await tenant_secrets.rotate_signature(doors.gateway, ShowTenant(api_key="acme0001"))
    for number in range(pages):
        body = {"external_id": f"{number}", "access_token": f"canary-{number}"}
        assert (await acme.post(PAGE, body)).status == 201
    return acme


async def rotate(doors: Doors, *, size: int = 2) -> RotationFinished:
    """Rotate as the command line does."""
    await keys.begin_rotation(doors.gateway, BeginRotation())
    here: Reseal | None = Reseal()
    while here is not None:
        here = (await keys.reseal(doors.gateway, here, size=size, lasting=0)).next
    return await keys.finish_rotation(doors.gateway, FinishRotation())


async def is_readable(doors: Doors, acme: Client, *, pages: int = 5) -> bool:
    """Say whether all that `fill` sealed opens: by HTTP, as those it is for would see it."""
    caller = Client(doors.asgi, acme.headers)
    tokens = [(await caller.get(f"{PAGE}/{n}")).json["access_token"] for n in range(pages)]
    signed = signature(BODY, secret=APP_SECRET)
    answer = await doors.anybody().post("/webhooks/meta/main", BODY, x_hub_signature_256=signed)
    return tokens == [f"canary-{n}" for n in range(pages)] and answer.status == 200


async def test_after_a_rotation_the_new_key_alone_opens_everything(database_url: str) -> None:
    async with opened(database_url, master_key=OLD.hex()) as before:
        acme = await fill(before)
    async with opened(database_url, master_key=listed(NEW, OLD)) as doors:
        rotated = await rotate(doors)
        still_readable = await is_readable(doors, acme)

    async with opened(database_url, master_key=NEW.hex()) as after:
        assert await is_readable(after, acme)
    assert still_readable
    assert (rotated.newest, rotated.left, rotated.old) == (key_id(NEW), {}, [key_id(OLD)])
    with pytest.raises(NoFittingKey, match=f"made under master key {key_id(NEW)}"):
        async with opened(database_url, master_key=OLD.hex()):
            pass


async def test_an_answer_that_is_kept_is_given_again_after_a_rotation(database_url: str) -> None:
    desk = {"name": "Desk"}
    key = {"idempotency_key": "4711"}
    async with opened(database_url, master_key=OLD.hex()) as doors:
        acme = await doors.tenant()
        first = await acme.post("/v2/applications", desk, **key)
    async with opened(database_url, master_key=listed(NEW, OLD)) as doors:
        rotated = await rotate(doors)
    async with opened(database_url, master_key=NEW.hex()) as doors:
        again = await Client(doors.asgi, acme.headers).post("/v2/applications", desk, **key)

    assert rotated.left == {}
    assert "private_key" in first.json["keys"]
    assert (again.status, again.json) == (first.status, first.json)


async def test_several_old_keys_are_done_with_at_once(database_url: str) -> None:
    async with opened(database_url, master_key=OLDEST.hex()) as doors:
        acme = await fill(doors, pages=3)
    async with opened(database_url, master_key=listed(OLD, OLDEST)) as doors:
        caller = Client(doors.asgi, acme.headers)
        for number in (3, 4):
            body = {"external_id": f"{number}", "access_token": f"canary-{number}"}
            assert (await caller.post(PAGE, body)).status == 201
    async with opened(database_url, master_key=listed(NEW, OLD, OLDEST)) as doors:
        rotated = await rotate(doors)

    async with opened(database_url, master_key=NEW.hex()) as after:
        assert await is_readable(after, acme)
    assert rotated.old == [key_id(OLD), key_id(OLDEST)]


async def test_it_is_shown_how_much_is_under_each_key_and_no_key(database_url: str) -> None:
    async with opened(database_url, master_key=OLD.hex()) as doors:
        await fill(doors)
        before = await keys.show_keys(doors.gateway, ShowKeys())
    async with opened(database_url, master_key=listed(NEW, OLD, OLDEST)) as doors:
        await keys.reseal(doors.gateway, Reseal(table="accounts"), size=3, lasting=0)
        between = await keys.show_keys(doors.gateway, ShowKeys())

    # Two of the provider app's, one that signs, five tokens, the database's own key.
    assert before.keys == [KeyLine(id=key_id(OLD), at_hand=True, seals=True, values=9)]
    assert between.keys == [
        KeyLine(id=key_id(NEW), at_hand=True, seals=True, values=3),
        KeyLine(id=key_id(OLD), at_hand=True, seals=False, values=6),
        KeyLine(id=key_id(OLDEST), at_hand=True, seals=False, values=0),
    ]
    assert (between.source, between.file, between.damaged) == (KeySource.ENVIRONMENT, None, 0)


async def test_what_is_under_a_key_that_is_not_at_hand_is_shown_too(database_url: str) -> None:
    async with opened(database_url, master_key=listed(OLD)) as doors:
        await fill(doors)
    async with opened(database_url, master_key=listed(NEW, OLD)) as doors:
        await keys.reseal(doors.gateway, Reseal(table="keyring"), lasting=0)
    async with opened(database_url, master_key=NEW.hex()) as doors:
        shown = await keys.show_keys(doors.gateway, ShowKeys())

    assert shown.keys == [
        KeyLine(id=key_id(NEW), at_hand=True, seals=True, values=1),
        KeyLine(id=key_id(OLD), at_hand=False, seals=False, values=8),
    ]


async def test_one_key_from_the_environment_cannot_be_rotated(both: Doors) -> None:
    with pytest.raises(Conflict, match=r"holds one key only, [0-9a-f]{8}, .* put it before the"):
        await keys.begin_rotation(both.gateway, BeginRotation())


async def test_a_rotation_that_was_cut_short_goes_on(database_url: str) -> None:
    async with opened(database_url, master_key=OLD.hex()) as doors:
        acme = await fill(doors)
    async with opened(database_url, master_key=listed(NEW, OLD)) as doors:
        await keys.begin_rotation(doors.gateway, BeginRotation())
        await keys.reseal(doors.gateway, Reseal(), size=1, lasting=0)
    async with opened(database_url, master_key=listed(NEW, OLD)) as doors:
        half_readable = await is_readable(doors, acme)
        rotated = await rotate(doors)

    async with opened(database_url, master_key=NEW.hex()) as doors:
        assert await is_readable(doors, acme)
    assert half_readable
    assert rotated.left == {}


async def test_as_long_as_anything_needs_the_old_key_no_start_without_it(
    database_url: str,
) -> None:
    """The database's own key goes last, so whoever removes the old one too early is told."""
    async with opened(database_url, master_key=OLD.hex()) as doors:
        acme = await fill(doors)
    here: Reseal | None = Reseal()
    while here is not None:
        with pytest.raises(NoFittingKey):
            async with opened(database_url, master_key=NEW.hex()):
                pass
        async with opened(database_url, master_key=listed(NEW, OLD)) as doors:
            here = (await keys.reseal(doors.gateway, here, size=3, lasting=0)).next

    async with opened(database_url, master_key=NEW.hex()) as doors:
        assert await is_readable(doors, acme)


async def test_what_tenants_change_meanwhile_is_what_they_said(database_url: str) -> None:
    async with opened(database_url, master_key=OLD.hex()) as doors:
        acme = await fill(doors, pages=40)
    async with opened(database_url, master_key=listed(NEW, OLD)) as doors:
        caller = Client(doors.asgi, acme.headers)

        async def change_all(turn: int) -> list[int]:
            bodies = [{"access_token": f"changed-{turn}-{n}"} for n in range(40)]
            paths = [f"{PAGE}/{n}" for n in range(40)]
            both = zip(paths, bodies, strict=True)
            return [(await caller.ask("PATCH", path, body=body)).status for path, body in both]

        *statuses, rotated = await asyncio.gather(
            change_all(1), change_all(1), rotate(doors, size=3)
        )
        assert isinstance(rotated, RotationFinished)
        rotated = await rotate(doors)

    async with opened(database_url, master_key=NEW.hex()) as doors:
        caller = Client(doors.asgi, acme.headers)
        tokens = [(await caller.get(f"{PAGE}/{n}")).json["access_token"] for n in range(40)]
    assert statuses == [[200] * 40] * 2
    assert rotated.left == {}
    assert tokens == [f"changed-1-{n}" for n in range(40)]


async def test_a_process_that_seals_with_the_old_key_is_noticed(database_url: str) -> None:
    async with opened(database_url, master_key=OLD.hex()) as doors:
        acme = await fill(doors)
    async with (
        opened(database_url, master_key=listed(NEW, OLD)) as doors,
        opened(database_url, master_key=listed(OLD, NEW)) as behind,
    ):
        first = await rotate(doors)
        caller = Client(behind.asgi, acme.headers)
        assert (
            await caller.ask("PATCH", f"{PAGE}/3", body={"access_token": "late"})
        ).status == 200
        second = await keys.finish_rotation(doors.gateway, FinishRotation())
        third = await rotate(doors)

    assert (first.left, second.left, third.left) == ({}, {key_id(OLD): 1}, {})


async def test_what_does_not_open_is_named_and_left_and_so_are_the_keys(
    database_url: str,
) -> None:
    async with opened(database_url, master_key=OLD.hex()) as doors:
        await fill(doors)
    moved = (
        "UPDATE accounts SET credentials = (SELECT other.credentials FROM accounts other "
        "WHERE other.external_id = '4') WHERE external_id = '2'"
    )
    await change(database_url, moved)
    query = "SELECT credentials FROM accounts WHERE external_id = '2'"
    stored = await look(database_url, query)
    async with opened(database_url, master_key=listed(NEW, OLD)) as doors:
        done = await keys.reseal(doors.gateway, Reseal(table="accounts"))
        finished = await keys.finish_rotation(doors.gateway, FinishRotation())

    (why,) = done.shut
    assert why == (
        f"accounts messenger/2 credentials does not open (sealed with key {key_id(OLD)}): "
        "it was changed, or moved from another place"
    )
    # Four tokens and the database's own key; nothing of what stands before the accounts.
    assert (done.looked_at, done.resealed, done.next) == (6, 5, None)
    assert finished.left == {key_id(OLD): 4}
    assert await look(database_url, query) == stored


async def test_a_value_that_names_no_key_is_counted_as_damaged(database_url: str) -> None:
    async with opened(database_url, master_key=OLD.hex()) as doors:
        await fill(doors)
    zeroes = (
        "zeroblob(40)" if database_url.startswith("sqlite") else "decode(repeat('00',40),'hex')"
    )
    spoiled = f"UPDATE accounts SET credentials = {zeroes} WHERE external_id = '2'"  # noqa: S608 - our own
    await change(database_url, spoiled)
    async with opened(database_url, master_key=listed(NEW, OLD)) as doors:
        shown = await keys.show_keys(doors.gateway, ShowKeys())
        finished = await rotate(doors)

    assert shown.damaged == 1
    assert finished.left == {"": 1}


async def test_a_table_that_is_none_is_refused(both: Doors) -> None:
    with pytest.raises(Invalid, match="table is one of: provider_app_secrets, signature"):
        await keys.reseal(both.gateway, Reseal(table="messages"))


# The file beside a SQLite database ----------------------------------------------------------


@pytest.fixture
def beside(sqlite_url: str) -> Path:
    """The key file of a SQLite database."""
    path = key_file(Settings.from_environment({"JACKFIELD_DATABASE_URL": sqlite_url}))
    assert path is not None
    return path


async def test_a_key_file_gets_a_new_key_and_loses_the_old_one(
    sqlite_url: str, beside: Path
) -> None:
    async with opened(sqlite_url, master_key="") as doors:
        acme = await fill(doors)
        (old,) = load_key_file(beside)
        begun = await keys.begin_rotation(doors.gateway, BeginRotation())
        between = load_key_file(beside)
        body = {"external_id": "5", "access_token": "canary-5"}
        made = await acme.post(PAGE, body)
        readable_between = await is_readable(doors, acme, pages=6)
        rotated = await rotate(doors)
        readable_after = await is_readable(doors, acme, pages=6)
        shown = await keys.show_keys(doors.gateway, ShowKeys())

    (new,) = load_key_file(beside)
    assert made.status == 201
    assert readable_between
    assert readable_after
    assert between == (new, old)
    assert (begun.source, begun.newest, begun.old) == (KeySource.FILE, key_id(new), [key_id(old)])
    assert (rotated.left, rotated.old, rotated.file) == ({}, [key_id(old)], str(beside))
    assert shown.keys == [KeyLine(id=key_id(new), at_hand=True, seals=True, values=10)]
    assert stat.S_IMODE(beside.stat().st_mode) == 0o600
    async with opened(sqlite_url, master_key="") as doors:
        assert await is_readable(doors, acme, pages=6)


async def test_a_second_beginning_makes_no_third_key(sqlite_url: str, beside: Path) -> None:
    async with opened(sqlite_url, master_key="") as doors:
        await fill(doors)
        await keys.begin_rotation(doors.gateway, BeginRotation())
        first = load_key_file(beside)
    async with opened(sqlite_url, master_key="") as doors:
        await keys.begin_rotation(doors.gateway, BeginRotation())

    assert load_key_file(beside) == first
    assert len(first) == 2


async def test_the_old_key_stays_in_the_file_while_anything_needs_it(
    sqlite_url: str, beside: Path
) -> None:
    async with opened(sqlite_url, master_key="") as doors:
        await fill(doors)
        await keys.begin_rotation(doors.gateway, BeginRotation())
        await keys.reseal(doors.gateway, Reseal(), size=1, lasting=0)
        too_early = await keys.finish_rotation(doors.gateway, FinishRotation())
        kept = load_key_file(beside)

    assert sum(too_early.left.values()) == 8
    assert len(kept) == 2


async def test_rotations_at_once_lose_no_key(sqlite_url: str, beside: Path) -> None:
    async with opened(sqlite_url, master_key="") as doors:
        acme = await fill(doors)
        done = await asyncio.gather(
            *(rotate(doors, size=size) for size in (1, 2, 3, 9)), return_exceptions=True
        )
        last = await rotate(doors)

    assert all(isinstance(one, RotationFinished | Conflict) for one in done)
    assert last.left == {}
    assert len(load_key_file(beside)) == 1
    async with opened(sqlite_url, master_key="") as after:
        assert await is_readable(after, acme)


async def test_a_rotation_that_begins_while_another_ends_keeps_its_keys(
    sqlite_url: str, beside: Path
) -> None:
    async with opened(sqlite_url, master_key="") as doors:
        acme = await fill(doors)
        await rotate(doors)

        # The end looks through everything first, and the beginning comes between.
        ended, _ = await asyncio.gather(
            keys.finish_rotation(doors.gateway, FinishRotation()),
            keys.begin_rotation(doors.gateway, BeginRotation()),
            return_exceptions=True,
        )

        kept = load_key_file(beside)
    assert isinstance(ended, Conflict)
    assert len(kept) == 2
    async with opened(sqlite_url, master_key="") as after:
        assert await is_readable(after, acme)


async def test_a_tenant_made_in_the_moment_of_rotation_opens(
    sqlite_url: str, beside: Path
) -> None:
    async with opened(sqlite_url, master_key="") as doors:
        await fill(doors)
        orders = [CreateTenant(name="B", api_key=f"b{n}") for n in range(20)]
        making = [commands.create_tenant(doors.gateway, order) for order in orders]
        *_, rotated = await asyncio.gather(*making, rotate(doors))

    assert isinstance(rotated, RotationFinished)
    assert rotated.left == {}
    async with opened(sqlite_url, master_key="") as after:
        shown = await keys.show_keys(after.gateway, ShowKeys())
    assert [(each.seals, each.values) for each in shown.keys] == [(True, 29)]


Spoiling = Callable[[Path], object]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (Path.unlink, "no longer holds the key [0-9a-f]{8}"),
        (lambda path: path.write_text(NEW.hex()), "no longer holds the key [0-9a-f]{8}"),
        (lambda path: path.chmod(0o644), "chmod 600"),
        (lambda path: path.write_text("nonsense"), "cannot be used: key 1 of 1"),
    ],
    ids=["gone", "another", "open", "nonsense"],
)
async def test_a_key_file_that_was_spoiled_is_left_alone(
    sqlite_url: str, beside: Path, spoil: Spoiling, said: str
) -> None:
    async with opened(sqlite_url, master_key="") as doors:
        spoil(beside)
        there = beside.read_bytes() if beside.exists() else None
        asked: list[Callable[[], Awaitable[Any]]] = [
            lambda: keys.begin_rotation(doors.gateway, BeginRotation()),
            lambda: keys.finish_rotation(doors.gateway, FinishRotation()),
            lambda: keys.show_keys(doors.gateway, ShowKeys()),
        ]

        for each in asked:
            with pytest.raises(Conflict, match=said):
                await each()

    assert (beside.read_bytes() if beside.exists() else None) == there


async def test_a_directory_that_cannot_be_written_is_said(sqlite_url: str, beside: Path) -> None:
    async with opened(sqlite_url, master_key="") as doors:
        before = beside.read_bytes()
        # Root may write everywhere, but nobody makes a file where a directory is.
        beside.with_name(f".{beside.name}.next").mkdir()

        with pytest.raises(Conflict, match="cannot be changed"):
            await keys.begin_rotation(doors.gateway, BeginRotation())

    assert beside.read_bytes() == before
    assert doors.gateway.keys.newest == key_id(load_key_file(beside)[0])


async def test_no_answer_of_a_command_holds_a_key(sqlite_url: str, beside: Path) -> None:
    async with opened(sqlite_url, master_key="") as doors:
        await fill(doors)
        begun = await keys.begin_rotation(doors.gateway, BeginRotation())
        all_keys = load_key_file(beside)
        shown = await keys.show_keys(doors.gateway, ShowKeys())
        rotated = await rotate(doors)

    said = f"{begun}{shown}{rotated}"
    assert not any(each.hex() in said for each in all_keys)
