"""`unread discard` and `unknown discard` as a person runs them: counted, asked, and done."""

from __future__ import annotations

import asyncio
import os
import pty
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cli.programs import JACKFIELD, Ended, Programs
from databases import look, open_store
from gateway import MASTER_KEY, opened
from jackfield.app import Gateway
from jackfield.clock import now
from jackfield.console import discarding
from jackfield.console.commands import Command
from jackfield.console.kept_orders import (
    DiscardUnknown,
    DiscardUnread,
    UnknownDiscarded,
    UnreadDiscarded,
)
from jackfield.console.listener import Listener
from jackfield.inbound import Kept, KeptBody
from jackfield.keeping.retention import SLICE
from jackfield.storage import kept

PAGE = ("messenger", "200000000000002")
DISCARD = ("unread", "discard")


async def keep(database_url: str, *, called: str = "a bug of ours") -> None:
    """Keep three pieces that could not be read, two that differ, and two for a Page."""
    pieces = [
        KeptBody(kind, *PAGE, called, f"{called} {n}".encode())
        for kind, number in ((Kept.UNREAD, 3), (Kept.DIFFERS, 2), (Kept.UNKNOWN, 2))
        for n in range(number)
    ]
    store = await open_store(database_url)
    await store.commit(kept.keep(pieces, provider_app_id=1, now=now()))
    await store.close()


@pytest.fixture
def somewhere(programs: Programs, database_url: str) -> Programs:
    """Programs with a database of each kind, in which pieces are kept."""
    asyncio.run(keep(database_url))
    programs.environ["JACKFIELD_DATABASE_URL"] = database_url
    programs.environ["JACKFIELD_MASTER_KEY"] = MASTER_KEY
    return programs


def left(database_url: str) -> dict[str, int]:
    query = "SELECT kind, count(*) FROM inbound_bodies GROUP BY kind"
    return {str(kind): int(count) for kind, count in asyncio.run(look(database_url, query))}


def test_pieces_are_counted_and_discarded_only_when_that_is_wanted(
    somewhere: Programs, database_url: str
) -> None:
    counted = somewhere.run(*DISCARD, "--dry-run")
    unasked = somewhere.run(*DISCARD)
    before = left(database_url)
    done = somewhere.run(*DISCARD, "--yes", "--json")
    nothing = [somewhere.run(*DISCARD, *how) for how in ([], ["--yes"], ["--dry-run"])]

    assert counted.out == "Pieces that would be discarded: 3 unread, 2 that differ\n"
    assert (unasked.code, unasked.out) == (2, "")
    assert "there is nobody to ask: add --yes" in " ".join(unasked.err.split())
    assert before == {"unread": 3, "differs": 2, "unknown": 2}
    assert done.json | {"up_to": 7} == {
        "dry_run": False,
        "unread": 3,
        "differs": 2,
        "up_to": 7,
        "next": None,
    }
    assert {(each.code, each.out) for each in nothing} == {(0, "There is nothing to discard.\n")}
    assert left(database_url) == {"unknown": 2}
    assert somewhere.run("audit").code == 0


def test_one_piece_or_one_kind_is_discarded_alone(somewhere: Programs, database_url: str) -> None:
    listed = somewhere.run("unread", "list", "--json").json
    piece = str(listed["pieces"][0]["id"])

    one = somewhere.run(*DISCARD, piece, "--yes")
    again = somewhere.run(*DISCARD, piece, "--yes")
    kind = somewhere.run(*DISCARD, "--kind", "differs", "--yes")

    assert one.out == "Pieces discarded: 1 unread, 0 that differ\n"
    assert (again.code, again.out) == (1, "")
    assert f"There is no piece {piece} here (`jackfield unread list` shows" in again.err
    assert kind.out == "Pieces discarded: 0 unread, 2 that differ\n"
    assert left(database_url) == {"unread": 2, "unknown": 2}


