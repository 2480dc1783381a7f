"""The command line: which commands there are, and how a failure is told."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from jackfield.cli import (
    accounts,
    auditing,
    backing_up,
    deliveries,
    destinations,
    kept,
    keys,
    people,
    provider_apps,
    running,
    sandbox,
    settings,
    tenants,
    tokens,
)

app = typer.Typer(
    name="jackfield",
    help="A gateway for chat accounts: what people write reaches the linked application.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("serve")(running.serve)
app.command("demo")(running.demo)
app.command("settings")(settings.show_settings)
app.add_typer(tenants.app, name="tenants")
app.add_typer(provider_apps.app, name="provider-apps")
app.add_typer(accounts.accounts, name="accounts")
app.add_typer(accounts.applications, name="applications")
app.add_typer(keys.app, name="keys")
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(destinations.app, name="destinations")
app.add_typer(kept.unread, name="unread")
app.add_typer(kept.unknown, name="unknown")
app.add_typer(people.people, name="people")
app.command("token")(tokens.token)
app.command("audit")(auditing.audit)
app.command("backup")(backing_up.backup)
app.add_typer(sandbox.app, name="sandbox")


@app.callback(invoke_without_command=True)
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
        app()
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
