"""What time it is, as whole milliseconds since 1970 in UTC."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NewType

Moment = NewType("Moment", int)
"""Milliseconds since 1970-01-01T00:00:00Z, as the database keeps them."""

Clock = Callable[[], Moment]
"""A door: tests hand in their own."""

SECOND = 1_000

FOREVER = timedelta(days=365_000)
"""Longer than anything lasts, and short enough to be reckoned with."""


def now() -> Moment:
    """Return the wall clock's time."""
    return Moment(time.time_ns() // 1_000_000)


def after(moment: Moment, delay: timedelta) -> Moment:
    """Return `moment` moved by `delay`, which may be negative."""
    return Moment(moment + delay // timedelta(milliseconds=1))


def read_iso(text: str) -> Moment | None:
    """Return the moment that ISO 8601 says, in UTC where no zone is named; None if it is none."""
    try:
        when = datetime.fromisoformat(text)
        zoned = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
        return Moment((zoned - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1))
    except (ValueError, OverflowError):
        return None


def iso(moment: Moment) -> str:
    """Return `moment` as ISO 8601 in UTC with milliseconds: `2026-01-02T03:04:05.678Z`."""
    text = datetime.fromtimestamp(moment // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{moment % SECOND:03d}Z"
