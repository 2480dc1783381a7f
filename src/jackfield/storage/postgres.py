"""PostgreSQL's hands: one held connection that writes, a few that read, one that surveys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from random import randrange
from typing import Any

import asyncpg
import structlog

from jackfield.clock import Clock, Moment, now
from jackfield.metrics import Metrics
from jackfield.problems import Unavailable
from jackfield.storage import condition, lockstep
from jackfield.storage.committer import Committer, Ended, Failed, outcome
from jackfield.storage.condition import Condition
from jackfield.storage.lockstep import CROWDED, Connection, LostError
from jackfield.storage.undecided import Undecided
from jackfield.units import Result, Unit

log = structlog.get_logger()

SLOTS = 1_024
"""Rows among which batches spread what they tally, so that processes do not queue for one.

Nor does any row change often: while a reader's snapshot is open, PostgreSQL keeps all that each of
them ever was, and walks over it to change it once more.
"""

_SURVEY_TIMEOUT = 300.0
"""Seconds: nobody waits for a survey but whoever asked for it."""

# What PostgreSQL believes of a table is wrong soon: when `pending` is analysed it is almost empty.
# What is asked for often has its index for each table, and the same whatever the values are; to
# plan it anew for some, PostgreSQL reads over all that somebody's snapshot keeps. Nor is it worth
# a second process, or a compiler, though that snapshot makes it look as if.
ONE_PLAN = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "plan_cache_mode": "force_generic_plan",
}

_LOST = (LostError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)

_TRIES = 3
"""How often a batch is run that lost its connection, or a lone unit that lost a deadlock."""


class _CutError(LostError):
    """The line was cut while somebody looked, which can be done again."""


class PostgresStore:
    """A store on one PostgreSQL database, shared with other processes."""

    def __init__(
        self,
        dsn: str,
        *,
        readers: int,
        metrics: Metrics,
        clock: Clock = now,
        lock_timeout: timedelta = timedelta(seconds=2),
    ) -> None:
        self._dsn = dsn
        # Everybody's units wait behind a batch that waits for a lock, so it must not wait long.
        # A gateway that dies with its host lets go of its locks only if the server ends its
        # session; one that lives asks the next thing at once.
        self._settings = {
            "application_name": "jackfield",
            "lock_timeout": f"{lock_timeout // timedelta(milliseconds=1)}ms",
            "idle_in_transaction_session_timeout": "60s",
        }
        self._writer: Connection | None = None
        self._undecided = Undecided()
        self._idle: asyncio.LifoQueue[Connection | None] = asyncio.LifoQueue()
        for _ in range(readers):
            self._idle.put_nowait(None)
        self._surveyor: Connection | None = None
        self._surveying = asyncio.Lock()
        self._committer = Committer(self._run_batch, clock=clock, metrics=metrics)

    @property
    def committing_since(self) -> Moment | None:
        """See `Committing.committing_since`."""
        return self._committer.since

    async def commit(self, work: Unit[Result]) -> Result:
        """Run `work` in a transaction; see `Store.commit`."""
        return await self._committer.commit(work)

    async def read(self, work: Unit[Result]) -> Result:
        """Run `work`, which only looks, on a connection held for reading.

        That a line was cut is often learned only by asking, so it is asked once more on a new one.
        """
        connection = await self._idle.get()
        try:
            if connection is not None and not connection.is_closed():
                with suppress(_CutError):
                    return outcome(await self._look(connection, work))  # type: ignore[no-any-return] # a unit's value is untyped here
            connection = await self._connect()
            return outcome(await self._look(connection, work))  # type: ignore[no-any-return] # as above
        except LostError as error:
            raise _unavailable("The database could not be read.", error) from error
        finally:
            self._idle.put_nowait(connection)

    async def _look(self, connection: Connection, work: Unit[Any]) -> Ended:
        """Run `work`; raises _CutError, or LostError where it took too long, and lets go of it."""
        try:
            if self._undecided:
                await self._undecided.decide(connection)
            return await lockstep.read(connection, work)
        except LostError as error:
            _let_go(connection)
            if isinstance(error.__cause__, TimeoutError):
                raise
            raise _CutError from error.__cause__

    async def recall(self, work: Unit[Result]) -> Result:
        """Read: other processes write too, and a revoked secret must open nothing from then on."""
        return await self.read(work)

    async def survey(self, work: Unit[Result]) -> Result:
        """Run `work`, which only looks, on one snapshot; see `Surveyed.survey`."""
        async with self._for_survey() as connection:
            ended = await lockstep.read_snapshot(connection, work)
        return outcome(ended)  # type: ignore[no-any-return] # as above

    async def condition(self) -> Condition:
        """Return what vacuum has to do; see `Engine.condition`."""
        async with self._for_survey() as connection:
            return await condition.of_postgres(connection)

    @asynccontextmanager
    async def _for_survey(self) -> AsyncIterator[Connection]:
        async with self._surveying:
            if self._surveyor is None or self._surveyor.is_closed():
                self._surveyor = await self._connect(
                    command_timeout=_SURVEY_TIMEOUT, may_read_all=True
                )
            try:
                yield self._surveyor
            except BaseException as error:
                # Whatever it was, or whoever stopped waiting: its snapshot must not stay open.
                _let_go(self._surveyor)
                self._surveyor = None
                if isinstance(error, _LOST):
                    raise _unavailable("The database could not be surveyed.", error) from error
                raise

    async def close(self) -> None:
        """Finish what was taken and close every connection that is not in use."""
        await self._committer.close()
        for connection in (self._writer, self._surveyor):
            if connection is not None:
                await _close(connection)
        while not self._idle.empty():
            reader = self._idle.get_nowait()
            if reader is not None:
                await _close(reader)

    async def _run_batch(self, units: Sequence[Unit[Any]]) -> list[Ended]:
        """Run `units` in one transaction, or in several where one would harm the others."""
        problem: Unavailable | None = None
        for _ in range(_TRIES):
            try:
                return await self._run_on_writer(units)
            except LostError as error:
                # Nothing of these units was committed, so a new connection may run them.
                problem = _unavailable("The database could not be written.", error)
            except CROWDED as error:
                problem = _unavailable("Too many changed the same thing at once.", error)
                if len(units) > 1:
                    middle = len(units) // 2
                    first = await self._run_batch(units[:middle])
                    return first + await self._run_batch(units[middle:])
            except Unavailable as unreachable:
                problem = unreachable
                break
        assert problem is not None  # noqa: S101 -- every way through the loop sets it
        return [Failed(problem)] * len(units)

    async def _run_on_writer(self, units: Sequence[Unit[Any]]) -> list[Ended]:
        if self._writer is None or self._writer.is_closed():
            self._writer = await self._connect()
        try:
            return await self._run_decided(self._writer, units)
        except CROWDED:
            raise
        except BaseException:
            # A transaction left open would be committed with the next batch.
            _let_go(self._writer)
            self._writer = None
            raise

    async def _run_decided(
        self, connection: Connection, units: Sequence[Unit[Any]]
    ) -> list[Ended]:
        """Run `units` when all that went before is decided; note it if their own end is not."""
        if self._undecided:
            await self._undecided.decide(connection)
        process = connection.get_server_pid()
        slot = str(randrange(SLOTS))  # noqa: S311 -- spreads changes, keeps no secret
        try:
            ended = await lockstep.run_batch(connection, units, slot=slot)
        except LostError:
            self._undecided.add(process)  # it may live on, with its locks
            raise
        if connection.is_closed():
            self._undecided.add(process)
        return ended

    async def _connect(
        self, *, command_timeout: float = 30, may_read_all: bool = False
    ) -> Connection:
        try:
            return await asyncpg.connect(
                self._dsn,
                timeout=10,
                command_timeout=command_timeout,
                statement_cache_size=512,
                server_settings=self._settings | ({} if may_read_all else ONE_PLAN),
            )
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise _unavailable("The database could not be reached.", error) from error


async def _close(connection: Connection) -> None:
    with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):  # closed is closed
        await connection.close(timeout=5)


def _let_go(connection: Connection | None) -> None:
    if connection is not None:
        connection.terminate()


def _unavailable(sentence: str, error: Exception) -> Unavailable:
    reason = error.__cause__ or error
    log.warning("store.trouble", what=sentence, reason=type(reason).__name__)
    problem = Unavailable(f"{sentence} Nothing was stored; try again shortly.")
    problem.__cause__ = error
    return problem
