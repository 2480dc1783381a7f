"""A PostgreSQL database that a test used is for the next one as if it had just been made."""

from __future__ import annotations

import asyncpg
import pytest

from databases import look
from postgres_databases import PostgresDatabases

EVERYTHING = (
    "SELECT * FROM alembic_version",
    "SELECT * FROM tenants",
    "SELECT * FROM messages",
    "SELECT last_value FROM pg_sequences ORDER BY sequencename",
)
USE = (
    "INSERT INTO tenants (api_key, name, version, created_at) VALUES ('acme', 'Acme', 1, 1)",
    "INSERT INTO alembic_version VALUES ('another')",
    "SELECT nextval(pg_get_serial_sequence('messages', 'id'))",
)


async def everything(url: str) -> list[object]:
    return [await look(url, query) for query in EVERYTHING]


async def test_what_was_stored_and_counted_is_gone(postgres_databases: PostgresDatabases) -> None:
    postgres_databases.used.clear()
    url = await postgres_databases.take()
    new = await everything(url)
    for statement in USE:
        await look(url, statement)
    used = await everything(url)

    postgres_databases.give_back(url)
    again = await postgres_databases.take()

    assert again == url
    assert used != new
    assert await everything(again) == new
    postgres_databases.give_back(again)


async def test_who_still_holds_a_connection_loses_it(
    postgres_databases: PostgresDatabases,
) -> None:
    url = await postgres_databases.take()
    left = await asyncpg.connect(url)
    await left.execute("BEGIN; LOCK TABLE tenants")
    postgres_databases.give_back(url)

    again = await postgres_databases.take()

    assert again == url
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await left.fetch("SELECT 1")
    postgres_databases.give_back(again)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE tenants ADD COLUMN colour TEXT",
        "CREATE TABLE colours (name TEXT)",
        "ALTER TABLE tenants ADD CHECK (name <> '')",
        "CREATE FUNCTION red() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    ],
)
async def test_one_whose_schema_was_changed_is_used_no_more(
    postgres_databases: PostgresDatabases, change: str
) -> None:
    url = await postgres_databases.take()
    await look(url, change)
    postgres_databases.give_back(url)

    again = await postgres_databases.take()

    assert again != url
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await look(url, "SELECT 1")
    postgres_databases.give_back(again)
