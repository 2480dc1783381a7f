"""Places apart: an account's index is of no use to those who look within a conversation."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_pending_account", "pending")
    op.create_index("ix_pending_account", "pending", ["account_id", sa.text("(number - 0)")])
