"""How Alembic runs here: on the connection it is given, in one transaction."""

from __future__ import annotations

from alembic import context

from jackfield.storage.tables import of_postgres

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=of_postgres(),
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
