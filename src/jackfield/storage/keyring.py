"""The keyring's table: the check value that tells whether a key fits this database."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from jackfield.clock import Moment
from jackfield.storage.dialects import Prepared, insert
from jackfield.storage.tables import keyring
from jackfield.units import Steps, unit

_PURPOSE = "database"

_CHECK = Prepared(select(keyring.c.check_value).where(keyring.c.purpose == _PURPOSE))

_ADD = Prepared(
    insert(keyring)
    .values(
        purpose=_PURPOSE,
        check_value=bindparam("check_value"),
        created_at=bindparam("created_at"),
    )
    .on_conflict_do_nothing(),
)


@unit
def check() -> Steps[bytes | None]:
    """Return the check value; None for a database that never sealed anything."""
    rows = yield _CHECK()
    return rows[0][0] if rows else None


@unit
def establish(check_value: bytes, *, now: Moment) -> Steps[bytes]:
    """Store the check value of a new database, and return the one that is stored."""
    yield _ADD(check_value=check_value, created_at=now)
    rows = yield _CHECK()
    stored: bytes = rows[0][0]
    return stored
