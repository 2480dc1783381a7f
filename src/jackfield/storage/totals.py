"""Kept counts: how many of a thing there are, and how many there ever were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, select

from jackfield.storage.dialects import Prepared, insert
from jackfield.storage.tables import totals
from jackfield.units import Steps, unit

_row = insert(totals).values(
    name=bindparam("name"),
    scope=bindparam("scope"),
    count=bindparam("by"),
)
_COUNT = Prepared(
    _row.on_conflict_do_update(
        index_elements=[totals.c.name, totals.c.scope],
        set_={"count": totals.c.count + _row.excluded["count"]},
    ),
)

_TOTAL = Prepared(
    select(totals.c.count).where(
        totals.c.name == bindparam("name"),
        totals.c.scope == bindparam("scope"),
    ),
)


def tallied(
    tallies: Mapping[str, int], *, slot: str
) -> tuple[Prepared, Sequence[Mapping[str, Any]]]:
    """Return what stores the tallies of a batch, in their order, under this process's slot.

    Rows are locked in that order, so two processes that tally the same never wait in a ring.
    """
    return _COUNT, [{"name": name, "scope": slot, "by": by} for name, by in tallies.items()]


@unit
def count(name: str, *scopes: str, by: int) -> Steps[None]:
    """Add `by`, which may be negative, to what is counted under `name` for each of `scopes`."""
    yield _COUNT.many([{"name": name, "scope": scope, "by": by} for scope in scopes])


@unit
def total(name: str, scope: str) -> Steps[int]:
    """Return what was counted; 0 when nothing ever was."""
    rows = yield _TOTAL(name=name, scope=scope)
    return int(rows[0][0]) if rows else 0
