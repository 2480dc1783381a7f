"""PostgreSQL databases for tests: each as if it had just been migrated, few of them made anew.

Making a database copies three hundred files, which takes longer than most tests. So one that was
used before is emptied instead, unless its schema is another now: then it goes.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from databases import with_database
from jackfield.storage.schema import migrate_postgres

TEMPLATE = "jackfield_template"

_SCHEMA = """
SELECT md5(string_agg(line, ' ' ORDER BY line)) FROM (
  SELECT format('%s %s %s %s', c.relname, a.attname, a.atttypid, a.attnotnull) AS line
    FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace
  UNION ALL SELECT format('%s %s', conname, pg_get_constraintdef(oid)) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
  UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class c ON c.oid = indrelid
    WHERE c.relnamespace = 'public'::regnamespace
  UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
  UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
  UNION ALL SELECT array_to_string(setconfig, ' ') FROM pg_db_role_setting
) AS lines
"""
_TABLES = (
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
)
_OTHERS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@dataclass
class PostgresDatabases:
    """The databases of one server; `template` is what each of them looks like at first."""

    server: str
    schema: str = ""
    rows: dict[str, str] = field(default_factory=dict)
    tables: list[str] = field(default_factory=list)
    used: list[str] = field(default_factory=list)

    async def open(self) -> PostgresDatabases:
        """Make the template, and note what is in it."""
        await self._execute(f"DROP DATABASE IF EXISTS {TEMPLATE}")
        await self._execute(f"CREATE DATABASE {TEMPLATE}")
        await migrate_postgres(with_database(self.server, TEMPLATE))
        template = await asyncpg.connect(with_database(self.server, TEMPLATE))
        try:
            self.schema = await template.fetchval(_SCHEMA)
            self.tables = [row[0] for row in await template.fetch(_TABLES)]
            for table in self.tables:
                rows = await template.fetchval(f"SELECT json_agg(t) FROM {table} t")  # noqa: S608 - a name from the catalogue
                if rows is not None:
                    self.rows[table] = rows
        finally:
            await template.close()
        return self

    async def take(self) -> str:
        """Return the URL of a database that nobody else has."""
        # Emptied now and not when it was given back: whoever used it may have ended since.
        while self.used:
            name = self.used.pop()
            if await self._is_emptied(name):
                return with_database(self.server, name)
            await self._drop(name)
        name = f"jackfield_{uuid.uuid4().hex}"
        await self._execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        return with_database(self.server, name)

    def give_back(self, url: str) -> None:
        """Note that somebody else may have it."""
        self.used.append(_name_in(url))

    async def throw_away(self, url: str) -> None:
        """Drop a database that nobody should have again, as one that was analysed while full."""
        await self._drop(_name_in(url))

    async def _drop(self, name: str) -> None:
        await self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    async def _is_emptied(self, name: str) -> bool:
        """Make a database as the template is; say whether that could be done."""
        try:
            database = await asyncpg.connect(with_database(self.server, name))
        except asyncpg.PostgresError:
            return False
        try:
            async with asyncio.timeout(10):
                while await database.fetchval(_OTHERS):
                    await asyncio.sleep(0.005)
                if await database.fetchval(_SCHEMA) != self.schema:
                    return False
                async with database.transaction():
                    await self._empty(database)
        except (TimeoutError, asyncpg.PostgresError):
            return False
        finally:
            await database.close()
        return True

    async def _empty(self, database: asyncpg.Connection[Any]) -> None:
        # Without looking at references: all of them go.
        await database.execute("SET LOCAL session_replication_role = replica")
        looking = " UNION ALL ".join(
            f"(SELECT '{table}' FROM {table} LIMIT 1)"  # noqa: S608 - names from the catalogue
            for table in self.tables
        )
        for (table,) in await database.fetch(looking):
            await database.execute(f"DELETE FROM {table}")  # noqa: S608 - the same
        for table, rows in self.rows.items():
            kind = f"json_populate_recordset(NULL::{table}, $1)"
            await database.execute(f"INSERT INTO {table} SELECT * FROM {kind}", rows)  # noqa: S608 - the same
        await database.execute(
            "SELECT setval(format('%I', sequencename), start_value, false) FROM pg_sequences "
            "WHERE schemaname = 'public' AND last_value IS NOT NULL"
        )

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.server)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


def _name_in(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")
