"""What a command says to type next means the same things: the database, and every argument."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.programs import JACKFIELD, REPOSITORY, Programs
from jackfield.cli.options import next_command

URL = "https://desk.example/in?a=1&b=it's"
PAGE = ("messenger", "200000000000002")
SHOWN = re.compile(r"jackfield [a-z].*")

words = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1)


@pytest.fixture
def data(programs: Programs, tmp_path: Path) -> tuple[str, str]:
    """The option for a directory whose name a shell would take apart; a tenant is in it."""
    programs.environ["PATH"] = f"{Path(JACKFIELD).parent}:{os.environ['PATH']}"
    option = ("--data", str(tmp_path / "the data"))
    programs.run("tenants", "create", "Acme", "--api-key", "acme", *option)
    return option


def application(programs: Programs, data: tuple[str, str]) -> str:
    made = programs.run(
        *("applications", "create", "--tenant", "acme", "--name", "Desk", "--json"),
        *("--inbound-url", URL, *data),
    )
    return str(made.json["id"])


@given(argument=words, data=words, kind=st.none() | words)
def test_a_shell_takes_a_command_as_it_was_meant(
    argument: str, data: str, kind: str | None
) -> None:
    line = next_command("jackfield accounts show", argument, data=Path(data), kind=kind)

    option = [] if kind is None else ["--kind", kind]
    last = ["--data", str(Path(data))]
    assert shlex.split(line) == ["jackfield", "accounts", "show", argument, *option, *last]


def test_a_url_can_be_pasted_back_as_it_was_shown(
    programs: Programs, data: tuple[str, str]
) -> None:
    application(programs, data)

    paused = programs.run("destinations", "pause", "acme", URL, *data)
    listed = programs.run("destinations", "list", *data)
    (by_pausing,) = SHOWN.findall(paused.err)
    (by_listing,) = SHOWN.findall(listed.err)
    pasted = programs.paste(by_pausing)

    assert by_pausing == by_listing
    assert pasted.out == f"The URL {URL} of acme is up.\n"


def test_every_hint_is_about_the_same_database(programs: Programs, data: tuple[str, str]) -> None:
    desk = application(programs, data)
    app = ("main", "--kind", "google")
    commands = [
        ("provider-apps", "list"),
        ("accounts", "list"),
        ("provider-apps", "add", "google", "main"),
        *[("provider-apps", "secrets", "add", *app, "client_token", "--secret", "s")] * 2,
        ("provider-apps", "grant", "main", "--all"),
        ("provider-apps", "grant", "main", "acme"),
        ("provider-apps", "revoke", *app, "acme"),
        ("accounts", "create", *PAGE, "--tenant", "acme", "--access-token", "t"),
        ("accounts", "link", *PAGE, desk),
        ("accounts", "show", *PAGE),
        ("accounts", "unlink", *PAGE),
        ("applications", "create", "--tenant", "acme", "--name", "B", "--inbound-url", URL),
        ("applications", "list", "--limit", "1"),
        ("applications", "test", desk),
        ("tenants", "secrets", "add", "acme"),
        ("tenants", "disable", "acme"),
    ]

    said = [programs.run(*command, *data) for command in commands]

    assert [each.err for each in said if each.code] == []
    shown = [line for each in said for line in SHOWN.findall(each.err)]
    assert len(shown) == 18
    option = shlex.join(data)
    assert [line for line in shown if not line.endswith((option, "--help"))] == []


def test_what_a_refusal_says_to_do_next_is_about_the_same_database(
    programs: Programs, data: tuple[str, str]
) -> None:
    application(programs, data)
    commands = [
        ("tenants", "show", "nobody"),
        ("accounts", "show", *PAGE),
        ("applications", "show", "00000000-0000-4000-8000-000000000000"),
        ("deliveries", "show", "nothing"),
        ("unread", "show", "7"),
    ]

    refused = [programs.run(*command, *data) for command in commands]

    assert [each.code for each in refused] == [1] * 5
    shown = [line for each in refused for line in re.findall(r"`(jackfield [^`]+)`", each.err)]
    assert len(shown) == 5
    option = shlex.join(data)
    assert [line for line in shown if not line.endswith(option)] == []


def commands_of(page: str, *, after: str, before: str) -> list[str]:
    """Return every command of ours in a part of a page, in its blocks and in its sentences."""
    part = REPOSITORY.joinpath(page).read_text().partition(after)[2].partition(before)[0]
    return re.findall(r"(?:^|`)(jackfield [a-z][^`\n]*)", part, flags=re.MULTILINE)


def test_the_quickstart_is_about_one_database_from_the_first_step_to_the_last() -> None:
    steps = commands_of(
        "docs/quickstart.md", after="## A gateway of your own", before="## On PostgreSQL"
    )

    assert len(steps) == 8
    other = [each for each in steps if "--data ./data" not in each]
    assert [each for each in other if not each.startswith("jackfield token ")] == []
