"""How Alembic runs here: on the connection it is given, in one transaction."""

from __future__ import annotations

from alembic import context

from jackfield.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
