"""`make bench`: prints the goals as ratios to floors; name goals or engines to run only those."""

from __future__ import annotations

import argparse

from rich.console import Console

from benchmarks import flood, million, storage
from benchmarks.figures import Amount, Figure, table_of_amounts, table_of_figures
from benchmarks.servers import databases, prepare
from benchmarks.speed import measure

USUAL = ("S1", "S2", "S3", "S5", "S6", "S7", "flood")
OF_MANY = ("S4", "S10", "S11")
ENGINES = ("sqlite", "postgresql")


def main() -> None:
    """Measure what was asked for and print it."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--goal",
        action="append",
        choices=USUAL + OF_MANY,
        help=f"default: {', '.join(USUAL)}; the others fill a database first",
    )
    parser.add_argument("--engine", action="append", choices=ENGINES, help="default: both")
    parser.add_argument("--accounts", type=int, default=1_000_000, help="for the others")
    asked = parser.parse_args()
    goals, engines = asked.goal or USUAL, asked.engine or ENGINES
    console = Console()
    figures: list[Figure] = []
    amounts: list[Amount] = []
    if set(goals) & set(USUAL):
        with databases(engines) as available:
            for engine, environ in available:
                console.print(f"Measuring on {engine} ...", style="dim")
                prepare(environ)
                amounts += [flood.measure(engine, environ)] if "flood" in goals else []
                figures += measure(engine, environ, goals=goals)
    if set(goals) & set(OF_MANY):
        for engine in engines:
            found = million.measure(engine, goals=goals, many=asked.accounts)
            figures += found.figures
            amounts += found.amounts
    if figures:
        console.print(table_of_figures(figures))
    if amounts:
        console.print(table_of_amounts(amounts))
    if "S5" in goals:
        storage.main()


if __name__ == "__main__":
    main()
