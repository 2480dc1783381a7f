"""The `audit` command: whether all that was accepted is still accounted for."""

from __future__ import annotations

from typing import Annotated

import typer

from jackfield.cli.asking import YesOption, be_sure, operate
from jackfield.cli.options import DataOption, JsonOption, hint, print_json


def audit(
    *,
    settle: Annotated[
        bool,
        typer.Option("--settle", help="Write off what they differ by, once you know why."),
    ] = False,
    yes: YesOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare what was accepted with what became of it.

    The exit code is 1 where they differ. The running gateway does the same every
    minute, in /metrics and /readyz.

    \b
    jackfield audit
    jackfield audit --settle
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.cli.showing import print_document  # noqa: PLC0415 - see options
    from jackfield.console.book_orders import Audit, Audited  # noqa: PLC0415 - see options

    audited = operate("audit", Audit(), gives=Audited, data=data)
    if settle and audited.difference:
        question = (
            f"The books differ by {audited.difference}. Settled, that is no longer seen, and what "
            "is missing is never looked for again. Settle them?"
        )
        be_sure(lambda: question, yes=yes)
        audited = operate("audit", Audit(settle=True), gives=Audited, data=data)
    if as_json:
        print_json(audited)
    else:
        print_document({"difference": audited.difference, **audited.terms})
    if settle and not as_json:
        typer.echo(
            f"Settled: {audited.settled}" if audited.settled else "There is nothing to settle."
        )
    if audited.difference:
        hint(
            "The books differ: something was lost, or changed by hand. docs/monitoring.md says "
            "where to look.",
        )
        raise typer.Exit(1)
