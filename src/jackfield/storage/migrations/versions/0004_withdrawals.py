"""Withdrawals: what is taken back in slices, and is not taken back as a whole yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_LANE = "what is owed here is held again"
_APPLICATION = "whose lane; null: the tenant's own URL's"
_ACCOUNT = "it was deleted, and what waits for it is dead"
_UP_TO = "the number of the newest that is taken"


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    big = sa.BigInteger()
    op.create_table(
        "withdrawals",
        sa.Column("number", number, autoincrement=True, nullable=False),
        sa.Column("api_key", sa.Text(), nullable=False),
        sa.Column("lane", big, nullable=True, comment=_LANE),
        sa.Column("application_id", sa.Text(), nullable=True, comment=_APPLICATION),
        sa.Column("account_id", big, nullable=True, comment=_ACCOUNT),
        sa.Column("up_to", big, nullable=False, comment=_UP_TO),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_withdrawals")),
        sa.UniqueConstraint("lane", name=op.f("uq_withdrawals_lane")),
        sa.UniqueConstraint("account_id", name=op.f("uq_withdrawals_account_id")),
    )
