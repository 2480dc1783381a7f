"""`make bench`: prints the goals as ratios to floors; name goals or engines to run only those."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from benchmarks import storage
from benchmarks.servers import databases, prepare
from benchmarks.speed import Figure, measure

GOALS = ("S1", "S5", "S6", "S7")
ENGINES = ("sqlite", "postgresql")


def main() -> None:
    """Measure what was asked for and print it."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--goal", action="append", choices=GOALS, help="default: all")
    parser.add_argument("--engine", action="append", choices=ENGINES, help="default: both")
    asked = parser.parse_args()
    console = Console()
    figures: list[Figure] = []
    with databases(asked.engine or ENGINES) as available:
        for engine, environ in available:
            console.print(f"Measuring on {engine} ...", style="dim")
            prepare(environ)
            figures += measure(engine, environ, goals=asked.goal or GOALS)
    console.print(_table(figures))
    if "S5" in (asked.goal or GOALS):
        storage.main()


def _table(figures: Sequence[Figure]) -> Table:
    table = Table(title="Rates are medians of three rounds; ours and the floor took turns.")
    for heading in ("goal", "what", "ours /s", "floor /s", "ratio", "wanted", "remarks"):
        table.add_column(heading, justify="right" if heading[-2:] in {"/s", "io"} else "left")
    for figure in figures:
        ratio = figure.ratio
        table.add_row(
            figure.goal,
            figure.what,
            f"{figure.ours:,.0f}",
            f"{figure.floor:,.0f}" if figure.floor else "-",
            f"{ratio:.2f}" if ratio else "-",
            f"{figure.wanted:.2f}",
            figure.remarks,
        )
    return table


if __name__ == "__main__":
    main()
