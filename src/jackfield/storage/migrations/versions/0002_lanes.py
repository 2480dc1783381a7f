"""Lanes: what is still to be done is found by whom it goes to, and deliveries by their tenant."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SLICE = 1_000

_FIRST = sa.text("due_at IS NOT NULL AND tries = 0")
_AGAIN = sa.text("due_at IS NOT NULL AND tries > 0")
_DEAD = sa.text("state = 'dead'")

_URL = "where it goes whatever its application says: a test"
_RESUMED = "the 24 hours of what waited begin here"
_ASIDE = "since when it goes out of order"
_FAILING = "since when this one is refused, others not"


def upgrade() -> None:
    for name, kind, comment in (("url", sa.Text(), _URL), ("aside_at", sa.BigInteger(), _ASIDE)):
        op.add_column("deliveries", sa.Column(name, kind, nullable=True, comment=comment))
    op.create_index("ix_deliveries_api_key_number", "deliveries", ["api_key", "number"])
    op.create_index(
        "ix_deliveries_dead",
        "deliveries",
        ["api_key", "number"],
        sqlite_where=_DEAD,
        postgresql_where=_DEAD,
    )
    op.add_column(
        "destinations", sa.Column("resumed_at", sa.BigInteger(), nullable=True, comment=_RESUMED)
    )
    _pending()


def _pending() -> None:
    big = sa.BigInteger()
    op.add_column(
        "pending",
        sa.Column("lane", big, nullable=False, server_default="0", comment="hash(tenant, target)"),
    )
    op.add_column("pending", sa.Column("account_id", big, nullable=False, server_default="0"))
    op.add_column("pending", sa.Column("failing_since", big, nullable=True, comment=_FAILING))
    _fill(op.get_bind())
    op.drop_index("ix_pending_due", "pending")
    op.create_index("ix_pending_account_id", "pending", ["account_id"])
    for name, which in (("ix_pending_first", _FIRST), ("ix_pending_again", _AGAIN)):
        op.create_index(
            name,
            "pending",
            ["lane", "due_at", "number"],
            sqlite_where=which,
            postgresql_where=which,
        )


def _fill(connection: sa.Connection) -> None:
    """Give every row that waits the lane and the account of its delivery, slice by slice."""
    waiting = sa.text(
        "SELECT pending.number, deliveries.api_key, deliveries.application_id, "
        "deliveries.account_id FROM pending JOIN deliveries ON deliveries.id = pending.subject "
        "WHERE pending.number > :after ORDER BY pending.number LIMIT :slice",
    )
    fill = sa.text("UPDATE pending SET lane = :lane, account_id = :account WHERE number = :number")
    after = 0
    while rows := connection.execute(waiting, {"after": after, "slice": _SLICE}).all():
        connection.execute(
            fill,
            [
                {"lane": _lane(api_key, application_id), "account": account, "number": number}
                for number, api_key, application_id, account in rows
            ],
        )
        after = rows[-1][0]


def _lane(api_key: str, application_id: str | None) -> int:
    """Return what `jackfield.deliveries.lane` gave when this was written."""
    name = f"{api_key}/{application_id or ''}".encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), signed=True)
