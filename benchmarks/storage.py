"""How near a store comes to what its driver can do: accounts created and committed, 64 at once.

Both sides run in one process, on one database, in turns, with the same statements and the same
durability. What is printed is the median of the ratios of neighbouring turns.
"""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg

from benchmarks.databases import postgres_server
from jackfield import links
from jackfield.accounts import Draft, Provider, Standing
from jackfield.clock import now
from jackfield.metrics import Metrics
from jackfield.storage import accounts, applications, tenants, totals
from jackfield.storage.dialects import Prepared
from jackfield.storage.opening import OpenStore, open_postgres, open_sqlite
from jackfield.storage.sqlite import SqliteStore
from jackfield.tenants import Tenant

IN_FLIGHT = 64
TURNS = 9
BATCHES_PER_TURN = 40
TENANT = "acme0001"
SCOPES = (TENANT, f"{TENANT}/messenger")

_ADD: Prepared = accounts._ADD  # noqa: SLF001 -- the same statements, past the store
_COUNT: Prepared = totals._COUNT  # noqa: SLF001 -- the same
_numbers = count(10**14)

Turn = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Result:
    """Accounts per second through the store and through the driver, and their ratios.

    `ratio` is of the rates; `work` of the processor time this process spent on an account, which
    neighbours on a shared machine disturb less.
    """

    name: str
    store: float
    raw: float
    ratio: float
    work: float


def values() -> dict[str, Any]:
    """Return what one new account is made of."""
    name = str(next(_numbers))
    return {
        "provider": Provider.MESSENGER,
        "external_id": name,
        "routing_key": name,
        "api_key": TENANT,
        "name": "Front desk",
        "standing": Standing.VOUCHED,
        "provider_app_id": None,
        "credentials": b"sealed" * 30,
        "application_id": None,
        "created_at": now(),
    }


def counted(scope: str) -> dict[str, Any]:
    return {"name": "accounts", "scope": scope, "by": 1}


async def through(store: OpenStore) -> None:
    """Let 64 callers create accounts, one after the other each."""

    async def create() -> None:
        for _ in range(BATCHES_PER_TURN):
            work = links.register(Draft(**values()), accounts=accounts, applications=applications)
            await store.commit(work)

    await asyncio.gather(*[create() for _ in range(IN_FLIGHT)])


def raw_sqlite(connection: sqlite3.Connection) -> None:
    """Create as many accounts in transactions of 64."""
    add, constants = _ADD.sqlite
    add_one, more = _COUNT.sqlite
    for _ in range(BATCHES_PER_TURN):
        connection.execute("BEGIN IMMEDIATE")
        for one in [values() for _ in range(IN_FLIGHT)]:
            connection.execute(add, {**constants, **one}).fetchall()
            for scope in SCOPES:
                connection.execute(add_one, {**more, **counted(scope)})
        connection.execute("COMMIT")


async def raw_postgres(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Create as many accounts in transactions of 64, each statement's runs sent together."""
    for _ in range(BATCHES_PER_TURN):
        new = [values() for _ in range(IN_FLIGHT)]
        async with connection.transaction():
            await connection.fetchmany(_ADD.postgres[0], _arguments(_ADD, new))
            for scope in SCOPES:
                more = [counted(scope) for _ in new]
                await connection.executemany(_COUNT.postgres[0], _arguments(_COUNT, more))


def _arguments(prepared: Prepared, runs: list[dict[str, Any]]) -> list[list[Any]]:
    _, order, constants = prepared.postgres
    full = [{**constants, **run} for run in runs]
    return [[run[name] for name in order] for run in full]


async def compare(name: str, store: Turn, raw: Turn) -> Result:
    """Take turns, the first of each to warm up, and compare neighbours."""
    pairs = []
    for turn in range(TURNS + 1):
        first, second = (store, raw) if turn % 2 else (raw, store)
        spent = {first: await _spent(first), second: await _spent(second)}
        if turn:
            pairs.append((spent[store], spent[raw]))
    accounts_made = IN_FLIGHT * BATCHES_PER_TURN
    return Result(
        name,
        store=accounts_made / statistics.median(mine.wall for mine, _ in pairs),
        raw=accounts_made / statistics.median(floor.wall for _, floor in pairs),
        ratio=statistics.median(floor.wall / mine.wall for mine, floor in pairs),
        work=statistics.median(floor.work / mine.work for mine, floor in pairs),
    )


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds on the clock and of the processor."""

    wall: float
    work: float


async def _spent(turn: Turn) -> Spent:
    wall, work = time.perf_counter(), time.process_time()
    await turn()
    return Spent(time.perf_counter() - wall, time.process_time() - work)


async def on_sqlite(directory: Path) -> Result:
    path = directory / "jackfield.sqlite3"
    store = await open_sqlite(path, metrics=Metrics())
    assert isinstance(store, SqliteStore)
    await store.commit(tenants.add(Tenant(TENANT, "Acme Ltd", now())))
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=512)
    for pragma in ("synchronous = FULL", "foreign_keys = ON", "cache_size = -32768"):
        connection.execute(f"PRAGMA {pragma}")

    async def raw() -> None:
        raw_sqlite(connection)

    try:
        return await compare("SQLite", lambda: through(store), raw)
    finally:
        connection.close()
        await store.close()


async def on_postgres(url: str) -> Result:
    store = await open_postgres(url, readers=1, metrics=Metrics())
    await store.commit(tenants.add(Tenant(TENANT, "Acme Ltd", now())))
    connection = await asyncpg.connect(url)
    try:
        return await compare(
            "PostgreSQL", lambda: through(store), lambda: raw_postgres(connection)
        )
    finally:
        await connection.close()
        await store.close()


async def measure() -> list[Result]:
    """Compare on both engines."""
    with tempfile.TemporaryDirectory(prefix="jackfield-bench-") as directory:
        results = [await on_sqlite(Path(directory))]
    with postgres_server() as server:
        return [*results, await on_postgres(server.get_uri())]


def main() -> None:
    """Compare and print."""
    print("S5, storage: accounts created and committed, 64 in flight, against the raw batch")
    for result in asyncio.run(measure()):
        print(
            f"  {result.name:<10}  store {result.store:>7,.0f}/s   raw {result.raw:>7,.0f}/s"
            f"   ratio {result.ratio:.2f} (goal 0.50)   of processor time {result.work:.2f}"
        )


if __name__ == "__main__":
    main()
