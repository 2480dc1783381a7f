"""How a command of the command line reaches the console, and what long listings take."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from jackfield.cli.options import arm, for_this_database, hint, next_command, settings_from

if TYPE_CHECKING:
    from pathlib import Path

    from jackfield.console.orders import Order

Result = TypeVar("Result")

AfterOption = Annotated[
    str,
    typer.Option(metavar="WHERE", help="Begin behind this; a page ends with the one to give."),
]
LimitOption = Annotated[int, typer.Option(help="Rows on a page, 1 to 500.")]
YesOption = Annotated[
    bool,
    typer.Option("--yes", help="Do not ask; needed where nobody can be asked."),
]
SECRET_DASH = "`-` reads it from standard input."  # noqa: S105 - a help text


def operate(
    command: str,
    order: Order,
    *,
    gives: type[Result],
    data: Path | None,
) -> Result:
    """Have `command` done by whoever may write, and return what it gives."""
    from jackfield.console.operator import operate  # noqa: PLC0415 - see options
    from jackfield.problems import Problem  # noqa: PLC0415 - the same

    settings = settings_from(data=data)
    is_new = False

    def prepare() -> None:
        """Have what a gateway in this process logs not mix with what is printed."""
        from jackfield.cli import logs  # noqa: PLC0415 - only for such a gateway
        from jackfield.settings import LogLevel  # noqa: PLC0415 - the same

        logs.configure(LogLevel.WARNING, settings.log_format)
        arm(settings)
        nonlocal is_new
        is_new = settings.sqlite_file is not None and not settings.sqlite_file.exists()

    try:
        return operate(settings, command, order, gives=gives, before_here=prepare)
    except Problem as problem:
        problem.args = (for_this_database(str(problem), data=data),)
        raise
    finally:
        if is_new:
            # To a program too: nothing else tells it that it named a wrong place.
            hint(f"There was no database at {settings.sqlite_file}: this began a new one.")


def be_clear(*, dry_run: bool, yes: bool) -> None:
    """Raise BadParameter for both: one of them is a mistake, and nobody can tell which."""
    if dry_run and yes:
        raise typer.BadParameter("it does not go with --dry-run", param_hint="--yes")


def be_sure(question: Callable[[], str], *, yes: bool) -> None:
    """Ask a person at the terminal, and end the command unless the answer is yes.

    Raises BadParameter where nobody can be asked.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter(
            "this cannot be undone, and there is nobody to ask: add --yes",
            param_hint="--yes",
        )
    typer.confirm(question(), abort=True, err=True)


def hint_at_next(
    words: str, after: str | None, *arguments: object, data: Path | None, **options: object
) -> None:
    """Say how to see the next page of a listing, if there is one; see `next_command`."""
    if after is not None:
        more = next_command(words, *arguments, data=data, after=after, **options)
        hint(f"\nThere are more: {more}")