def test_what_was_written_to_an_unknown_account_is_counted_and_discarded(
    somewhere: Programs, database_url: str
) -> None:
    discard = ("unknown", "discard", *PAGE)

    counted = somewhere.run(*discard, "--dry-run", "--json")
    unasked = somewhere.run(*discard)
    done = somewhere.run(*discard, "--yes")
    nothing = somewhere.run(*discard, "--yes")

    assert (counted.json["dry_run"], counted.json["messages"]) == (True, 2)
    assert (unasked.code, unasked.out) == (2, "")
    assert done.out == "Messages discarded: 2\n"
    assert nothing.out == f"Nothing is kept that was written to {' '.join(PAGE)}.\n"
    assert "jackfield unknown list" in nothing.err
    assert left(database_url) == {"unread": 3, "differs": 2}


@contextmanager
def asked(
    programs: Programs, *arguments: str
) -> Iterator[tuple[str, subprocess.Popen[bytes], int]]:
    """Run a command at a terminal until it asks: give what it said, it, and the keyboard."""
    ours, its = pty.openpty()
    process = subprocess.Popen(  # noqa: S603 - our own program
        [JACKFIELD, *arguments],
        env=programs.environment | {"TERM": "dumb"},
        stdin=its,
        stdout=subprocess.PIPE,
        stderr=its,
    )
    os.close(its)  # where it ends without a question, there is nothing more to read
    try:
        said = b""
        while b"[y/N]" not in said:
            said += os.read(ours, 1024)
        yield " ".join(said.decode().split()), process, ours
    finally:
        process.kill()
        process.communicate()
        os.close(ours)


def answered(process: subprocess.Popen[bytes], keyboard: int, answer: str) -> Ended:
    os.write(keyboard, f"{answer}\n".encode())
    out, _ = process.communicate(timeout=60)
    # What asks ends its question with a space on standard output.
    return Ended(process.returncode, out.decode().removeprefix(" "), "")


@pytest.mark.parametrize(
    ("arguments", "question", "told"),
    [
        (
            DISCARD,
            "3 pieces that could not be read and 2 that differ would be discarded",
            "Pieces discarded: 3 unread, 2 that differ\n",
        ),
        (
            ("unknown", "discard", *PAGE),
            f"2 messages to {' '.join(PAGE)} would be discarded",
            "Messages discarded: 2\n",
        ),
    ],
    ids=["unread", "unknown"],
)
def test_who_says_yes_discards_what_was_counted_and_not_what_came_since(
    somewhere: Programs,
    database_url: str,
    arguments: tuple[str, ...],
    question: str,
    told: str,
) -> None:
    with asked(somewhere, *arguments) as (said, process, keyboard):
        refused = answered(process, keyboard, "n")
    unchanged = left(database_url)
    with asked(somewhere, *arguments) as (_, process, keyboard):
        asyncio.run(keep(database_url, called="unseen"))
        done = answered(process, keyboard, "y")

    unseen = "SELECT count(*) FROM inbound_bodies WHERE reason = 'unseen'"
    assert said.startswith(question)
    assert said.endswith("Nothing brings them back. Discard them? [y/N]:")
    assert (refused.code, refused.out) == (1, "")
    assert unchanged == {"unread": 3, "differs": 2, "unknown": 2}
    assert done.out == told
    assert asyncio.run(look(database_url, unseen)) == [(7,)]


def test_a_piece_that_is_named_is_asked_for_by_its_name(somewhere: Programs) -> None:
    listed = somewhere.run("unread", "list", "--json").json
    piece = str(listed["pieces"][0]["id"])

    with asked(somewhere, *DISCARD, piece) as (said, process, keyboard):
        done = answered(process, keyboard, "y")

    assert said.startswith(f"The piece {piece} would be discarded, with whatever somebody wrote")
    assert done.out == "Pieces discarded: 1 unread, 0 that differ\n"


