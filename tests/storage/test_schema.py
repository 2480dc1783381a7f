"""The migrations make the schema that `tables.py` says, once, whoever runs them."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine, inspect
from sqlalchemy.ext.asyncio import create_async_engine

import jackfield.storage
from databases import change, look, open_store, with_database
from jackfield.clock import now
from jackfield.deliveries import lane
from jackfield.inbound import Kept, KeptBody, known_by
from jackfield.problems import Unavailable
from jackfield.storage import kept
from jackfield.storage.schema import HEAD, SchemaError, migrate_postgres, migrate_sqlite
from jackfield.storage.tables import metadata, of_postgres
from older_schemas import STEPS, TO_THE_SECOND, TO_THE_THIRD, go_back
from world import World, said


def differences(connection: Connection) -> list[Any]:
    """Return what Alembic would still change to get from the database to `tables.py`."""
    context = MigrationContext.configure(
        connection,
        opts={"compare_type": True, "compare_server_default": True, "target_metadata": metadata},
    )
    return list(compare_metadata(context, metadata))


def shape(connection: Connection) -> dict[str, Any]:
    """Return the database as it describes itself, without Alembic's own table."""
    there = inspect(connection)
    return {
        table: (
            [{**column, "type": str(column["type"])} for column in there.get_columns(table)],
            there.get_pk_constraint(table),
            sorted(there.get_foreign_keys(table), key=str),
            sorted(there.get_unique_constraints(table), key=str),
            sorted(map(_index, there.get_indexes(table))),
        )
        for table in there.get_table_names()
        if table != "alembic_version"
    }


def _index(index: Any) -> tuple[str, ...]:  # noqa: ANN401 -- as SQLAlchemy reflects it
    options = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return index["name"], str(index["column_names"]), str(index["unique"]), str(options)


def test_the_newest_revision_is_the_one_the_code_expects() -> None:
    migrations = Path(jackfield.storage.__file__).parent / "migrations"

    heads = ScriptDirectory(str(migrations)).get_heads()

    assert heads == [HEAD]


# SQLAlchemy does not tell what a sum in an index of SQLite's is; `words` does.
@pytest.mark.filterwarnings("ignore:.*expression-based index.*ix_pending_")
def test_migrations_make_on_sqlite_what_the_tables_say(sqlite_url: str, tmp_path: Path) -> None:
    engines = [create_engine(sqlite_url), create_engine(f"sqlite:///{tmp_path / 'other'}")]
    metadata.create_all(engines[1])

    with engines[0].connect() as migrated, engines[1].connect() as made:
        assert differences(migrated) == []
        assert shape(migrated) == shape(made)
        assert words(engines[0].url.database) == words(engines[1].url.database)
    for engine in engines:
        engine.dispose()


def words(path: str | None) -> dict[str, tuple[bool, bool] | str]:
    """Return what only their own words tell: numbers never used again, no row ids, and indexes."""
    with closing(sqlite3.connect(path or "")) as connection:
        tables = connection.execute(
            "SELECT name, upper(sql) FROM sqlite_master WHERE type = 'table' "
            "AND name NOT IN ('alembic_version', 'sqlite_sequence')"
        ).fetchall()
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        ).fetchall()
    told = {name: ("AUTOINCREMENT" in sql, "WITHOUT ROWID" in sql) for name, sql in tables}
    return {**told, **dict(indexes)}


async def test_migrations_make_on_postgresql_what_the_tables_say(
    postgres_server: str, postgres_url: str
) -> None:
    await look(postgres_server, "CREATE DATABASE jackfield_from_tables")
    other_url = with_database(postgres_server, "jackfield_from_tables")
    engines = [
        create_async_engine(
            "postgresql+asyncpg://",
            async_creator=lambda url=url: asyncpg.connect(url),
            poolclass=NullPool,
        )
        for url in (postgres_url, other_url)
    ]
    try:
        async with engines[1].begin() as made:
            await made.run_sync(of_postgres().create_all)
        async with engines[0].connect() as migrated, engines[1].connect() as made:
            assert await migrated.run_sync(differences) == []
            assert await migrated.run_sync(shape) == await made.run_sync(shape)
    finally:
        await look(postgres_server, "DROP DATABASE jackfield_from_tables WITH (FORCE)")


async def test_migrating_again_changes_nothing(database_url: str) -> None:
    before = await look(database_url, "SELECT * FROM alembic_version")

    store = await open_store(database_url)
    await store.close()

    assert before == await look(database_url, "SELECT * FROM alembic_version") == [(HEAD,)]


async def test_a_new_file_gets_the_schema_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a name?with=signs %41#" / "jackfield.sqlite3"

    store = await open_store(f"sqlite:///{path}")
    await store.close()

    assert await look(f"sqlite:///{path}", "SELECT * FROM alembic_version") == [(HEAD,)]


