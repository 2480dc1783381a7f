"""What every run gave, one JSON line each: they are added to a file, and add up over time."""

from __future__ import annotations

import json
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from ledger.account import Checker
from ledger.duplicates import IN_FLIGHT

ROOT: Final = Path(__file__).parent.parent.parent
DEFAULT: Final = ROOT / ".ledger" / "results.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One run: what happened to it, and what the account says of its seed."""

    engine: str
    fault: str
    seed: int
    first_seed: int
    """The first one that has the same account: where to begin to repeat it."""
    version: str
    began: str
    is_struck: bool
    """Whether the fault came to strike: a point may not be reached."""
    is_killed: bool
    counts: dict[str, int] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)

    def add_to(self, file: Path) -> None:
        """Append it."""
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(asdict(self), separators=(",", ":")) + "\n")


def read(file: Path) -> Iterator[Result]:
    """Yield what is in the file, oldest first; nothing where there is no file."""
    if file.exists():
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                yield Result(**json.loads(line))


def next_seed(file: Path, *, engine: str, fault: str) -> int:
    """Return the first seed that was not used yet."""
    used = (one.seed for one in read(file) if (one.engine, one.fault) == (engine, fault))
    return max(used, default=0) + 1


@cache
def version() -> str:
    """Return which code this is, as git says it."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"


_COLUMNS: Final = ("runs", "kills", "acknowledged", *Checker, "held", "aside", "duplicates",
                   "explained", "most at one kill")  # fmt: skip


def summary(results: Iterable[Result]) -> str:
    """Return a table in Markdown: what every fault gave on every engine, and all together."""
    rows: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for one in results:
        for row in (rows[one.fault, one.engine], rows["all", ""]):
            most = max(row["most at one kill"], one.counts.get(f"because: {IN_FLIGHT}", 0))
            row.update(one.counts)
            row["runs"] += 1
            row["kills"] += one.is_struck and one.is_killed
            row["most at one kill"] = most
    total = rows.pop(("all", ""), Counter())
    return "\n".join([
        _line(["fault", "engine", *_COLUMNS]),
        _line(["---", "---", *("--:" for _ in _COLUMNS)]),
        *(_row(*key, row) for key, row in sorted(rows.items())),
        _row("**all**", "", total),
    ])  # fmt: skip


def _row(fault: str, engine: str, counts: Counter[str]) -> str:
    return _line([fault, engine, *(f"{counts[column]:,}" for column in _COLUMNS)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
