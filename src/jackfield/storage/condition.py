"""What each engine says of how it is: what it has yet to fold in, or to clear away."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from jackfield.metrics import Figure

if TYPE_CHECKING:
    import asyncpg

Condition: TypeAlias = Mapping[Figure, Mapping[str, float]]

# Those that are written with every message; whoever never changes needs no vacuum.
_DEAD_TUPLES = """
SELECT relname, n_dead_tup FROM pg_stat_user_tables
WHERE relname IN ('pending', 'deliveries', 'messages', 'attempts', 'totals')
"""

# A transaction left open, a replica that lags, a prepared transaction nobody ended: each keeps
# vacuum from what died since. What asks this is no transaction to speak of.
_OLDEST_XMIN_AGE = """
SELECT coalesce(max(age(oldest)), 0) FROM (
    SELECT backend_xmin AS oldest FROM pg_stat_activity WHERE pid <> pg_backend_pid()
    UNION ALL SELECT xmin FROM pg_replication_slots
    UNION ALL SELECT transaction FROM pg_prepared_xacts
) AS holding_up
"""


def of_sqlite(database: Path) -> Condition:
    """Return how much is in the write-ahead log of a database file."""
    try:
        size = database.with_name(f"{database.name}-wal").stat().st_size
    except FileNotFoundError:
        size = 0
    return {Figure.WAL_BYTES: {"": size}}


async def of_postgres(connection: asyncpg.Connection[asyncpg.Record]) -> Condition:
    """Return what vacuum has yet to do, and what keeps it from doing it."""
    tables = await connection.fetch(_DEAD_TUPLES)
    age = await connection.fetchval(_OLDEST_XMIN_AGE)
    return {
        Figure.PG_DEAD_TUPLES: {row["relname"]: row["n_dead_tup"] for row in tables},
        Figure.PG_OLDEST_XMIN_AGE: {"": age},
    }
