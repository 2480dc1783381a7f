"""The command line: which commands there are, and how a failure is told."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any

import typer

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
    try:
        commands(next(iter(sys.argv[1:]), None))()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        sys.stderr.write(f"jackfield: {sentence}\n")
        sys.exit(1)


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
    return text if text.endswith((".", "?", "!")) else f"{text}."
