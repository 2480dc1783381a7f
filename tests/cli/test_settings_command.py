"""The `settings` command: every setting with its value and source, and no secret."""

from __future__ import annotations

from pathlib import Path

from cli.programs import Programs
from jackfield.settings import SETTINGS


def test_it_says_where_each_value_comes_from(programs: Programs, tmp_path: Path) -> None:
    programs.environ["JACKFIELD_PORT"] = "9000"
    programs.environ["JACKFIELD_HOST"] = "192.0.2.1"

    printed = programs.run("settings", "--json", "--host", "::1", "--data", str(tmp_path))

    shown = {one["name"]: (one["value"], one["source"]) for one in printed.json["settings"]}
    assert list(shown) == [setting.variable for setting in SETTINGS]
    assert shown["JACKFIELD_PORT"] == ("9000", "environment")
    assert shown["JACKFIELD_HOST"] == ("::1", "option")
    assert shown["JACKFIELD_DATA"] == (str(tmp_path), "option")
    assert shown["JACKFIELD_IN_FLIGHT"] == ("256", "default")
    assert shown["JACKFIELD_PUBLIC_URL"] == (None, "default")


def test_it_prints_no_secret(programs: Programs) -> None:
    programs.environ["JACKFIELD_MASTER_KEY"] = "ab" * 32
    programs.environ["JACKFIELD_OPERATIONS_TOKEN"] = "canary-token"
    programs.environ["JACKFIELD_DATABASE_URL"] = "postgresql://gateway:canary@db.example/jackfield"

    for printed in (programs.run("settings"), programs.run("settings", "--json")):
        assert printed.code == 0
        assert "canary" not in printed.out
        assert "abab" not in printed.out
        assert "postgresql://gateway:***@db.example/jackfield" in printed.out


def test_an_empty_variable_is_the_default(programs: Programs) -> None:
    programs.environ["JACKFIELD_PORT"] = " "

    lines = programs.run("settings").out.splitlines()

    (line,) = [each for each in lines if each.startswith("JACKFIELD_PORT ")]
    assert line.split() == ["JACKFIELD_PORT", "8080", "default"]


def test_it_opens_no_database(programs: Programs, tmp_path: Path) -> None:
    data = tmp_path / "data"

    ended = programs.run("settings", "--data", str(data))

    assert ended.code == 0
    assert not data.exists()


def test_a_variable_that_is_no_setting_is_told_with_the_nearest_that_is(
    programs: Programs,
) -> None:
    programs.environ["JACKFIELD_MESSAGE_RETENTON"] = "1h"
    programs.environ["JACKFIELD_FOO"] = "1"

    table, document = programs.run("settings"), programs.run("settings", "--json")

    near, far = sorted(table.err.splitlines(), key=len, reverse=True)
    assert far == "JACKFIELD_FOO is no setting and changes nothing."
    assert near == (
        "JACKFIELD_MESSAGE_RETENTON is no setting and changes nothing; "
        "is JACKFIELD_MESSAGE_RETENTION meant?"
    )
    assert document.err == table.err
    assert document.json["unknown"] == [
        {"name": "JACKFIELD_FOO", "nearest": None},
        {"name": "JACKFIELD_MESSAGE_RETENTON", "nearest": "JACKFIELD_MESSAGE_RETENTION"},
    ]


def test_what_is_told_of_an_unknown_variable_is_not_its_value(programs: Programs) -> None:
    programs.environ["JACKFIELD_MASTERKEY"] = "canary"

    for printed in (programs.run("settings"), programs.run("settings", "--json")):
        assert "JACKFIELD_MASTER_KEY" in printed.err
        assert "canary" not in printed.out + printed.err
