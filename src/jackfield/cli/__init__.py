"""The command line: which commands there are, and how a failure is told."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer

from jackfield.cli.options import escaped

_COMMANDS = {
    "serve": ("running", "serve"),
    "demo": ("running", "demo"),
    "settings": ("settings", "show_settings"),
    "token": ("tokens", "token"),
    "audit": ("auditing", "audit"),
    "backup": ("backing_up", "backup"),
}
_NOUNS = {
    "tenants": ("tenants", "app"),
    "provider-apps": ("provider_apps", "app"),
    "accounts": ("accounts", "accounts"),
    "applications": ("accounts", "applications"),
    "keys": ("keys", "app"),
    "deliveries": ("deliveries", "app"),
    "destinations": ("destinations", "app"),
    "unread": ("kept", "unread"),
    "unknown": ("kept", "unknown"),
    "people": ("people", "people"),
    "sandbox": ("sandbox", "app"),
}
"""The module below this package that each is in, and its name there."""


def commands(word: str | None = None) -> typer.Typer:
    """Return all commands, or only those that begin with `word` where there are such.

    To build all fifty takes longer than many a command.
    """
    app = typer.Typer(
        name="jackfield",
        help="A gateway for chat accounts: what people write reaches the linked application.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback(invoke_without_command=True)(version)
    everything = word not in {*_COMMANDS, *_NOUNS}
    for name, place in _COMMANDS.items():
        if everything or name == word:
            app.command(name)(_found(place))
    for name, place in _NOUNS.items():
        if everything or name == word:
            app.add_typer(_found(place), name=name)
    return app


def _found(place: tuple[str, str]) -> Any:  # noqa: ANN401 -- a function or a typer
    module, name = place
    return getattr(import_module(f"jackfield.cli.{module}"), name)


def version(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and stop."),
    ] = False,
) -> None:
    """Answer `--version`."""
    if version:
        from importlib.metadata import version as installed  # noqa: PLC0415 - start-up counts

        typer.echo(installed("jackfield"))
        raise typer.Exit


def main() -> None:
    """Run the command line; a failure that a person can act on is one line on stderr."""
    for argument in sys.argv[1:]:
        if not _is_text(argument):
            shown = os.fsencode(argument).decode(errors="backslashreplace")
            _end(f"The argument {shown} is no text in UTF-8.", code=2)
    try:
        commands(next(iter(sys.argv[1:]), None))()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        _end(sentence, code=1)


def _is_text(argument: str) -> bool:
    try:
        argument.encode()
    except UnicodeEncodeError:
        # Python keeps what it could not read in a form that neither JSON nor a database takes.
        return False
    return True


def _end(sentence: str, *, code: int) -> NoReturn:
    # It may repeat what was typed or pasted, and with it what a terminal obeys.
    sys.stderr.write(f"jackfield: {escaped(sentence)}\n")
    sys.exit(code)


def _sentence(error: Exception) -> str | None:
    """Return what to tell a person, or None for a bug, which must show where it is."""
    # Imported by whatever raised it, so nothing is loaded for this.
    from jackfield.problems import Problem  # noqa: PLC0415
    from jackfield.sealing import SealingError  # noqa: PLC0415
    from jackfield.settings import SettingError  # noqa: PLC0415

    if isinstance(error, Problem | SealingError | SettingError):
        text = str(error)
    elif isinstance(error, OSError) and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    else:
        return None
    is_ended = text.rstrip(")").endswith((".", "?", "!"))
    return text if is_ended else f"{text}."
