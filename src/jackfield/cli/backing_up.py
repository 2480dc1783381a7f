"""The `backup` command: a copy of the database while the server goes on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from jackfield.cli.options import DataOption, JsonOption, hint, print_json, settings_from


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; it must not be there.")],
    *,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy the SQLite database while the server goes on.

    The copy is checked, and only you may read it. The key that opens what is sealed in it is not
    in it: keep that elsewhere. docs/keeping.md says how to go back to a copy.

    \b
    jackfield backup /mnt/copies/jackfield-monday.sqlite3
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.problems import Invalid, NotFound  # noqa: PLC0415 - see options
    from jackfield.storage.backup import back_up  # noqa: PLC0415 - see options

    settings = settings_from(data=data)
    if settings.sqlite_file is None:
        raise Invalid(
            detail="The database is PostgreSQL, which copies itself: pg_dump --format=custom "
            f"--file={file} with the URL that JACKFIELD_DATABASE_URL has. "
            "Keep JACKFIELD_MASTER_KEY elsewhere: it is not in the copy.",
        )
    if not file.absolute().parent.is_dir():
        raise NotFound(f"There is no directory {file.absolute().parent}: make it first.")
    with _bar() as progress:
        size = back_up(settings.sqlite_file, file.absolute(), progress=progress)
    key = (
        "JACKFIELD_MASTER_KEY"
        if settings.master_key
        else str(settings.sqlite_file.with_suffix(".key"))
    )
    if as_json:
        print_json({"file": str(file.absolute()), "bytes": size, "key": key})
        return
    typer.echo(f"The database is copied to {file} ({size / 1e6:.1f} MB), and the copy is sound.")
    hint(f"The key is not in it: keep {key} too, and not beside the copy.")


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    """Show on a terminal how far it is."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    with typer.progressbar(length=1, label="Copying", file=sys.stderr) as bar:

        def show(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield show
