"""The way back to schemas of earlier versions, for who watches a database getting newer."""

from __future__ import annotations

from databases import change

TO_THE_THIRD = """
DROP TABLE withdrawals;
DROP INDEX ix_deliveries_held_since;
DROP INDEX ix_pending_account;
CREATE INDEX ix_pending_account_id ON pending (account_id);
DROP INDEX ix_pending_conversation;
CREATE INDEX ix_pending_conversation_number ON pending (conversation, number);
UPDATE alembic_version SET version_num = '0003'
"""

TO_THE_SECOND = """
UPDATE alembic_version SET version_num = '0002'
"""

TO_THE_FIRST = """
DROP INDEX ix_pending_first; DROP INDEX ix_pending_again; DROP INDEX ix_pending_account_id;
ALTER TABLE pending DROP COLUMN lane; ALTER TABLE pending DROP COLUMN account_id;
ALTER TABLE pending DROP COLUMN failing_since;
CREATE INDEX ix_pending_due ON pending (due_at, number) WHERE due_at IS NOT NULL;
DROP INDEX ix_deliveries_api_key_number; DROP INDEX ix_deliveries_dead;
ALTER TABLE deliveries DROP COLUMN url; ALTER TABLE deliveries DROP COLUMN aside_at;
ALTER TABLE destinations DROP COLUMN resumed_at;
UPDATE alembic_version SET version_num = '0001'
"""

STEPS = (TO_THE_THIRD, TO_THE_SECOND, TO_THE_FIRST)
"""One after the other they lead from the newest schema to the first."""


async def go_back(database_url: str, *steps: str) -> None:
    """Take some of `STEPS` back, in their order; what a migration rewrote stays as it is."""
    for statement in filter(str.strip, ";".join(steps).split(";")):
        await change(database_url, statement)
