"""Which of several processes on one PostgreSQL delivers: the one that holds a lock there.

The lock belongs to a connection of its own, so it is free again when its process dies. Whoever
does not hold it tells the holder by NOTIFY when something is due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

import asyncpg
import structlog

log = structlog.get_logger()

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

LOOK_AGAIN = 1.0
"""Seconds between two tries to take the duty, and between two looks whether it is still held."""

_PATIENCE = 5.0
_LOCK = 0x6A61636B6669656C  # "jackfiel": nobody else's advisory lock has this number
_CHANNEL = "jackfield_due"
_LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


class PostgresDuty:
    """One process's part in it; `called` is called when another process stored something due."""

    def __init__(self, dsn: str, *, called: Callable[[], None]) -> None:
        self._dsn = dsn
        self._called = called
        self._connection: Connection | None = None
        self._one_at_a_time = asyncio.Lock()
        self._calling: asyncio.Task[None] | None = None
        self.is_on_duty = False

    async def taken(self) -> None:
        """Wait until this process is the one that delivers."""
        while not self.is_on_duty:
            with suppress(*_LOST):
                self.is_on_duty = await self._try()
            if not self.is_on_duty:
                await asyncio.sleep(LOOK_AGAIN)
        log.info("duty.taken")

    async def lost(self) -> None:
        """Wait until another process may have taken over: the connection is gone.

        Cancelled, it keeps the duty: who stops on purpose drains first, and then closes.
        """
        try:
            while True:
                await asyncio.sleep(LOOK_AGAIN)
                await self._ask("SELECT 1")
        except Exception as error:  # noqa: BLE001 -- whatever it was, the lock may be gone
            log.warning("duty.lost", reason=type(error).__name__)
            self.is_on_duty = False
            self._drop()

    def call(self) -> None:
        """Tell whoever is on duty that something is due; several calls at once are one."""
        if not self.is_on_duty and (self._calling is None or self._calling.done()):
            self._calling = asyncio.create_task(self._notify())

    async def close(self) -> None:
        """Give the duty back."""
        if self._calling is not None:
            await asyncio.wait([self._calling])
        self.is_on_duty = False
        if self._connection is not None:
            with suppress(*_LOST):
                await self._connection.close(timeout=_PATIENCE)

    async def _try(self) -> bool:
        return bool(await self._ask(f"SELECT pg_try_advisory_lock({_LOCK})"))

    async def _notify(self) -> None:
        with suppress(*_LOST):  # the one on duty looks by itself every few seconds
            await self._ask(f"NOTIFY {_CHANNEL}")

    async def _ask(self, statement: str) -> object:
        async with self._one_at_a_time:
            if self._connection is None or self._connection.is_closed():
                self._connection = await self._connect()
            return await self._connection.fetchval(statement, timeout=_PATIENCE)

    async def _connect(self) -> Connection:
        if self.is_on_duty:  # the lock went with the old connection
            raise ConnectionResetError("the connection that held the duty is gone")
        settings = {"application_name": "jackfield duty"}
        connection: Connection = await asyncpg.connect(
            self._dsn, timeout=_PATIENCE, server_settings=settings
        )
        await connection.add_listener(_CHANNEL, lambda *_: self._called())
        return connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
