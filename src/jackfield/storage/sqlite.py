"""SQLite's hands: one connection that writes on a thread, one that reads in the loop.

A third surveys the whole database on a thread of its own, however long that takes.

The database runs in WAL mode with `synchronous=FULL`: what was committed survives a power cut.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from jackfield.crashpoints import Crashpoint, reach
from jackfield.metrics import Metrics
from jackfield.problems import OutcomeUnknown, Unavailable
from jackfield.storage import condition, totals
from jackfield.storage.committer import Committer, Ended, Failed, tallies_of
from jackfield.storage.condition import Condition
from jackfield.storage.dialects import Prepared
from jackfield.storage.memory import Memory
from jackfield.storage.running import Running
from jackfield.units import Counted, Result, Row, Rows, Unit

log = structlog.get_logger()

_OF_ONE_STATEMENT = {
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_MISUSE,
    sqlite3.SQLITE_RANGE,
    sqlite3.SQLITE_TOOBIG,
}
"""Codes of errors that leave the transaction around the statement as it was."""


_CACHE = 32_768
"""KiB of pages that a connection keeps in memory."""

_SURVEY_CACHE = 2_048
"""The same for who reads everything once: it would throw out what is needed again."""


class SpoiledError(Exception):
    """A unit failed when it may have written: its neighbours must be run again without it."""


class SqliteStore:
    """A store on one SQLite file, owned by this process."""

    def __init__(self, path: Path, *, metrics: Metrics) -> None:
        self._path = path
        self._reader = _connect(path, query_only=True)
        self._writer = _connect(path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._memory = Memory()
        self._surveyor = _connect(path, query_only=True, cache=_SURVEY_CACHE)
        self._surveying = ThreadPoolExecutor(1, thread_name_prefix="surveyor")
        self._committer = Committer(self._run_batch, metrics=metrics)

    async def commit(self, work: Unit[Result]) -> Result:
        """Run `work` in a transaction; see `Store.commit`."""
        return await self._committer.commit(work)

    async def read(self, work: Unit[Result]) -> Result:
        """Run `work`, which only looks, at once: a point read costs less than a thread's turn."""
        return _look(self._reader, work)

    async def recall(self, work: Unit[Result]) -> Result:
        """Return what `read` would. Nobody else writes, so it is known when that is the same."""
        question = work.question
        remembered = self._memory.recall(question)
        if remembered is not None:
            return remembered.result  # type: ignore[no-any-return] # a unit's value is untyped here
        asked: list[Prepared] = []
        result = _look(self._reader, work, asked=asked)
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
            return _look(self._surveyor, work)
        finally:
            self._surveyor.rollback()

    async def _run_batch(self, units: Sequence[Unit[Any]]) -> list[Ended]:
        loop = asyncio.get_running_loop()
        touched: set[Prepared] = set()
        try:
            return await loop.run_in_executor(
                self._thread, run_batch, self._writer, units, touched
            )
        finally:
            # Also of a batch that failed: it may have been stored all the same.
            self._memory.wrote(frozenset().union(*(prepared.tables for prepared in touched)))


def _look(
    connection: sqlite3.Connection, work: Unit[Result], *, asked: list[Prepared] | None = None
) -> Result:
    """Run `work`, which only looks, and note each statement in `asked`."""
    steps = iter(work)
    rows: Rows | None = None
    while True:
        try:
            step = steps.send(rows)  # type: ignore[arg-type] # None starts it
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return] # a unit's value is untyped here
        if isinstance(step, Counted):  # who only looks has done nothing to count
            rows = ()
            continue
        prepared: Prepared = step.prepared  # type: ignore[assignment] # units yield no other
        if asked is not None:
            asked.append(prepared)
        try:
            rows = _execute(connection, prepared, step.values)
        except sqlite3.Error as error:
            if _is_of_one_statement(error):
                raise
            raise _unavailable("The database could not be read.", error) from error


