"""What an event that comes again is known by is a digest: the provider's key may name a person."""

from __future__ import annotations

from hashlib import sha256

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# A key of a provider's is never 64 hexadecimal digits, so running it again changes nothing.
_ON_POSTGRESQL = """
UPDATE provider_message_ids
SET event_key = encode(sha256(convert_to(event_key, 'UTF8')), 'hex')
WHERE event_key !~ '^[0-9a-f]{64}$'
"""
_ON_SQLITE = """
UPDATE provider_message_ids SET event_key = known_by(event_key)
WHERE length(event_key) <> 64 OR event_key GLOB '*[^0-9a-f]*'
"""


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text(_ON_POSTGRESQL))
        return
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101 -- it has just been connected
    driver.create_function("known_by", 1, _known_by, deterministic=True)
    connection.exec_driver_sql(_ON_SQLITE)


def _known_by(event_key: str) -> str:
    """Return what `jackfield.inbound.known_by` gave when this was written."""
    return sha256(event_key.encode()).hexdigest()
