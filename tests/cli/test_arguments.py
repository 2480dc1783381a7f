"""Arguments that are no text, or hold what a terminal obeys, end a command with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.programs import Programs

NO_TEXT = "\udcff"
"""As Python gives the byte 255, which is nothing in UTF-8."""


@pytest.fixture(autouse=True)
def there_is_a_database(programs: Programs) -> None:
    programs.run("tenants", "create", "Acme", "--api-key", "acme")


@pytest.mark.parametrize(
    "arguments",
    [
        ("people", "erase", "messenger", "2", NO_TEXT, "--dry-run"),
        ("deliveries", "show", NO_TEXT),
        ("deliveries", "list", "--tenant", NO_TEXT),
        ("accounts", "show", "whatsapp", NO_TEXT),
        ("applications", "test", NO_TEXT),
        ("destinations", "pause", "acme", NO_TEXT),
        ("tenants", "create", NO_TEXT),
        ("backup", NO_TEXT),
        (NO_TEXT,),
    ],
)
def test_an_argument_that_is_no_text_is_said(
    programs: Programs, arguments: tuple[str, ...]
) -> None:
    ended = programs.run(*arguments)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "jackfield: The argument \\xff is no text in UTF-8.\n"


def test_what_a_terminal_obeys_is_shown_and_not_sent_to_it(
    programs: Programs, tmp_path: Path
) -> None:
    name = "1\x1b[2J\x07\n2\x9b"
    (tmp_path / name).write_bytes(b"\xff")
    account = ("accounts", "create", "messenger", "1", "--tenant", "acme")

    asked = programs.run("accounts", "show", "whatsapp", name)
    missing = programs.run("backup", str(tmp_path / "copy"), "--data", str(tmp_path / name))
    no_text = programs.run(*account, "--credentials", str(tmp_path / name))

    for ended in (asked, missing, no_text):
        assert "1\\x1b[2J\\x07\\n2\\x9b" in "".join(ended.err.split())
    assert asked.err.startswith("jackfield: There is no whatsapp account 1\\x1b")


def test_a_sentence_that_ends_within_brackets_has_one_full_stop(programs: Programs) -> None:
    ended = programs.run("unknown", "assign", "messenger", "nope")

    assert ended.code == 1
    assert ended.err.endswith("else the account's id.)\n")
