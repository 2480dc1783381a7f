"""Results are added to a file, and add up."""

from __future__ import annotations

from pathlib import Path

from ledger.duplicates import IN_FLIGHT
from ledger.results import Result, next_seed, read, summary


def result(seed: int, counts: dict[str, int], *, is_struck: bool = True) -> Result:
    """Return what one kill at a point gave."""
    return Result(
        engine="sqlite",
        fault="answered",
        seed=seed,
        first_seed=1,
        version="abc",
        began="2026-01-02T03:04:05+00:00",
        is_struck=is_struck,
        is_killed=True,
        counts=counts,
    )


def test_what_was_added_is_read_again_and_the_next_seed_is_a_new_one(tmp_path: Path) -> None:
    file = tmp_path / "there" / "results.jsonl"
    several = [result(seed, {"acknowledged": seed}) for seed in (1, 2, 3)]

    for one in several:
        one.add_to(file)

    assert list(read(file)) == several
    assert next_seed(file, engine="sqlite", fault="answered") == 4
    assert next_seed(file, engine="postgres", fault="answered") == 1


def test_the_summary_adds_up_and_counts_as_kills_what_was_reached() -> None:
    told = summary([
        result(1, {"acknowledged": 1_000, "lost": 1, f"because: {IN_FLIGHT}": 3}),
        result(2, {"acknowledged": 500, f"because: {IN_FLIGHT}": 2}, is_struck=False),
    ])  # fmt: skip

    header, _, row, total = told.splitlines()
    names = [cell.strip() for cell in header.split("|")]
    cells = dict(zip(names, [cell.strip() for cell in row.split("|")], strict=True))

    assert (cells["fault"], cells["engine"]) == ("answered", "sqlite")
    assert (cells["runs"], cells["kills"], cells["acknowledged"]) == ("2", "1", "1,500")
    assert (cells["lost"], cells["most at one kill"]) == ("1", "3")
    assert "1,500" in total
