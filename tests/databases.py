"""Databases as tests see them: opened by URL, and looked at past the store."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from jackfield.clock import Clock, now
from jackfield.metrics import Metrics
from jackfield.storage.opening import OpenStore, open_postgres, open_sqlite


async def open_store(
    database_url: str, *, metrics: Metrics | None = None, clock: Clock = now
) -> OpenStore:
    """Open the store that a database URL names."""
    if database_url.startswith("sqlite:///"):
        path = Path(database_url.removeprefix("sqlite:///"))
        return await open_sqlite(path, metrics=metrics or Metrics(), clock=clock)
    return await open_postgres(database_url, readers=2, metrics=metrics or Metrics(), clock=clock)


def with_database(url: str, name: str) -> str:
    """Return `url` with its database replaced."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


Look: TypeAlias = Callable[[str], Awaitable[list[tuple[Any, ...]]]]


@asynccontextmanager
async def looking(database_url: str) -> AsyncIterator[Look]:
    """Give a way to ask queries on one connection, past the store."""
    if database_url.startswith("sqlite:///"):
        with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as connection:

            async def ask(query: str) -> list[tuple[Any, ...]]:
                return connection.execute(query).fetchall()

            yield ask
        return
    other = await asyncpg.connect(database_url)

    async def ask_other(query: str) -> list[tuple[Any, ...]]:
        return [tuple(record) for record in await other.fetch(query)]

    try:
        yield ask_other
    finally:
        await other.close()


async def look(database_url: str, query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query asked on a connection of its own, past the store."""
    async with looking(database_url) as ask:
        return await ask(query)


async def change(database_url: str, statement: str) -> None:
    """Change something past the store, as an operator might."""
    if database_url.startswith("sqlite:///"):
        with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as connection:
            connection.execute(statement)
            connection.commit()
    else:
        await look(database_url, statement)


async def tenants_there(database_url: str) -> set[str]:
    """Return the API keys of all tenants."""
    return {key for (key,) in await look(database_url, "SELECT api_key FROM tenants")}


async def entries_read(database_url: str, index: str) -> int:
    """Return how many entries of an index of PostgreSQL those who are gone have read.

    Databases are used again, so look before and after.
    """
    query = f"SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = '{index}'"  # noqa: S608 -- our own
    ((read,),) = await look(database_url, query)
    return int(read)
