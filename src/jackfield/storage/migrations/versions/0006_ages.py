"""Ages: what was held for too long is found by when it came, and what an account has in order."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_IS_HELD = sa.text("state = 'held'")


def upgrade() -> None:
    op.create_index(
        "ix_deliveries_held_since",
        "deliveries",
        ["accepted_at"],
        sqlite_where=_IS_HELD,
        postgresql_where=_IS_HELD,
    )
    op.create_index("ix_pending_account", "pending", ["account_id", sa.text("(number + 0)")])
    op.drop_index("ix_pending_account_id", "pending")