async def test_two_processes_may_migrate_one_postgresql_database_at_once(
    postgres_server: str,
) -> None:
    name = "jackfield_migrated_twice"
    await look(postgres_server, f"CREATE DATABASE {name}")
    url = with_database(postgres_server, name)
    try:
        await asyncio.gather(migrate_postgres(url), migrate_postgres(url), migrate_postgres(url))

        versions = await look(url, "SELECT * FROM alembic_version")
    finally:
        await look(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")

    assert versions == [(HEAD,)]


async def test_a_url_may_say_what_only_the_driver_knows(postgres_server: str) -> None:
    name = "jackfield_with_options"
    await look(postgres_server, f"CREATE DATABASE {name}")
    url = with_database(postgres_server, name)
    options = "sslmode=prefer&application_name=migrating"
    try:
        await migrate_postgres(f"{url}{'&' if '?' in url else '?'}{options}")

        versions = await look(url, "SELECT * FROM alembic_version")
    finally:
        await look(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")

    assert versions == [(HEAD,)]


async def test_what_waited_when_lanes_came_is_found_in_its_own(
    world: World, database_url: str
) -> None:
    await world.tenant(inbound_url="https://acme.example/in")
    application = await world.application("https://desk.example/in")
    linked, unlinked = await world.page("2001", application=application), await world.page("2002")
    await world.hear(said("one", to=linked), said("two", to=unlinked), said("three", to=linked))
    query = "SELECT number, lane, account_id FROM pending ORDER BY number"
    before = await look(database_url, query)
    await go_back(database_url, *STEPS)

    store = await open_store(database_url)
    await store.close()

    after = await look(database_url, query)
    mine, own = lane("acme0001", application.id), lane("acme0001", None)
    assert [row[1:] for row in before] == [
        (mine, linked.id),
        (own, unlinked.id),
        (mine, linked.id),
    ]
    assert after == before


async def test_an_event_is_known_again_whatever_its_key_was_kept_as_before(
    world: World, database_url: str
) -> None:
    await world.tenant()
    page = await world.page()
    keys = ["wamid.HBgMNDQ3NzAwOTAwMTIz", "m_\u00fc\u2603", "x" * 64]
    events = [said("hello", to=page, key=key) for key in keys]
    await world.hear(*events[:2])
    known = "SELECT event_key FROM provider_message_ids ORDER BY event_key"
    before = await look(database_url, known)
    for key in keys[:2]:
        await change(
            database_url,
            f"UPDATE provider_message_ids SET event_key = '{key}' "  # noqa: S608 -- our own
            f"WHERE event_key = '{known_by(key)}'",
        )

    for _ in range(2):
        await go_back(database_url, TO_THE_THIRD, TO_THE_SECOND)
        store = await open_store(database_url)
        await store.close()
    again = await world.hear(*events)

    assert before == sorted((known_by(key),) for key in keys[:2])
    assert (again.repeated, again.held) == (2, 1)
    assert await look(database_url, known) == sorted((known_by(key),) for key in keys)


async def test_a_kept_piece_has_its_number_and_all_the_rest_when_numbers_are_used_once(
    world: World, database_url: str
) -> None:
    bodies = (b"no JSON", b"nor this", b"")
    pieces = [KeptBody(Kept.UNREAD, None, None, "no JSON", body) for body in bodies]
    await world.store.commit(kept.keep(pieces, provider_app_id=1, now=now()))
    await change(database_url, "DELETE FROM inbound_bodies WHERE id = 2")
    there = "SELECT * FROM inbound_bodies ORDER BY id"
    before = await look(database_url, there)
    await change(database_url, "UPDATE alembic_version SET version_num = '0006'")

    store = await open_store(database_url)
    await store.close()

    assert len(before) == 2
    assert await look(database_url, there) == before
    assert await look(database_url, "SELECT * FROM alembic_version") == [(HEAD,)]


async def test_a_database_of_a_newer_version_is_refused_in_a_sentence(database_url: str) -> None:
    if database_url.startswith("sqlite"):
        with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
            connection.commit()
    else:
        await look(database_url, "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(SchemaError, match=r"another version of Jackfield .*run that version"):
        await open_store(database_url)

    assert await look(database_url, "SELECT * FROM alembic_version") == [("9999",)]


def test_a_file_that_is_no_database_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear Sir or Madam, " * 100)

    with pytest.raises(SchemaError, match=r"letter\.txt cannot be used as a database"):
        migrate_sqlite(path)


def test_a_file_that_cannot_be_opened_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be opened"):
        migrate_sqlite(tmp_path / "no such directory" / "jackfield.sqlite3")
