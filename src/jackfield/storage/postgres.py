"""PostgreSQL's hands: one held connection that writes, a few that read.

A batch runs in lockstep: each round takes the next statement of every unit, and runs of the
same statement go to the server together, so a batch of sixty units costs a few round trips.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

import asyncpg

from jackfield.crashpoints import Crashpoint, reach
from jackfield.metrics import Metrics
from jackfield.problems import OutcomeUnknown, Unavailable
from jackfield.storage.committer import Committer, Ended, Failed, outcome
from jackfield.storage.dialects import ORDINAL, Prepared
from jackfield.storage.running import Running
from jackfield.units import Result, Row, Rows, Unit

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_LOST = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError, TimeoutError)
_AGAIN = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
)
_TRIES_ALONE = 5
"""How often a unit that is alone in its batch may lose a deadlock before the caller is told."""


class SpoiledError(Exception):
    """A unit failed in a way that ended the transaction for its neighbours too."""


class PostgresStore:
    """A store on one PostgreSQL database, shared with other processes."""

    def __init__(self, dsn: str, *, readers: int, metrics: Metrics) -> None:
        self._dsn = dsn
        self._writer: Connection | None = None
        self._idle: asyncio.LifoQueue[Connection | None] = asyncio.LifoQueue()
        for _ in range(readers):
            self._idle.put_nowait(None)
        self._committer = Committer(self._run_batch, metrics=metrics)

    async def commit(self, work: Unit[Result]) -> Result:
        """Run `work` in a transaction; see `Store.commit`."""
        return await self._committer.commit(work)

    async def read(self, work: Unit[Result]) -> Result:
        """Run `work`, which only looks, on a connection held for reading."""
        connection = await self._idle.get()
        try:
            if connection is None or connection.is_closed():
                connection = await self._connect()
            return await _read(connection, work)
        except _LOST as error:
            raise Unavailable("The database could not be reached; try again shortly.") from error
        finally:
            self._idle.put_nowait(connection)

    async def close(self) -> None:
        """Finish what was taken and close every connection that is not in use."""
        await self._committer.close()
        if self._writer is not None:
            await self._writer.close()
        while not self._idle.empty():
            reader = self._idle.get_nowait()
            if reader is not None:
                await reader.close()

    async def _connect(self) -> Connection:
        return await asyncpg.connect(
            self._dsn,
            timeout=10,
            command_timeout=30,
            statement_cache_size=512,
            server_settings={"application_name": "jackfield", "lock_timeout": "10s"},
        )

    async def _run_batch(self, units: Sequence[Unit[Any]]) -> list[Ended]:
        try:
            return await self._run_on_writer(units)
        except _LOST:
            # Nothing was committed yet, so a new connection may run the same units.
            self._writer = None
        try:
            return await self._run_on_writer(units)
        except _LOST as error:
            self._writer = None
            problem = Unavailable("The database could not be reached; nothing was stored.")
            problem.__cause__ = error
            return [Failed(problem)] * len(units)

    async def _run_on_writer(self, units: Sequence[Unit[Any]]) -> list[Ended]:
        if self._writer is None or self._writer.is_closed():
            self._writer = await self._connect()
        return await run_batch(self._writer, units)


async def run_batch(
    connection: Connection,
    units: Sequence[Unit[Any]],
    *,
    tries: int = _TRIES_ALONE,
) -> list[Ended]:
    """Run `units` in one transaction and commit it; in several where one would harm the others.

    Raises the driver's error when the connection is lost before COMMIT was sent.
    """
    try:
        try:
            ended = await _attempt(connection, units)
        except SpoiledError:
            await connection.execute("ROLLBACK")
            ended = await _attempt_in_savepoints(connection, units)
    except _AGAIN as error:
        await connection.execute("ROLLBACK")
        return await _halved(connection, units, error=error, tries=tries)
    except asyncpg.PostgresError as error:
        if not connection.is_closed():
            await connection.execute("ROLLBACK")
        return [Failed(error)] * len(units)
    return await _commit(connection, ended)


async def _commit(connection: Connection, ended: list[Ended]) -> list[Ended]:
    try:
        await connection.execute("COMMIT")
    except Exception as error:  # noqa: BLE001 -- whatever it was, nobody knows what is stored
        connection.terminate()
        unknown = OutcomeUnknown("The store could not say whether it committed; look again.")
        unknown.__cause__ = error
        return [Failed(unknown)] * len(ended)
    return ended


async def _halved(
    connection: Connection,
    units: Sequence[Unit[Any]],
    *,
    error: Exception,
    tries: int,
) -> list[Ended]:
    if len(units) > 1:
        middle = len(units) // 2
        first = await run_batch(connection, units[:middle])
        return first + await run_batch(connection, units[middle:])
    if tries > 1:
        return await run_batch(connection, units, tries=tries - 1)
    problem = Unavailable("Too many changed the same thing at once; nothing was stored.")
    problem.__cause__ = error
    return [Failed(problem)]


async def _attempt(connection: Connection, units: Sequence[Unit[Any]]) -> list[Ended]:
    await connection.execute("BEGIN")
    running = [Running(work) for work in units]
    while active := [one for one in running if one.ended is None]:
        for prepared, together in _by_statement(active).items():
            try:
                answers = await _execute(connection, prepared, [one.values for one in together])
            except asyncpg.PostgresError as error:
                _raise_spoiled(error)
            for one, rows in zip(together, answers, strict=True):
                one.advance(rows)
                if isinstance(one.ended, Failed) and one.wrote:
                    raise SpoiledError
    reach(Crashpoint.INSIDE_TRANSACTION)
    return [one.ended for one in running if one.ended is not None]


def _raise_spoiled(error: asyncpg.PostgresError) -> NoReturn:
    if isinstance(error, (*_AGAIN, *_LOST)):
        raise error
    raise SpoiledError from error


async def _attempt_in_savepoints(
    connection: Connection,
    units: Sequence[Unit[Any]],
) -> list[Ended]:
    await connection.execute("BEGIN")
    ended: list[Ended] = []
    for work in units:
        await connection.execute("SAVEPOINT unit")
        end = await _run_alone(connection, work)
        if isinstance(end, Failed):
            await connection.execute("ROLLBACK TO unit")
        await connection.execute("RELEASE unit")
        ended.append(end)
    reach(Crashpoint.INSIDE_TRANSACTION)
    return ended


async def _run_alone(connection: Connection, work: Unit[Any]) -> Ended:
    one = Running(work)
    while one.ended is None:
        try:
            (rows,) = await _execute(connection, one.prepared, [one.values])
        except asyncpg.PostgresError as error:
            if isinstance(error, (*_AGAIN, *_LOST)):
                raise
            return Failed(error)
        one.advance(rows)
    return one.ended


async def _read(connection: Connection, work: Unit[Result]) -> Result:
    one = Running(work)
    while one.ended is None:
        (rows,) = await _execute(connection, one.prepared, [one.values])
        one.advance(rows)
    return outcome(one.ended)  # type: ignore[no-any-return] # a unit's value is untyped here


def _by_statement(active: Sequence[Running]) -> dict[Prepared, list[Running]]:
    groups: dict[Prepared, list[Running]] = {}
    for one in active:
        groups.setdefault(one.prepared, []).append(one)
    return groups


async def _execute(
    connection: Connection,
    prepared: Prepared,
    runs: Sequence[Sequence[Any]],
) -> list[Rows]:
    """Run one statement for several units; give each unit's rows."""
    if sum(map(len, runs)) == 1:
        text, order, constants = prepared.postgres
        (values,) = next(filter(None, runs))
        found: list[Any] = await connection.fetch(text, *_ordered(values, order, constants))
        return [found if run else [] for run in runs]
    text, order, constants = prepared.postgres_in_turn
    arguments = [
        _ordered({**values, ORDINAL: turn}, order, constants)
        for turn, run in enumerate(runs)
        for values in run
    ]
    answers: list[list[Row]] = [[] for _ in runs]
    if arguments:
        for record in await connection.fetchmany(text, arguments):
            *row, turn = record
            answers[turn].append(row)
    return list(answers)


def _ordered(
    values: Mapping[str, object],
    order: Sequence[str],
    constants: Mapping[str, object],
) -> list[object]:
    if constants:
        values = {**constants, **values}
    return [values[name] for name in order]
