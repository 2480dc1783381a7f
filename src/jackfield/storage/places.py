"""Where a row of `pending` stands, in the words of the one index that is to find it.

Whenever `pending` is counted it is almost empty, so PostgreSQL takes any index for as good as
another. With its number alone in several of them, it would look for a number in the index of
conversations, or for the next of a conversation by walking over all accounts, and read whatever
somebody's snapshot keeps. So each index has the number in words that no other has.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement
from sqlalchemy.sql.selectable import FromClause


def in_conversation(rows: FromClause) -> ColumnElement[int]:
    """Return the number of `rows` (`pending`) as only its index of conversations has it."""
    place: ColumnElement[int] = rows.c.number + 0
    return place


def in_account(rows: FromClause) -> ColumnElement[int]:
    """Return the number of `rows` (`pending`) as only its index of accounts has it."""
    place: ColumnElement[int] = rows.c.number - 0
    return place
