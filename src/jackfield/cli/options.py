"""What every command takes, and how every command answers."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from getpass import getpass
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from jackfield.settings import Settings

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Where everything is kept; else JACKFIELD_DATA, else the user's data directory.",
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON document, for programs."),
]

_NAMED = re.compile(r"(?<=`)jackfield [^`]+(?=`)")


def settings_from(*, data: Path | None, **options: object) -> Settings:
    """Return the environment's settings with the options that were given: those not None."""
    from jackfield.settings import Settings  # noqa: PLC0415 - `--help` need not wait for it

    return Settings.from_environment(data=data, **options)  # type: ignore[arg-type] # none is called environ


def arm(settings: Settings) -> None:
    """Have this process die where JACKFIELD_CRASH_AT says, if it says so.

    Raises SettingError for a point that is not there.
    """
    from jackfield import crashpoints  # noqa: PLC0415 - as above
    from jackfield.settings import SettingError  # noqa: PLC0415 - as above

    try:
        crashpoints.arm(settings.crash_at)
    except ValueError as error:
        raise SettingError("JACKFIELD_CRASH_AT", str(error)) from None


def demo_directory(data: Path | None) -> Path:
    """Return where a demo is: in `data`, or apart from everything else in the usual place."""
    settings = settings_from(data=data)
    return settings.data if data is not None else settings.data / "demo"


def secret_from(text: str, *, called: str) -> str:
    """Return a secret as given, or for `-` the next line of standard input.

    What stands on a command line is seen by whoever lists processes, and kept by the shell.
    """
    if text != "-":
        return text
    if sys.stdin.isatty():
        return getpass(f"{called[0].upper()}{called[1:]} (it is not shown): ")
    return sys.stdin.readline().rstrip("\r\n")


def text_in(file: str) -> str:
    """Return the text of a file, or for `-` of what is left of standard input.

    Raises BadParameter for what is no text.
    """
    try:
        # As text, for a secret may have been read from it before, and what follows with it.
        return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except ValueError:
        where = "standard input" if file == "-" else file
        raise typer.BadParameter(f"{escaped(where)} is no text in UTF-8") from None


def print_json(document: object) -> None:
    """Print one JSON document."""
    import msgspec  # noqa: PLC0415 - as above

    typer.echo(msgspec.json.encode(document).decode())


def print_members(members: Mapping[str, str]) -> None:
    """Print names and values, one a line, the values below each other."""
    width = max(len(name) for name in members)
    for name, value in members.items():
        typer.echo(f"  {name:<{width}}  {value}")


def hint(text: str) -> None:
    """Say what to do next, where it does not disturb what a program reads."""
    typer.echo(text, err=True)


def escaped(text: str) -> str:
    """Return a text with all that is not visible as its escape in Python: what moves a cursor."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def next_command(words: str, *arguments: object, data: Path | None, **options: object) -> str:
    """Return a command as a shell takes it, for the same database: `words` begins `jackfield …`.

    Options that are None are left out. Where `data` is None, it came from the environment, which
    the next command has as well.
    """
    line = [words, *(quote(str(each)) for each in arguments)]
    for name, value in (options | {"data": data}).items():
        line += [] if value is None else [f"--{name}", quote(str(value))]
    return " ".join(line)


def for_this_database(sentence: str, *, data: Path | None) -> str:
    """Return what the gateway says with `--data` in every command that it names in backquotes.

    Its words are the same for whoever asks it, and it may know its database by another path.
    """
    return _NAMED.sub(lambda named: next_command(named[0], data=data), sentence)
