"""Ends sessions whose COMMIT was never answered, so that whoever looks again sees what came of it.

A server that was told to commit goes on with it after the line is dead. Until it has, a look
finds nothing, and would call that the outcome.
"""

from __future__ import annotations

import asyncio
from typing import Final

import asyncpg

from jackfield.storage.lockstep import Connection, LostError

_PATIENCE: Final = 5.0
_PAUSE: Final = 0.01

# The number may be somebody else's by now; of sessions like ours each can be lost at any time.
_END: Final = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE pid = $1 AND application_name = current_setting('application_name')
      AND datname = current_database()
"""


class Undecided:
    """The server's processes, by their number, that owe the answer to a COMMIT; true if any do."""

    def __init__(self) -> None:
        self._processes: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._processes)

    def add(self, process: int) -> None:
        """Note a process whose line is dead."""
        self._processes.add(process)

    async def decide(self, connection: Connection) -> None:
        """Return when every one of them is gone, and what it committed can be seen.

        Raises LostError when that cannot be known.
        """
        try:
            async with asyncio.timeout(_PATIENCE):
                for process in tuple(self._processes):
                    while await connection.fetchval(_END, process):  # noqa: ASYNC110 -- its end calls nobody
                        await asyncio.sleep(_PAUSE)
                    self._processes.discard(process)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            raise LostError from error
