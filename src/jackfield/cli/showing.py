"""Tables for people, as wide as they must be: nothing that is shown is cut off."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from jackfield.cli.options import print_members

_UNLIMITED = 100_000
"""Columns of a terminal that is none: a file or a pipe."""


def print_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows below their names; on a terminal long cells go on in the next line."""
    # Takes longer to load than most commands take to run.
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    is_terminal = sys.stdout.isatty()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in header:
        table.add_column(name, overflow="fold", no_wrap=not is_terminal)
    for row in rows:
        table.add_row(*(Text(words(cell)) for cell in row))
    Console(width=None if is_terminal else _UNLIMITED).print(table)


def print_columns(columns: Mapping[str, str], rows: Iterable[object]) -> None:
    """Print of each row the members that `columns` has by their headings."""
    cells = [[getattr(row, member) for member in columns.values()] for row in rows]
    print_table(tuple(columns), cells)


def print_all(shown: msgspec.Struct) -> None:
    """Print every member of what a command gave, one a line."""
    print_document({name: getattr(shown, name) for name in shown.__struct_fields__})


def print_document(members: Mapping[str, object]) -> None:
    """Print names and values, one a line."""
    print_members({name: words(value) for name, value in members.items()})


def words(value: object) -> str:
    """Return a value as a person reads it; what could move a terminal's cursor is replaced."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "".join(
        each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in str(value)
    )


def day_and_time(iso: str) -> str:
    """Return an ISO 8601 time in UTC without its fraction: `2026-01-02 03:04:05`."""
    return iso[:19].replace("T", " ")
