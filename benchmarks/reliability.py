"""`make bench-reliability`: what the promises cost in time, one scenario after the other."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table

from benchmarks.scenarios import SCENARIOS
from benchmarks.servers import databases, prepare

ENGINES = ("sqlite", "postgresql")


def main() -> None:
    """Run what was asked for, and print what was seen beside what is wanted."""
    parser = argparse.ArgumentParser(prog="make bench-reliability", description=__doc__)
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, help="default: all")
    parser.add_argument("--engine", action="append", choices=ENGINES, help="default: sqlite")
    parser.add_argument("--seconds", type=int, default=30, help="how long each goes on")
    asked = parser.parse_args()
    console = Console()
    table = Table(title=f"{asked.seconds} s for each scenario")
    for heading in ("goal", "what", "engine", "seen", "wanted"):
        table.add_column(heading)
    for name in asked.scenario or SCENARIOS:
        with databases(asked.engine or ENGINES[:1]) as available:
            for engine, environ in available:
                console.print(f"{name} on {engine} ...", style="dim")
                prepare(environ)
                for finding in SCENARIOS[name](environ, asked.seconds):
                    seen = (finding.goal, finding.what, engine, finding.seen, finding.wanted)
                    table.add_row(*seen)
                    console.print("  " + " | ".join(seen))
    console.print(table)


if __name__ == "__main__":
    main()
