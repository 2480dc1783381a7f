"""Places: a conversation's index is of no use to those who look for a number alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_pending_conversation", "pending", ["conversation", sa.text("(number + 0)")]
    )
    op.drop_index("ix_pending_conversation_number", "pending")
