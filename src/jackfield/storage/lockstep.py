"""One transaction on PostgreSQL: the units of a batch, statement by statement, in lockstep.

Each round takes the next statement of every unit, and runs of the same statement go to the
server together, so that a batch of sixty units costs a few round trips. Units that have come to
a statement of a later turn sit a round out; see `Prepared`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import asyncpg
import structlog

from jackfield.crashpoints import Crashpoint, reach
from jackfield.problems import OutcomeUnknown
from jackfield.storage import totals
from jackfield.storage.committer import Ended, Failed, tallies_of
from jackfield.storage.dialects import ORDINAL, Prepared
from jackfield.storage.running import Running
from jackfield.units import Row, Rows, Unit

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

log = structlog.get_logger()

CROWDED = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
)
"""Errors of a batch whose rows another process wants too: fewer at once may get through."""

_NOT_HERE = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,
    asyncpg.ReadOnlySQLTransactionError,  # a standby now
    asyncpg.InvalidCachedStatementError,  # the schema changed under a held connection
    asyncpg.InternalClientError,
    OSError,
)
"""Errors that say something of the connection or its server, and nothing of a unit."""


class LostError(Exception):
    """The connection is of no more use; nothing of the transaction was committed."""


class SpoiledError(Exception):
    """A unit failed in a way that ended the transaction for its neighbours too."""


async def run_batch(
    connection: Connection, units: Sequence[Unit[Any]], *, slot: str
) -> list[Ended]:
    """Run `units` in one transaction and commit it; one `Ended` for each, in order.

    What they tallied is stored last, under `slot`, so that its rows are locked for a moment only.

    At first without savepoints: a unit that fails before it wrote anything harms nobody. If one
    fails after that, everything is rolled back and run again, each unit inside a savepoint.

    Raises one of `CROWDED` once it is rolled back, and LostError before COMMIT was sent.
    """
    try:
        try:
            ended = await _in_lockstep(connection, units)
        except SpoiledError:
            await _tell(connection, "ROLLBACK")
            ended = await _in_savepoints(connection, units)
        await _tally(connection, ended, slot=slot)
    except CROWDED:
        await _tell(connection, "ROLLBACK")
        raise
    reach(Crashpoint.INSIDE_TRANSACTION)
    return await _commit(connection, ended)


async def read(connection: Connection, work: Unit[Any]) -> Ended:
    """Run `work`, which only looks; raises LostError and what its statements raise."""
    one = Running(work)
    while one.ended is None:
        try:
            (rows,) = await _ask(connection, one.prepared, [one.values])
        except SpoiledError as spoiled:
            return Failed(spoiled.__cause__ or spoiled)
        one.advance(rows)
    return one.ended


async def read_snapshot(connection: Connection, work: Unit[Any]) -> Ended:
    """Run `work`, which only looks, all of it on one snapshot; raises as `read` does."""
    await _tell(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    ended = await read(connection, work)
    await _tell(connection, "ROLLBACK")
    return ended


async def _in_lockstep(connection: Connection, units: Sequence[Unit[Any]]) -> list[Ended]:
    await _tell(connection, "BEGIN")
    running = [Running(work) for work in units]
    while active := [one for one in running if one.ended is None]:
        for prepared, together in _by_statement(_of_the_earliest_turn(active)).items():
            answers = await _ask(connection, prepared, [one.values for one in together])
            for one, rows in zip(together, answers, strict=True):
                one.advance(rows)
                if isinstance(one.ended, Failed) and one.wrote:
                    raise SpoiledError
    return [one.ended for one in running if one.ended is not None]


async def _in_savepoints(connection: Connection, units: Sequence[Unit[Any]]) -> list[Ended]:
    await _tell(connection, "BEGIN")
    ended: list[Ended] = []
    for work in units:
        await _tell(connection, "SAVEPOINT unit")
        end = await read(connection, work)
        if isinstance(end, Failed):
            await _tell(connection, "ROLLBACK TO unit")
        await _tell(connection, "RELEASE unit")
        ended.append(end)
    return ended


async def _tally(connection: Connection, ended: Sequence[Ended], *, slot: str) -> None:
    tallies = tallies_of(ended)
    if tallies:
        prepared, values = totals.tallied(tallies, slot=slot)
        await _ask(connection, prepared, [values])


async def _commit(connection: Connection, ended: list[Ended]) -> list[Ended]:
    unknown = OutcomeUnknown("The store could not say whether it committed; look again.")
    try:
        answer = await connection.execute("COMMIT")
    except Exception as error:  # noqa: BLE001 -- whatever it was, nobody knows what is stored
        unknown.__cause__ = error
        log.critical("store.commit_failed", reason=type(error).__name__)
    else:
        if answer == "COMMIT":  # of a broken transaction it is ROLLBACK, and no error
            return ended
    connection.terminate()
    return [Failed(unknown)] * len(ended)


def _of_the_earliest_turn(active: Sequence[Running]) -> list[Running]:
    earliest = min(one.prepared.turn for one in active)
    return [one for one in active if one.prepared.turn == earliest]


def _by_statement(active: Sequence[Running]) -> dict[Prepared, list[Running]]:
    groups: dict[Prepared, list[Running]] = {}
    for one in active:
        groups.setdefault(one.prepared, []).append(one)
    return groups


async def _tell(connection: Connection, command: str) -> None:
    try:
        await connection.execute(command)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, *_NOT_HERE) as error:
        raise LostError from error


async def _ask(
    connection: Connection,
    prepared: Prepared,
    runs: Sequence[Sequence[Mapping[str, Any]]],
) -> list[Rows]:
    """Run one statement for several units and give each unit's rows; sort what goes wrong."""
    try:
        return await _execute(connection, prepared, runs)
    except CROWDED:
        raise
    except Exception as error:
        if connection.is_closed() or isinstance(error, _NOT_HERE):
            raise LostError from error
        raise SpoiledError from error


async def _execute(
    connection: Connection,
    prepared: Prepared,
    runs: Sequence[Sequence[Mapping[str, Any]]],
) -> list[Rows]:
    if sum(map(len, runs)) == 1:
        text, order, constants = prepared.postgres
        (values,) = next(filter(None, runs))
        found: list[Any] = await connection.fetch(text, *_ordered({**constants, **values}, order))
        return [found if run else [] for run in runs]
    answers: list[list[Row]] = [[] for _ in runs]
    if not prepared.returns:
        text, order, constants = prepared.postgres
        every = [_ordered({**constants, **values}, order) for run in runs for values in run]
        await connection.executemany(text, every)
        return list(answers)
    text, order, constants = prepared.postgres_in_turn
    every = [
        _ordered({**constants, **values, ORDINAL: turn}, order)
        for turn, run in enumerate(runs)
        for values in run
    ]
    for record in await connection.fetchmany(text, every):
        *row, turn = record
        answers[turn].append(row)
    return list(answers)


def _ordered(values: Mapping[str, object], order: Sequence[str]) -> list[object]:
    return [values[name] for name in order]
