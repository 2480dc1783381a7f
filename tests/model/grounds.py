"""Where examples are played: one event loop, and a store as good as new for each of them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol
from urllib.parse import urlsplit

import asyncpg

from jackfield.metrics import Metrics
from jackfield.storage.opening import OpenStore
from jackfield.storage.postgres import PostgresStore
from jackfield.storage.sqlite import SqliteStore
from jackfield.storage.tables import metadata


class Grounds(Protocol):
    """`is_alone` says that no other process may share the database, so nobody looks for it."""

    runner: asyncio.Runner
    is_alone: bool
    steps: int

    async def fresh(self) -> OpenStore:
        """Return an empty store; the one before is of no more use."""
        ...


class SqliteGrounds:
    def __init__(self, runner: asyncio.Runner, template: Path, directory: Path) -> None:
        self.runner = runner
        self.is_alone = True
        self.steps = 0
        self._template = template
        self._directory = directory
        self._numbers = count()
        self._store: SqliteStore | None = None

    async def fresh(self) -> OpenStore:
        await self.close()
        for left in self._directory.iterdir():
            left.unlink()
        path = self._directory / f"{next(self._numbers)}.sqlite3"
        shutil.copy(self._template, path)
        self._store = SqliteStore(path, metrics=Metrics())
        return self._store

    async def close(self) -> None:
        if self._store is not None:
            await self._store.close()
            self._store = None


class PostgresGrounds:
    def __init__(self, runner: asyncio.Runner, url: str) -> None:
        self.runner = runner
        self.is_alone = False
        self.steps = 0
        self._url = url
        # Only processes die here, no machine.
        hasty = f"{url}{'&' if urlsplit(url).query else '?'}synchronous_commit=off"
        self._store = PostgresStore(hasty, readers=1, metrics=Metrics())
        self._cleaner: asyncpg.Connection[asyncpg.Record] | None = None

    async def fresh(self) -> OpenStore:
        if self._cleaner is None:
            self._cleaner = await asyncpg.connect(self._url)
        tables = ", ".join(metadata.tables)
        await self._cleaner.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")
        return self._store

    async def close(self) -> None:
        if self._cleaner is not None:
            await self._cleaner.close()
        await self._store.close()


@contextmanager
def on_sqlite(template: Path) -> Iterator[Grounds]:
    # In memory where there is such a place: only processes die here, no machine.
    shared = Path("/dev") / "shm"
    memory = shared if shared.is_dir() else None
    with TemporaryDirectory(dir=memory) as directory, asyncio.Runner() as runner:
        grounds = SqliteGrounds(runner, template, Path(directory))
        yield grounds
        runner.run(grounds.close())


@contextmanager
def on_postgres(url: str) -> Iterator[Grounds]:
    with asyncio.Runner() as runner:
        grounds = PostgresGrounds(runner, url)
        yield grounds
        runner.run(grounds.close())