def run_batch(
    connection: sqlite3.Connection,
    units: Sequence[Unit[Any]],
    touched: set[Prepared] | None = None,
) -> list[Ended]:
    """Run `units` in one transaction and commit it; note in `touched` what is to write.

    At first without savepoints: a unit that fails before it wrote anything harms nobody. If one
    fails after that, everything is rolled back and run again, each unit inside a savepoint.
    """
    touched = set() if touched is None else touched
    try:
        try:
            ended = _attempt(connection, units, partial(_run, touched=touched))
        except SpoiledError:
            connection.rollback()
            ended = _attempt(connection, units, partial(_run_in_savepoint, touched=touched))
        _tally(connection, ended)
    except sqlite3.Error as error:
        connection.rollback()
        problem = _unavailable("The database could not be written; nothing was stored.", error)
        return [Failed(problem)] * len(units)
    except BaseException:
        connection.rollback()
        raise
    return _commit(connection, ended)


def _commit(connection: sqlite3.Connection, ended: list[Ended]) -> list[Ended]:
    try:
        connection.commit()
    except sqlite3.Error as error:
        connection.rollback()
        log.critical("store.commit_failed", reason=str(error))
        unknown = OutcomeUnknown("The store could not say whether it committed; look again.")
        unknown.__cause__ = error
        return [Failed(unknown)] * len(ended)
    return ended


def _attempt(
    connection: sqlite3.Connection,
    units: Sequence[Unit[Any]],
    run: Callable[[sqlite3.Connection, Unit[Any]], Ended],
) -> list[Ended]:
    connection.execute("BEGIN IMMEDIATE")
    ended = [run(connection, work) for work in units]
    reach(Crashpoint.INSIDE_TRANSACTION)
    return ended


def _tally(connection: sqlite3.Connection, ended: Sequence[Ended]) -> None:
    # These rows are nobody's to remember: whoever reads them surveys.
    tallies = tallies_of(ended)
    if tallies:
        _execute(connection, *totals.tallied(tallies, slot=""))


def _run(connection: sqlite3.Connection, work: Unit[Any], *, touched: set[Prepared]) -> Ended:
    one = Running(work)
    while one.ended is None:
        if one.prepared.writes:
            touched.add(one.prepared)
        try:
            rows = _execute(connection, one.prepared, one.values)
        except Exception as error:
            if not _is_of_one_statement(error):
                raise
            # Earlier runs of the same statement may have written.
            raise SpoiledError from error
        one.advance(rows)
    if isinstance(one.ended, Failed) and one.wrote:
        raise SpoiledError from one.ended.error
    return one.ended


def _run_in_savepoint(
    connection: sqlite3.Connection, work: Unit[Any], *, touched: set[Prepared]
) -> Ended:
    connection.execute("SAVEPOINT unit")
    try:
        ended = _run(connection, work, touched=touched)
    except SpoiledError as spoiled:
        connection.execute("ROLLBACK TO unit")
        ended = Failed(spoiled.__cause__ or spoiled)
    connection.execute("RELEASE unit")
    return ended


def _execute(
    connection: sqlite3.Connection,
    prepared: Prepared,
    runs: Sequence[Mapping[str, Any]],
) -> Rows:
    text, constants = prepared.sqlite
    if len(runs) == 1:
        return connection.execute(text, {**constants, **runs[0]}).fetchall()
    found: list[Row] = []
    for values in runs:
        found += connection.execute(text, {**constants, **values})
    return found


def _is_of_one_statement(error: Exception) -> bool:
    # Without a code, the values were refused before SQLite saw them.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF in _OF_ONE_STATEMENT


def _unavailable(sentence: str, error: sqlite3.Error) -> Unavailable:
    log.error("store.trouble", what=sentence, reason=str(error))
    problem = Unavailable(sentence)
    problem.__cause__ = error
    return problem


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
