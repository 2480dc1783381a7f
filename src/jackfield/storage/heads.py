"""The first of a conversation among what waits, found by the one index that has it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.sql.selectable import NamedFromClause

NEWEST: Final = 2**63 - 1
"""What no row of `pending` is numbered above."""


def first_of(
    rows: NamedFromClause, conversation: ColumnElement[int], *, since: ColumnElement[int]
) -> Select[tuple[int]]:
    """Return the query for the lowest number of a conversation from `since` on.

    `rows` is `pending` by another name. Its index of conversations has the sum for a number, and
    no other index has: when its rows were counted, `pending` was almost empty, so PostgreSQL takes
    any index for as good as another. It would look for a number in the index of conversations,
    or for a conversation in that of numbers, and read all that somebody's snapshot keeps.
    """
    place = rows.c.number + 0
    return (
        select(rows.c.number)
        .where(rows.c.conversation == conversation, place >= since)
        .order_by(place)
        .limit(1)
    )
