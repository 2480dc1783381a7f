"""Rotates the master key step by step, and shows how far it is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from jackfield.cli.asking import operate
from jackfield.cli.options import next_command
from jackfield.console.key_orders import (
    BeginRotation,
    FinishRotation,
    KeySource,
    Reseal,
    Resealed,
    RotationBegun,
    RotationFinished,
)
from jackfield.problems import OutcomeUnknown

_PASSES = 3
"""How often it looks through everything, if values under an old key are added meanwhile."""

_TOLD = 10
"""How many of the values that do not open are named."""


@dataclass(kw_only=True)
class Rotated:
    """What a rotation came to; it is done where nothing is `left` under another key."""

    source: KeySource
    newest: str
    old: list[str]
    file: str | None
    resealed: int = 0
    left: dict[str, int] = field(default_factory=dict)
    shut: list[str] = field(default_factory=list)


def rotate(data: Path | None) -> Rotated:
    """Begin a rotation or go on with one, and return what it came to.

    Raises what the commands raise, and OutcomeUnknown where the server went away meanwhile.
    """
    try:
        begun = operate("keys.rotate.begin", BeginRotation(), gives=RotationBegun, data=data)
        rotated = Rotated(source=begun.source, newest=begun.newest, old=[*begun.old], file=None)
        for _ in range(_PASSES):
            with _progress(begun.values) as advance:
                rotated.shut = _pass(rotated, advance, data=data)
            done = operate(
                "keys.rotate.finish", FinishRotation(), gives=RotationFinished, data=data
            )
            rotated.left, rotated.file = dict(done.left), done.file
            if not rotated.left or rotated.shut:
                break
    except OutcomeUnknown:
        again = next_command("jackfield keys rotate", data=data)
        raise OutcomeUnknown(
            "The server went away meanwhile. Nothing is lost, and both keys are kept: "
            f"run `{again}` again, and it goes on.",
        ) from None
    return rotated


def why_not_done(rotated: Rotated) -> str:
    """Return why old keys are still needed, and what to do about it."""
    still = ", ".join(each or "no key" for each in rotated.left)
    if not rotated.shut:
        return (
            f"Values are still being sealed under {still}: some process has another key than "
            f"{rotated.newest} first in JACKFIELD_MASTER_KEY; put that first wherever a gateway "
            "or a command runs, restart these, and run this again"
        )
    more = len(rotated.shut) - _TOLD
    named = "; ".join(rotated.shut[:_TOLD]) + (f"; and {more} more" if more > 0 else "")
    return (
        f"Sealed anew: {rotated.resealed}, but the old keys are kept, for this does not open and "
        f"stays as it is: {named}. If a key is missing, put it back into the list; else take "
        "away what is damaged (`accounts delete`, `provider-apps secrets revoke`, "
        "`tenants signature rotate`). Then run this again"
    )


def _pass(rotated: Rotated, advance: Callable[[int], None], *, data: Path | None) -> list[str]:
    """Walk once through everything; return why each value that does not open stays shut."""
    shut: list[str] = []
    here: Reseal | None = Reseal()
    while here is not None:
        done = operate("keys.rotate.reseal", here, gives=Resealed, data=data)
        rotated.resealed += done.resealed
        shut += done.shut
        advance(done.looked_at)
        here = done.next
    return shut


@contextmanager
def _progress(values: int) -> Iterator[Callable[[int], None]]:
    """Give what is called with how many more values were looked at; a terminal sees a bar."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 - see showing
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    columns = (TextColumn("Sealing anew"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=values)
        yield lambda more: bar.advance(task, more)
