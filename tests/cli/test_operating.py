"""The operator's commands as real processes: without a server, beside one, and on PostgreSQL."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli.programs import Programs
from jackfield import cli

TENANT = {"name", "api_key", "api_secret", "signature_secret", "webhook_secret"}


def test_without_a_server_each_command_does_its_work_itself(programs: Programs) -> None:
    programs.run("tenants", "create", "The first", "--json")

    made = programs.run("tenants", "create", "Acme", "--json")
    added = programs.run(
        *("provider-apps", "add", "meta", "main", "--json"),
        *("--app-secret", "s", "--verify-token", "t"),
    )
    granted = programs.run("provider-apps", "grant", "main", made.json["api_key"], "--json")

    assert (made.code, added.code, granted.code) == (0, 0, 0)
    assert made.json.keys() == TENANT
    path = "/webhooks/meta/main"
    assert added.json == {"kind": "meta", "name": "main", "webhook_path": path, "missing": []}
    assert granted.json == {"name": "main", "api_key": made.json["api_key"], "all": False}
    assert made.err == added.err == granted.err == ""


def test_beside_a_server_each_command_is_done_by_the_server(
    programs: Programs,
    tmp_path: Path,
) -> None:
    data = str(tmp_path / "data")
    programs.start("serve", "--port", "0", "--data", data).line()

    made = programs.run("tenants", "create", "Acme", "--api-key", "acme", "--data", data)
    again = programs.run("tenants", "create", "Acme", "--api-key", "acme", "--data", data)

    assert made.code == 0
    assert "acme" in made.out
    assert (again.code, again.out) == (1, "")
    assert again.err == "jackfield: The API key acme is taken; choose another.\n"
    assert '"event":"tenant.created"' in programs.logged


def test_on_postgresql_a_command_connects_by_itself(
    programs: Programs,
    postgres_url: str,
) -> None:
    programs.environ["JACKFIELD_DATABASE_URL"] = postgres_url
    programs.environ["JACKFIELD_MASTER_KEY"] = "ab" * 32

    made = programs.run("tenants", "create", "Acme", "--json")

    assert made.json.keys() == TENANT


def test_a_person_gets_lines_to_read_and_hints_apart_from_them(programs: Programs) -> None:
    made = programs.run("tenants", "create", "Acme", "--api-key", "acme")
    added = programs.run(
        *("provider-apps", "add", "meta", "main", "--app-secret", "s", "--verify-token", "t"),
    )
    granted = programs.run("provider-apps", "grant", "main", "--all")

    assert "The tenant Acme is made." in made.out
    assert "webhook_secret    whsec_" in made.out
    assert "Keep the secrets now" in made.err
    assert "/webhooks/meta/main" in added.out
    assert "jackfield provider-apps grant main --all" in added.err
    assert granted.out == "The provider app main serves the accounts of every tenant.\n"


def test_secrets_can_be_read_from_standard_input(programs: Programs) -> None:
    made = programs.run(
        *("tenants", "create", "Acme", "--api-secret", "-", "--json"),
        stdin="correct horse\n",
    )

    assert made.json["api_secret"] == "correct horse"


def test_two_secrets_are_two_lines_of_standard_input(programs: Programs) -> None:
    secrets = ("--app-secret", "-", "--verify-token", "-")

    both = programs.run("provider-apps", "add", "meta", "main", *secrets, stdin="one\ntwo\n")
    second_missing = programs.run("provider-apps", "add", "meta", "b", *secrets, stdin="one\n")

    assert both.code == 0, both.err
    assert second_missing.code == 1
    assert "verify_token is 1 to 255 visible characters" in second_missing.err


def test_what_cannot_be_done_is_one_line_and_an_exit_code(programs: Programs) -> None:
    programs.run("tenants", "create", "Acme")

    ended = programs.run("accounts", "vouch", "whatsapp", "447700900123", "--json")

    assert (ended.code, ended.out) == (1, "")
    assert ended.err == (
        "jackfield: There is no whatsapp account 447700900123 "
        "(`jackfield accounts list --provider whatsapp` shows those there are).\n"
    )


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("JACKFIELD_DATABASE_URL", "mysql://x", "JACKFIELD_DATABASE_URL: its value cannot be"),
        ("JACKFIELD_DATABASE_URL", "sqlite:////proc/a/b", "/proc/a: No such file or directory"),
        ("JACKFIELD_DATABASE_URL", "postgresql://127.0.0.1:9/x", "PostgreSQL cannot be reached"),
        ("JACKFIELD_MASTER_KEY", "short", "JACKFIELD_MASTER_KEY: key 1 of 1 is not 32 bytes"),
    ],
)
def test_a_wrong_setting_is_said_without_a_traceback(
    programs: Programs,
    variable: str,
    value: str,
    said: str,
) -> None:
    programs.environ[variable] = value

    ended = programs.run("tenants", "create", "Acme")

    assert ended.code == 1
    assert said in ended.err
    assert ended.err.count("\n") == 1


def test_a_database_without_its_key_is_not_opened(programs: Programs, tmp_path: Path) -> None:
    data = tmp_path / "data"
    programs.run("tenants", "create", "Acme", "--data", str(data))
    data.joinpath("jackfield.key").unlink()

    ended = programs.run("tenants", "create", "Acme", "--data", str(data))

    assert ended.code == 1
    assert "put the file back" in ended.err


def test_a_grant_names_one_tenant_or_all_and_not_both(programs: Programs) -> None:
    neither = programs.run("provider-apps", "grant", "main")
    both = programs.run("provider-apps", "grant", "main", "acme", "--all")

    assert neither.code == both.code == 2
    assert "or say --all" in neither.err
    assert "or say --all" in both.err


def test_help_shows_an_example(programs: Programs) -> None:
    ended = programs.run("tenants", "create", "--help")

    assert ended.code == 0
    assert "  jackfield tenants create" in ended.out


def helps(app: typer.Typer, *path: str) -> Iterator[tuple[str, str]]:
    """Give each command's words and the text of its help."""
    for command in app.registered_commands:
        assert command.callback is not None
        yield (
            " ".join([*path, command.name or command.callback.__name__]),
            inspect.getdoc(command.callback) or "",
        )
    for group in app.registered_groups:
        assert group.typer_instance is not None
        yield from helps(group.typer_instance, *path, str(group.name))


