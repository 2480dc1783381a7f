"""Pieces: on SQLite too, the number of a kept piece that is gone is never another's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_COLUMNS = "id, kind, provider_app_id, provider, routing_key, reason, body, digest, received_at"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        return
    # SQLite says it only of a new table, so all of it moves. What it leaves is overwritten.
    op.execute("PRAGMA secure_delete = ON")
    op.drop_index("ix_inbound_bodies_kind_id", "inbound_bodies")
    op.rename_table("inbound_bodies", "inbound_bodies_before")
    op.create_table(
        "inbound_bodies",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="unread, or unknown account"),
        sa.Column("provider_app_id", sa.BigInteger(), nullable=True),
        sa.Column("provider", sa.Text(), nullable=True),
        sa.Column("routing_key", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_inbound_bodies"),
        sa.UniqueConstraint("kind", "digest", name="uq_inbound_bodies_kind_digest"),
        sqlite_autoincrement=True,
    )
    op.execute(
        f"INSERT INTO inbound_bodies ({_COLUMNS}) "  # noqa: S608 -- our own words
        f"SELECT {_COLUMNS} FROM inbound_bodies_before ORDER BY id"
    )
    op.drop_table("inbound_bodies_before")
    op.create_index("ix_inbound_bodies_kind_id", "inbound_bodies", ["kind", "id"])
