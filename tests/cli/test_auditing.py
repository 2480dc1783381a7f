"""`jackfield audit` as a process: its words, its exit code, and what it asks."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from cli.programs import Programs

UNREAD = """INSERT INTO inbound_bodies (kind, reason, body, digest, received_at)
VALUES ('unread', 'planted', x'00', x'00', 0)"""


def test_books_that_differ_end_with_an_exit_code_until_they_are_settled(
    programs: Programs, tmp_path: Path
) -> None:
    data = ("--data", str(tmp_path / "data"))
    programs.run("tenants", "create", "Acme", *data)
    sound = programs.run("audit", *data)
    with closing(sqlite3.connect(tmp_path / "data" / "jackfield.sqlite3")) as connection:
        connection.execute(UNREAD)
        connection.commit()

    differs = programs.run("audit", "--json", *data)
    unasked = programs.run("audit", "--settle", *data)
    settled = programs.run("audit", "--settle", "--yes", *data)
    later = programs.run("audit", "--json", *data)

    assert (sound.code, sound.err) == (0, "")
    assert "difference  0" in sound.out
    assert (differs.code, differs.json["difference"], differs.json["terms"]["unread"]) == (
        1,
        -1,
        1,
    )
    assert "docs/monitoring.md" in differs.err
    assert unasked.code == 2
    assert "--yes" in unasked.err
    assert (settled.code, settled.out.splitlines()[-1]) == (0, "Settled: 1")
    assert (later.code, later.json["difference"]) == (0, 0)


def test_books_that_balance_are_not_asked_about(programs: Programs, tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "data"))
    programs.run("tenants", "create", "Acme", *data)

    unasked = programs.run("audit", "--settle", *data)
    asked = programs.run("audit", "--settle", "--yes", *data)
    document = programs.run("audit", "--settle", "--json", *data)

    for ended in (unasked, asked):
        assert (ended.code, ended.err) == (0, "")
        assert ended.out.splitlines()[-1] == "There is nothing to settle."
    assert (document.code, document.json["difference"], document.json["settled"]) == (0, 0, 0)
