"""`jackfield people erase` as a person runs it: it counts, asks, and says what it did."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cli.programs import Programs
from databases import look, open_store
from world import World, said


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory in which somebody wrote to a Page."""

    async def fill() -> None:
        store = await open_store(f"sqlite:///{tmp_path / 'data' / 'jackfield.sqlite3'}")
        world = await World(store).open()
        await world.tenant()
        page = await world.page("2001")
        await world.hear(*[said("hers", to=page, by="7") for _ in range(3)])
        await store.close()

    asyncio.run(fill())
    return tmp_path / "data"


def messages(data: Path) -> int:
    rows = asyncio.run(look(f"sqlite:///{data / 'jackfield.sqlite3'}", "SELECT 1 FROM messages"))
    return len(rows)


def test_a_person_is_counted_and_erased_only_when_that_is_wanted(
    programs: Programs, data: Path
) -> None:
    erase = ("people", "erase", "messenger", "2001", "7", "--data", str(data))

    counted = programs.run(*erase, "--dry-run")
    unasked = programs.run(*erase)
    before = messages(data)
    erased = programs.run(*erase, "--yes", "--json")

    assert counted.out == (
        "There are 3 messages and 3 deliveries, 3 of these not delivered, and 0 kept pieces.\n"
    )
    assert (unasked.code, before) == (2, 3)
    assert "--yes" in unasked.err
    assert erased.json == {
        "deliveries": 3,
        "undelivered": 3,
        "messages": 3,
        "pieces": 0,
        "elsewhere": [],
        "dry_run": False,
    }
    assert messages(data) == 0
    assert programs.run("audit", "--data", str(data)).code == 0


def test_who_is_not_found_is_said_not_to_be_there(programs: Programs, data: Path) -> None:
    at = ("--data", str(data))

    stranger = programs.run("people", "erase", "messenger", "2001", "8", "--yes", *at)
    no_account = programs.run("people", "erase", "messenger", "2002", "7", "--dry-run", *at)
    known = programs.run("people", "erase", "messenger", "2001", "7", "--yes", *at)

    said = "Nothing that this person wrote is kept at this account. Are both the right ones? "
    show = f"jackfield accounts show messenger {{}} --data {data}\n"
    assert (stranger.code, stranger.err) == (0, said + show.format("2001"))
    assert (no_account.code, no_account.err) == (0, said + show.format("2002"))
    assert (known.code, known.err) == (0, "")


def test_to_count_and_to_erase_are_not_asked_for_at_once(programs: Programs, data: Path) -> None:
    erase = ("people", "erase", "messenger", "2001", "7", "--data", str(data))

    ended = programs.run(*erase, "--dry-run", "--yes")

    assert (ended.code, ended.out) == (2, "")
    assert "--yes: it does not go with --dry-run" in " ".join(ended.err.split())
    assert messages(data) == 3
