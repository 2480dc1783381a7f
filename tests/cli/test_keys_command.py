"""`jackfield keys`: what is under which key, and a rotation in words and in JSON."""

from __future__ import annotations

import os
import pty
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from cli.programs import JACKFIELD, Programs

ONE, TWO = "ab" * 32, "cd" * 32


@pytest.fixture
def data(programs: Programs, tmp_path: Path) -> Path:
    """A data directory with a tenant and two of its accounts."""
    directory = tmp_path / "data"
    programs.environ["JACKFIELD_DATA"] = str(directory)
    programs.run("tenants", "create", "Acme", "--api-key", "acme")
    for number in ("1", "2"):
        token = ("--access-token", f"canary-{number}")
        made = programs.run("accounts", "create", "messenger", number, "--tenant", "acme", *token)
        assert made.code == 0, made.err
    return directory


def test_a_person_sees_what_is_under_which_key_and_what_to_do(
    programs: Programs, data: Path
) -> None:
    before = programs.run("keys", "show", "--json").json
    rotated = programs.run("keys", "rotate")
    after = programs.run("keys", "show")

    (old,) = before["keys"]
    file = data / "jackfield.key"
    assert old["values"] == 4
    assert "Everything is sealed under " in rotated.out
    assert "sealed anew: 4" in rotated.out
    assert f"Nothing needs {old['id']}, which is out of {file} now." in rotated.out
    assert "Keep a copy of that file" in rotated.err
    assert old["id"] not in after.out
    assert after.out.splitlines()[1].split()[1:] == ["yes", "yes", "4"]
    assert f"The keys come from {file}." in after.out
    assert file.read_text().strip() not in rotated.out + rotated.err + after.out


def test_keys_of_the_environment_are_taken_out_by_whoever_put_them_there(
    programs: Programs, data: Path
) -> None:
    key = data.joinpath("jackfield.key").read_text().strip()
    programs.environ["JACKFIELD_MASTER_KEY"] = key
    alone = programs.run("keys", "rotate")
    programs.environ["JACKFIELD_MASTER_KEY"] = f"{ONE},{key}"
    shown = programs.run("keys", "show")
    rotated = programs.run("keys", "rotate")
    programs.environ["JACKFIELD_MASTER_KEY"] = ONE
    without = programs.run("accounts", "list", "--json")

    assert (alone.code, alone.out) == (1, "")
    assert "put it before the old one, parted by a comma" in alone.err
    assert "The keys come from JACKFIELD_MASTER_KEY." in shown.out
    assert "jackfield keys rotate" in shown.err
    assert "take it out of JACKFIELD_MASTER_KEY wherever a gateway" in rotated.out
    assert len(without.json["accounts"]) == 2


def test_what_does_not_open_is_told_with_what_to_do(programs: Programs, data: Path) -> None:
    with closing(sqlite3.connect(data / "jackfield.sqlite3")) as connection:
        moved = "(SELECT credentials FROM accounts WHERE external_id = '2')"
        connection.execute(f"UPDATE accounts SET credentials = {moved} WHERE external_id = '1'")  # noqa: S608 - our own
        connection.commit()

    told = programs.run("keys", "rotate", "--json")
    deleted = programs.run("accounts", "delete", "messenger", "1", "--yes")
    again = programs.run("keys", "rotate", "--json")

    assert told.code == 1
    assert told.json["resealed"] == 3
    assert sum(told.json["left"].values()) == 1
    assert "accounts messenger/1 credentials does not open" in told.err
    assert "`accounts delete`" in told.err
    assert told.err.count("\n") == 1
    assert deleted.code == 0
    assert (again.code, again.json["left"], again.json["resealed"]) == (0, {}, 0)
    assert again.json["newest"] == told.json["newest"]


def test_a_server_that_dies_meanwhile_is_told_with_what_to_do(
    programs: Programs, data: Path
) -> None:
    programs.environ["JACKFIELD_CRASH_AT"] = "resealing:1"
    programs.start("serve", "--port", "0").line()

    told = programs.run("keys", "rotate")
    del programs.environ["JACKFIELD_CRASH_AT"]
    again = programs.run("keys", "rotate")

    assert told.code == 1
    assert "Nothing is lost, and both keys are kept: run `jackfield keys rotate` again" in told.err
    assert again.code == 0, again.err


def test_a_crash_point_that_is_none_is_said(programs: Programs, data: Path) -> None:
    programs.environ["JACKFIELD_CRASH_AT"] = "nowhere"

    ended = programs.run("keys", "show")

    assert ended.code == 1
    assert "JACKFIELD_CRASH_AT: 'nowhere' is not NAME or NAME:N" in ended.err


def test_a_terminal_sees_how_far_it_is(programs: Programs, data: Path) -> None:
    ours, theirs = pty.openpty()
    ended = subprocess.run(  # noqa: S603 - our own program
        [JACKFIELD, "keys", "rotate"],
        env=programs.environment | {"TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        timeout=120,
        check=False,
    )
    os.close(theirs)
    shown = os.read(ours, 64 * 1024).decode()
    os.close(ours)

    assert ended.returncode == 0
    assert "Sealing anew" in shown
    assert "4/4" in shown
