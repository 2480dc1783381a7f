"""The first of a conversation among what waits, found by the one index that has it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, Select, literal_column, select, tuple_
from sqlalchemy.sql.selectable import NamedFromClause

NEWEST: Final = 2**63 - 1
"""What no row of `pending` is numbered above."""

_END: Final[ColumnElement[int]] = literal_column(str(NEWEST))


def first_of(
    rows: NamedFromClause, conversation: ColumnElement[int], *, since: ColumnElement[int]
) -> Select[tuple[int]]:
    """Return the query for the lowest number of a conversation from `since` on.

    `rows` is `pending` by another name. Number and conversation are compared as one: when its
    rows were counted, `pending` was almost empty, so a planner takes it for that, and any index
    for as good as another; given the number alone, PostgreSQL would read the primary key from
    there to the end, with all that was done since and a snapshot keeps.
    """
    place = tuple_(rows.c.conversation, rows.c.number)
    return (
        select(rows.c.number)
        .where(place >= tuple_(conversation, since), place <= tuple_(conversation, _END))
        .order_by(rows.c.conversation, rows.c.number)
        .limit(1)
    )
