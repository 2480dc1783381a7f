"""A command that is pointed at a wrong place says so, and makes nothing there."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from cli.programs import Programs
from cli.test_every_command import NAMES
from databases import open_store
from jackfield.storage.opening import DataDirectoryLock

BEGINNING = {"serve", "demo", "tenants create", "provider-apps add"}
WITHOUT_DATABASE = {"settings", "token", "sandbox message"}
ACCOUNT = ("messenger", "1")
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "tenants list": (),
    "tenants show": ("acme",),
    "tenants set": ("acme", "--name", "Acme"),
    "tenants disable": ("acme",),
    "tenants enable": ("acme",),
    "tenants secrets add": ("acme",),
    "tenants secrets revoke": ("acme", "1"),
    "tenants signature rotate": ("acme",),
    "provider-apps list": (),
    "provider-apps show": ("main",),
    "provider-apps grant": ("main", "--all"),
    "provider-apps revoke": ("main", "--all"),
    "provider-apps secrets add": ("main", "app_secret", "--secret", "s"),
    "provider-apps secrets revoke": ("main", "1"),
    "accounts list": (),
    "accounts show": ACCOUNT,
    "accounts create": (*ACCOUNT, "--tenant", "acme", "--access-token", "t"),
    "accounts link": (*ACCOUNT, "x"),
    "accounts unlink": ACCOUNT,
    "accounts vouch": ACCOUNT,
    "accounts delete": (*ACCOUNT, "--yes"),
    "applications list": (),
    "applications show": ("x",),
    "applications create": ("--tenant", "acme", "--name", "Desk", "--inbound-url", "https://x/"),
    "applications delete": ("x", "--yes"),
    "applications test": ("x",),
    "keys show": (),
    "keys rotate": (),
    "deliveries list": (),
    "deliveries show": ("x",),
    "deliveries replay": ("--state", "dead", "--yes"),
    "deliveries rebind": (*("--provider", "messenger", "--account", "1"), "--yes"),
    "destinations list": (),
    "destinations pause": ("acme", "https://acme.example/in"),
    "destinations resume": ("acme", "https://acme.example/in"),
    "unread list": (),
    "unread show": ("1",),
    "unread reparse": (),
    "unread discard": ("--yes",),
    "unknown list": (),
    "unknown assign": (*ACCOUNT, "--yes"),
    "unknown discard": (*ACCOUNT, "--yes"),
    "people erase": (*ACCOUNT, "7", "--yes"),
    "audit": (),
    "backup": ("nowhere.sqlite3",),
}


def test_each_command_begins_a_database_or_is_refused_without_one() -> None:
    assert ARGUMENTS.keys() == NAMES - BEGINNING - WITHOUT_DATABASE


@pytest.mark.parametrize("words", ARGUMENTS)
def test_without_a_database_a_command_says_so_and_makes_nothing(
    programs: Programs, tmp_path: Path, words: str
) -> None:
    nowhere = tmp_path / "typo"

    ended = programs.run(*words.split(), *ARGUMENTS[words], "--data", str(nowhere))

    assert (ended.code, ended.out) == (1, "")
    assert ended.err == (
        f"jackfield: There is no database at {nowhere / 'jackfield.sqlite3'}; "
        "which one is meant, say with --data.\n"
    )
    assert not nowhere.exists()


def test_a_directory_of_other_things_stays_as_it_is(programs: Programs, tmp_path: Path) -> None:
    ended = programs.run("audit", "--data", str(tmp_path))

    assert ended.code == 1
    assert [each.name for each in tmp_path.iterdir()] == [programs.home.name]


@pytest.mark.parametrize(
    "begins",
    [
        ("tenants", "create", "Acme", "--json"),
        ("provider-apps", "add", "meta", "main", "--app-secret", "s", "--verify-token", "t"),
    ],
)
def test_what_begins_a_database_says_so_once(
    programs: Programs, tmp_path: Path, begins: tuple[str, ...]
) -> None:
    data = ("--data", str(tmp_path / "data"))

    first = programs.run(*begins, *data)
    second = programs.run("tenants", "create", "Another", "--json", *data)

    file = tmp_path / "data" / "jackfield.sqlite3"
    assert first.code == 0
    assert first.err.startswith(f"There was no database at {file}: this began a new one.\n")
    assert (second.code, second.err) == (0, "")


def test_a_command_waits_for_a_server_that_is_about_to_begin_a_database(
    programs: Programs, tmp_path: Path
) -> None:
    lock = DataDirectoryLock(tmp_path)
    command = programs.start("tenants", "list", "--json", "--data", str(tmp_path))
    time.sleep(1)

    async def begin() -> None:
        store = await open_store(f"sqlite:///{tmp_path / 'jackfield.sqlite3'}")
        await store.close()

    asyncio.run(begin())
    lock.release()

    assert command.line() == '{"tenants":[],"next":null}\n'
