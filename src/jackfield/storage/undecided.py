"""Ends sessions that were lost inside a transaction, so that it is decided what came of that.

A server may not know that the line is dead. Told to commit, it goes on with it: until it has, a
look finds nothing, and would call that the outcome. Not yet told, it keeps the locks of all that
was written so far: whoever writes the same once more would wait for them, and nobody lets go.
"""

from __future__ import annotations

import asyncio
from typing import Final

import asyncpg

from jackfield.storage.lockstep import Connection, LostError

_PATIENCE: Final = 5.0
_PAUSE: Final = 0.01

# The number may be somebody else's by now; of sessions like ours each can be lost at any time.
# Where it is our own, the one that was lost is gone.
_END: Final = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE pid = $1 AND application_name = current_setting('application_name')
      AND datname = current_database() AND pid <> pg_backend_pid()
"""


class Undecided:
    """The server's processes, by their number, that may not have ended a transaction of ours.

    It is true if there are any.
    """

    def __init__(self) -> None:
        self._processes: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self._processes)

    def add(self, process: int) -> None:
        """Note a process whose line is dead."""
        self._processes.add(process)

    async def decide(self, connection: Connection) -> None:
        """Return when every one of them is gone: its locks are, and what it committed is seen.

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