def test_the_help_of_every_command_has_an_example() -> None:
    help_by_command = dict(helps(cli.commands(), "jackfield"))

    without = [each for each, text in help_by_command.items() if f"\n{each}" not in text]

    assert "jackfield tenants secrets revoke" in help_by_command
    assert without == []


def groups(app: typer.Typer, *path: str) -> Iterator[tuple[str, ...]]:
    """Give the words of each group of commands."""
    yield path
    for group in app.registered_groups:
        assert group.typer_instance is not None
        yield from groups(group.typer_instance, *path, str(group.name))


def test_no_line_of_a_list_of_commands_is_cut_off() -> None:
    terminal = CliRunner(env={"COLUMNS": "80"})

    all_of_them = cli.commands()
    said = {
        path: terminal.invoke(all_of_them, [*path, "--help"]).stdout
        for path in groups(all_of_them)
    }

    assert ("provider-apps", "secrets") in said
    assert all("Commands:" in text for text in said.values())
    lines = [line for text in said.values() for line in text.split("Commands:")[1].splitlines()]
    assert [line for line in lines if line.endswith("...")] == []


def test_the_command_line_loads_nothing_heavy_before_it_knows_the_command(
    programs: Programs,
) -> None:
    heavy = {
        *("sqlalchemy", "aiohttp", "uvicorn", "starlette", "cryptography", "asyncpg"),
        "rich.table",
    }
    program = "import json, sys, jackfield.cli; json.dump([*sys.modules], sys.stdout)"

    loaded = programs.run("-c", program, program=[sys.executable])

    assert heavy.isdisjoint(loaded.json)


def test_the_version_is_printed(programs: Programs) -> None:
    assert programs.run("--version").out == f"{version('jackfield')}\n"
