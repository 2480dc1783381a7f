"""What people are shown: whatever strangers called things, a terminal stays as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.cli.showing import day_and_time, print_document, print_table, words


@given(st.text())
def test_no_word_moves_the_cursor(text: str) -> None:
    assert words(text).isprintable()


def test_a_name_is_no_markup_and_no_control(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("NAME", "N"), [("[red]Acme[/red]\x1b[2J\nx", 1), (None, True)])
    print_document({"name": "a\x1b[2Jb", "url": None, "is": False})

    printed = capsys.readouterr().out

    assert "\x1b" not in printed
    assert "[red]Acme[/red]�[2J�x" in printed
    assert [line.split() for line in printed.splitlines()[2:]] == [
        ["-", "yes"],
        ["name", "a�[2Jb"],
        ["url", "-"],
        ["is", "no"],
    ]


def test_a_time_is_shown_without_its_fraction() -> None:
    assert day_and_time("2026-01-02T03:04:05.678Z") == "2026-01-02 03:04:05"