def test_beside_a_server_it_is_done_by_the_server(programs: Programs, tmp_path: Path) -> None:
    data = tmp_path / "the data"
    asyncio.run(keep(f"sqlite:///{data / 'jackfield.sqlite3'}"))
    programs.environ["JACKFIELD_MASTER_KEY"] = MASTER_KEY
    at = ("--data", str(data))
    programs.start("serve", "--port", "0", *at).line()

    pieces = programs.run(*DISCARD, "--yes", *at)
    messages = programs.run("unknown", "discard", *PAGE, "--yes", *at)

    assert pieces.out == "Pieces discarded: 3 unread, 2 that differ\n"
    assert messages.out == "Messages discarded: 2\n"
    assert '"event":"unread.discarded"' in programs.logged
    assert '"event":"unknown.discarded"' in programs.logged
    assert "a bug of ours" not in programs.logged


def test_what_lists_pieces_says_how_to_be_rid_of_them(programs: Programs, tmp_path: Path) -> None:
    data = tmp_path / "the data"
    asyncio.run(keep(f"sqlite:///{data / 'jackfield.sqlite3'}"))
    programs.environ["JACKFIELD_MASTER_KEY"] = MASTER_KEY
    at = ("--data", str(data))

    listed = programs.run("unread", "list", *at)
    of_a_kind = programs.run("unread", "list", "--kind", "differs", *at)
    again = programs.run("unread", "reparse", *at)
    nobodys = programs.run("unknown", "list", *at)
    nothing = programs.run("unknown", "discard", "rcs", "1", "--yes", *at)

    there = f"--data '{data}'"
    assert f"jackfield unread reparse {there}\n" in listed.err
    assert f"jackfield unread discard {there}\n" in listed.err
    assert f"jackfield unread discard --kind differs {there}\n" in of_a_kind.err
    assert again.err == f"What nobody will need: jackfield unread discard {there}\n"
    assert f"jackfield unknown discard PROVIDER ROUTING_KEY {there}\n" in nobodys.err
    assert nothing.err.endswith(f": jackfield unknown list {there}\n")


async def keep_many(gateway: Gateway, number: int, *, called: str) -> None:
    """Keep so many pieces that could not be read, and as many for a Page."""
    pieces = [
        KeptBody(kind, *PAGE, called, f"{called} {n}".encode())
        for kind in (Kept.UNREAD, Kept.UNKNOWN)
        for n in range(number)
    ]
    await gateway.store.commit(kept.keep(pieces, provider_app_id=1, now=now()))


async def unread_in_steps(gateway: Gateway, order: DiscardUnread) -> UnreadDiscarded:
    """Discard one slice, and let more come."""
    step = await discarding.discard_unread(gateway, order, longest=0)
    await keep_many(gateway, 1, called=f"unseen {step.next}")
    return step


async def unknown_in_steps(gateway: Gateway, order: DiscardUnknown) -> UnknownDiscarded:
    """Discard one slice, and let more come."""
    step = await discarding.discard_unknown(gateway, order, longest=0)
    await keep_many(gateway, 1, called=f"unseen {step.next}")
    return step


@pytest.mark.parametrize(
    ("arguments", "total"),
    [
        (DISCARD, f"Pieces discarded: {SLICE + 50} unread, 0 that differ\n"),
        (("unknown", "discard", *PAGE), f"Messages discarded: {SLICE + 50}\n"),
    ],
    ids=["unread", "unknown"],
)
async def test_what_takes_long_is_told_step_by_step_and_added_up(
    programs: Programs, sqlite_url: str, tmp_path: Path, arguments: tuple[str, ...], total: str
) -> None:
    programs.environ["JACKFIELD_DATABASE_URL"] = sqlite_url
    in_steps: dict[str, Command[Any, Any]] = {
        "unread.discard": Command(DiscardUnread, unread_in_steps),
        "unknown.discard": Command(DiscardUnknown, unknown_in_steps),
    }
    async with opened(sqlite_url) as doors:
        await keep_many(doors.gateway, SLICE + 50, called="seen")
        listener = Listener(doors.gateway, tmp_path, commands=in_steps)
        await listener.start()
        done = await asyncio.to_thread(programs.run, *arguments, "--yes")
        await listener.close()

    assert (done.out, done.err) == (total, f"... {SLICE} discarded\n")
