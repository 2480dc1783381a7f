"""What the tests start is forked from a loaded process: nobody can tell it from the program."""

from __future__ import annotations

import signal

import pytest

from cli.programs import JACKFIELD, Programs

COMMANDS = {
    "the version": ["--version"],
    "help": ["tenants", "--help"],
    "nothing": [],
    "a command that is not there": ["telephone"],
    "a wrong option": ["serve", "--colour", "red"],
    "the settings": ["settings"],
    "a failure in words": ["token", "78d335fa", "--key", "nowhere.pem"],
    "a document": [
        "tenants",
        "create",
        "Acme",
        "--api-key",
        "acme",
        "--api-secret",
        "s",
        "--json",
    ],
}


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_it_says_and_does_what_the_installed_program_does(
    programs: Programs, arguments: list[str]
) -> None:
    programs.environ["JACKFIELD_PORT"] = "9000"

    forked = programs.run(*arguments)
    programs.environ["JACKFIELD_DATA"] = str(programs.home / "another")
    installed = programs.run(*arguments, program=[JACKFIELD])

    if "settings" in arguments or "create" in arguments:
        assert forked.code == installed.code == 0
        assert len(forked.err.splitlines()) == len(installed.err.splitlines())
        assert len(forked.out.splitlines()) == len(installed.out.splitlines())
    else:
        assert forked == installed


def test_it_serves_and_stops_as_the_installed_program_does(programs: Programs) -> None:
    ends = []
    for program, data in ((None, "one"), ([JACKFIELD], "other")):
        place = str(programs.home / data)
        running = programs.start("serve", "--port", "0", "--data", place, program=program)
        said = running.line()
        ends.append((said.rpartition(":")[0], running.stop(signal.SIGTERM), running.line()))

    assert ends[0] == ends[1] == ("Jackfield is ready at http://127.0.0.1", 0, "")


def test_it_is_killed_as_the_installed_program_is(programs: Programs) -> None:
    running = programs.start("serve", "--port", "0")
    running.line()

    assert running.stop(signal.SIGKILL) == -signal.SIGKILL
