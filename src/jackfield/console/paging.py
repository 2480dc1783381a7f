"""How a long listing is told page by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from jackfield.console.checks import invalid

MOST = 500
"""Rows a page may have."""

Line = TypeVar("Line")


def check_limit(limit: int) -> None:
    """Raise Invalid for a page of no rows or of too many."""
    if not 1 <= limit <= MOST:
        raise invalid("limit", f"limit is a whole number from 1 to {MOST}")


def place(after: str) -> int:
    """Return the number behind which a page begins; raise Invalid for what is none."""
    if after == "":
        return 0
    if not (after.isascii() and after.isdigit() and len(after) <= 18):
        raise invalid("after", "after is the number that the page before ended with")
    return int(after)


def cut(found: Sequence[Line], limit: int) -> tuple[Sequence[Line], Line | None]:
    """Return one page of `limit + 1` rows asked for, and its last row if more follow."""
    page = found[:limit]
    return page, page[-1] if len(found) > limit else None
