"""SQLite's hands: one connection that writes, one that reads in the loop.

A third surveys the whole database on a thread of its own, however long that takes.

The database runs in WAL mode with `synchronous=FULL`: what was committed survives a power cut.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from jackfield.clock import Clock, Moment, now
from jackfield.metrics import Metrics
from jackfield.problems import Unavailable
from jackfield.storage import condition
from jackfield.storage.committer import Committer, Ended
from jackfield.storage.condition import Condition
from jackfield.storage.dialects import Prepared
from jackfield.storage.memory import Memory
from jackfield.storage.sqlite_batch import Batch, look
from jackfield.units import Result, Unit

_QUICK_BATCH = 32
"""Quick units that the loop runs at a stretch; while their COMMIT waits for the disk, it works."""

_CACHE = 32_768
"""KiB of pages that a connection keeps in memory."""

_SURVEY_CACHE = 2_048
"""The same for who reads everything once: it would throw out what is needed again."""


class SqliteStore:
    """A store on one SQLite file, owned by this process."""

    def __init__(self, path: Path, *, metrics: Metrics, clock: Clock = now) -> None:
        self._path = path
        self._reader = _connect(path, query_only=True)
        self._writer = _connect(path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._memory = Memory()
        self._surveyor = _connect(path, query_only=True, cache=_SURVEY_CACHE)
        self._surveying = ThreadPoolExecutor(1, thread_name_prefix="surveyor")
        self._committer = Committer(
            self._run_batch, clock=clock, metrics=metrics, most_quick=_QUICK_BATCH
        )

    @property
    def committing_since(self) -> Moment | None:
        """See `Committing.committing_since`."""
        return self._committer.since

    async def commit(self, work: Unit[Result]) -> Result:
        """Run `work` in a transaction; see `Store.commit`."""
        return await self._committer.commit(work)

    async def read(self, work: Unit[Result]) -> Result:
        """Run `work`, which only looks, at once: a point read costs less than a thread's turn."""
        return look(self._reader, work)

    async def recall(self, work: Unit[Result]) -> Result:
        """Return what `read` would. Nobody else writes, so it is known when that is the same."""
        question = work.question
        remembered = self._memory.recall(question)
        if remembered is not None:
            return remembered.result  # type: ignore[no-any-return] # a unit's value is untyped here
        asked: list[Prepared] = []
        result = look(self._reader, work, asked=asked)
        if question is not None:
            self._memory.keep(question, result, read=asked)
        return result

    async def survey(self, work: Unit[Result]) -> Result:
        """Run `work`, which only looks, on one snapshot; see `Surveyed.survey`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._surveying, self._survey, work)

    async def condition(self) -> Condition:
        """Return how the file is; see `Engine.condition`."""
        return condition.of_sqlite(self._path)

    async def close(self) -> None:
        """Finish what was taken, fold the WAL into the database, and close."""
        await self._committer.close()
        self._thread.shutdown()
        self._surveyor.interrupt()
        self._surveying.shutdown()
        self._surveyor.close()
        self._reader.close()
        self._writer.close()

    def _survey(self, work: Unit[Result]) -> Result:
        self._surveyor.execute("BEGIN")
        try:
            return look(self._surveyor, work)
        finally:
            self._surveyor.rollback()

    async def _run_batch(self, units: Sequence[Unit[Any]]) -> list[Ended]:
        batch = Batch(self._writer, units)
        try:
            if units[0].is_quick:
                # Python runs one thread at a time: statement by statement, two would get in
                # each other's way. What waits, for a lock or for the disk, waits on the thread.
                await self._on_thread(batch.begin)
                batch.run()
                await self._on_thread(batch.commit)
            else:
                await self._on_thread(batch.whole)
        finally:
            # Also of a batch that failed: it may have been stored all the same.
            self._memory.wrote(frozenset().union(*(each.tables for each in batch.touched)))
        return batch.ended

    def _on_thread(self, step: Callable[[], None]) -> Awaitable[None]:
        return asyncio.get_running_loop().run_in_executor(self._thread, step)


def _connect(path: Path, *, query_only: bool = False, cache: int = _CACHE) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=512,
        timeout=5,
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # what is erased must not stay in the file
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA cache_size = -{cache}")
    if query_only:
        connection.execute("PRAGMA query_only = ON")
    _verify(connection)
    return connection


def _verify(connection: sqlite3.Connection) -> None:
    mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    level = connection.execute("PRAGMA synchronous").fetchone()[0]
    if (mode, level) != ("wal", 2):
        connection.close()
        raise Unavailable(
            f"SQLite would not keep what it commits here (journal_mode={mode}, "
            f"synchronous={level}); put the data directory on a local disk.",
        )
