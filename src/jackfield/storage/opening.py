"""Opens the store that a database URL names, its schema brought up to date."""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path
from typing import IO, Protocol

from jackfield.clock import Clock, now
from jackfield.keeping.watch import Engine
from jackfield.metrics import Metrics
from jackfield.problems import Unavailable
from jackfield.storage.schema import migrate_postgres, migrate_sqlite
from jackfield.storage.sqlite import SqliteStore
from jackfield.units import Committing, Store


class OpenStore(Store, Committing, Engine, Protocol):
    """A store that can be surveyed, and must be closed."""

    async def close(self) -> None:
        """Finish what was taken, and close."""
        ...


class InUseError(Unavailable):
    """Another process holds the data directory."""


class DataDirectoryLock:
    """Holds a data directory for one process: SQLite has one writer."""

    def __init__(self, directory: Path) -> None:
        """Take the lock; raises InUseError when another process holds it."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = directory / "jackfield.lock"
        self._file: IO[str] = path.open("a+", encoding="ascii")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._file.close()
            raise InUseError(
                f"The data directory {directory} is in use by another Jackfield "
                f"(process {holder}). Stop that one, or give this one its own with --data.",
            ) from None
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def release(self) -> None:
        """Give the directory back; the file stays, because somebody may be waiting on it."""
        self._file.close()


async def open_sqlite(path: Path, *, metrics: Metrics, clock: Clock = now) -> OpenStore:
    """Open the database in the file at `path`, which this process must have to itself."""
    await asyncio.to_thread(_make_ready, path)
    return SqliteStore(path, metrics=metrics, clock=clock)


def _make_ready(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # What people write is in it, and SQLite gives its WAL the same permissions.
    path.touch(mode=0o600)
    migrate_sqlite(path)


async def open_postgres(
    dsn: str, *, readers: int, metrics: Metrics, clock: Clock = now
) -> OpenStore:
    """Open the PostgreSQL database at `dsn`; raises Unavailable when it cannot be reached."""
    # The driver and its dialect are a tenth of a start, and on SQLite nothing needs them.
    import asyncpg  # noqa: PLC0415 -- as above

    from jackfield.storage.postgres import PostgresStore  # noqa: PLC0415 -- as above

    try:
        await migrate_postgres(dsn)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Unavailable(
            f"PostgreSQL cannot be reached ({error}); is JACKFIELD_DATABASE_URL right?",
        ) from error
    return PostgresStore(dsn, readers=readers, metrics=metrics, clock=clock)
