"""The first of a conversation among what waits, found by the one index that has it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.sql.selectable import NamedFromClause

from jackfield.storage.places import in_conversation

NEWEST: Final = 2**63 - 1
"""What no row of `pending` is numbered above."""


def first_of(
    rows: NamedFromClause, conversation: ColumnElement[int], *, since: ColumnElement[int]
) -> Select[tuple[int]]:
    """Return the query for the lowest number of a conversation from `since` on.

    `rows` is `pending` by another name.
    """
    place = in_conversation(rows)
    return (
        select(rows.c.number)
        .where(rows.c.conversation == conversation, place >= since)
        .order_by(place)
        .limit(1)
    )
