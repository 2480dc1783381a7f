"""How pieces that became no message are named on the command line."""

from __future__ import annotations

from typing import Annotated

import typer

KindOption = Annotated[
    str | None,
    typer.Option(metavar="KIND", help="unread, or differs: a known event with other content."),
]
RoutingKeyArgument = Annotated[str, typer.Argument(help="As `jackfield unknown list` shows it.")]


def check_kind(kind: str | None) -> None:
    """Raise BadParameter for a kind that pieces do not have."""
    if kind not in {None, "unread", "differs"}:
        raise typer.BadParameter("it is unread or differs", param_hint="--kind")
