"""Brings a database's schema up to date when the store is opened."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from jackfield.crashpoints import Crashpoint, reach
from jackfield.problems import Unavailable

if TYPE_CHECKING:
    from sqlalchemy import Connection

HEAD = "0008"
"""The newest revision under `migrations/versions`; a test compares the two."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_VERSION = "SELECT version_num FROM alembic_version"


class SchemaError(Unavailable):
    """The database's schema is not one that this version of Jackfield knows."""


def migrate_sqlite(path: Path) -> None:
    """Run the pending migrations on the SQLite file at `path`, creating it where it is not."""
    if _sqlite_version(path) == (HEAD,):
        return
    # Alembic takes a third of a second to import, so an up-to-date database never waits for it.
    from sqlalchemy import URL, create_engine, event  # noqa: PLC0415 -- as above

    engine = create_engine(URL.create("sqlite", database=str(path)))
    event.listen(engine, "connect", _let_alembic_begin)
    event.listen(engine, "begin", lambda each: each.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.begin() as each:
            _upgrade(each)
    finally:
        engine.dispose()


def _sqlite_version(path: Path) -> tuple[str] | None:
    try:
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute(_VERSION).fetchone()  # type: ignore[no-any-return] # a row
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:  # no such table: a new database
            return None
        raise Unavailable(f"{path} cannot be opened: {error}.") from error
    except sqlite3.DatabaseError as error:
        raise SchemaError(f"{path} cannot be used as a database: {error}.") from error


async def migrate_postgres(dsn: str) -> None:
    """Run the pending migrations on a PostgreSQL database; one process at a time does."""
    import asyncpg  # noqa: PLC0415 -- on SQLite nothing needs it

    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        version = await connection.fetchval(_VERSION)
    except asyncpg.UndefinedTableError:
        version = None
    finally:
        await connection.close()
    if version == HEAD:
        return
    from sqlalchemy import NullPool  # noqa: PLC0415 -- as above
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 -- as above

    # The driver reads the URL by itself: SQLAlchemy knows not all that may stand in one.
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(dsn, timeout=10),
        poolclass=NullPool,
    )
    try:
        async with engine.begin() as each:
            await each.exec_driver_sql(
                "SELECT pg_advisory_xact_lock(hashtext('jackfield.schema'))"
            )
            await each.run_sync(_upgrade)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 -- as above
    from alembic.config import Config  # noqa: PLC0415 -- as above
    from alembic.util import CommandError  # noqa: PLC0415 -- as above
    from sqlalchemy import event  # noqa: PLC0415 -- as above

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    event.listen(connection, "after_cursor_execute", lambda *_: reach(Crashpoint.MIGRATING))
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise SchemaError(
            f"This database was written by another version of Jackfield ({error}); "
            "run that version or a newer one.",
        ) from error


def _let_alembic_begin(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # sqlite3 would commit before every CREATE by itself
