"""What a benchmark found, and how it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured goal: ours and its floor in requests per second, and what else was seen."""

    goal: str
    what: str
    ours: float
    floor: float | None
    wanted: float
    remarks: str = ""

    @property
    def ratio(self) -> float | None:
        """Return ours as a share of the floor, or None without a floor."""
        return self.ours / self.floor if self.floor else None


@dataclass(frozen=True, slots=True)
class Amount:
    """One measured goal that is no rate: what was seen and what is wanted, in words."""

    goal: str
    what: str
    seen: str
    wanted: str


def table_of_figures(figures: Sequence[Figure]) -> Table:
    """Return the rates as a table."""
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


def table_of_amounts(amounts: Sequence[Amount]) -> Table:
    """Return everything else as a table."""
    table = Table()
    for heading in ("goal", "what", "seen", "wanted"):
        table.add_column(heading)
    for amount in amounts:
        table.add_row(amount.goal, amount.what, amount.seen, amount.wanted)
    return table
