"""One transaction of many units on SQLite, and what is read outside of one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import structlog

from jackfield.crashpoints import Crashpoint, reach
from jackfield.problems import OutcomeUnknown, Unavailable
from jackfield.storage import totals
from jackfield.storage.committer import Ended, Failed, tallies_of
from jackfield.storage.dialects import Prepared
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


class SpoiledError(Exception):
    """A unit failed when it may have written: its neighbours must be run again without it."""


def look(
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


class Batch:
    """Units in one transaction: `begin`, `run` and `commit`, one after the other.

    `ended` says how each unit ended; `touched` has what was to write, also where it failed.
    """

    def __init__(self, connection: sqlite3.Connection, units: Sequence[Unit[Any]]) -> None:
        self._connection = connection
        self._units = units
        self.ended: list[Ended] = []
        self.touched: set[Prepared] = set()

    def begin(self) -> None:
        """Wait until nobody else writes: another process may."""
        with self._undone_by_trouble():
            self._connection.execute("BEGIN IMMEDIATE")

    def run(self) -> None:
        """Run the units, at first without savepoints.

        A unit that fails before it wrote anything harms nobody. If one fails after that,
        everything is rolled back and run again, each unit inside a savepoint.
        """
        if self.ended:
            return  # it never began
        with self._undone_by_trouble():
            try:
                ended = self._attempt(_run)
            except SpoiledError:
                self._connection.rollback()
                self._connection.execute("BEGIN IMMEDIATE")
                ended = self._attempt(_run_in_savepoint)
            _tally(self._connection, ended)
            self.ended = ended

    def commit(self) -> None:
        """Make what the units wrote durable."""
        if not self._connection.in_transaction:
            return  # it was undone
        try:
            self._connection.commit()
        except sqlite3.Error as error:
            self._connection.rollback()
            log.critical("store.commit_failed", reason=str(error))
            self._fail(
                OutcomeUnknown("The store could not say whether it committed; look again."), error
            )

    def whole(self) -> None:
        """Do all three."""
        self.begin()
        self.run()
        self.commit()

    def _attempt(
        self, run: Callable[[sqlite3.Connection, Unit[Any], set[Prepared]], Ended]
    ) -> list[Ended]:
        ended = [run(self._connection, work, self.touched) for work in self._units]
        reach(Crashpoint.INSIDE_TRANSACTION)
        return ended

    @contextmanager
    def _undone_by_trouble(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            self._connection.rollback()
            self._fail(
                _unavailable("The database could not be written; nothing was stored.", error),
                error,
            )
        except BaseException:
            self._connection.rollback()
            raise

    def _fail(self, problem: Exception, error: sqlite3.Error) -> None:
        problem.__cause__ = error
        self.ended = [Failed(problem)] * len(self._units)


def _tally(connection: sqlite3.Connection, ended: Sequence[Ended]) -> None:
    # These rows are nobody's to remember: whoever reads them surveys.
    tallies = tallies_of(ended)
    if tallies:
        _execute(connection, *totals.tallied(tallies, slot=""))


def _run(connection: sqlite3.Connection, work: Unit[Any], touched: set[Prepared]) -> Ended:
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
    connection: sqlite3.Connection, work: Unit[Any], touched: set[Prepared]
) -> Ended:
    connection.execute("SAVEPOINT unit")
    try:
        ended = _run(connection, work, touched)
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
