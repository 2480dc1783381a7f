"""What a benchmark does to the database itself, beside the gateway or while it is down."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

import asyncpg


def postpone(environ: Mapping[str, str], number: int) -> None:
    """Put so many things that are due tomorrow into the database of a gateway that is down."""
    tomorrow = (int(time.time()) + 86_400) * 1_000
    columns = "kind, subject, shard, lane, conversation, account_id, due_at, since, tries"
    values = f"'deliver', 'later-' || n, 0, n % 100, n, 0, {tomorrow} + n, {tomorrow}, 1"
    counting = f"SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {number}"  # noqa: S608 -- our own
    change(
        environ,
        f"WITH RECURSIVE c(n) AS ({counting}) "  # noqa: S608 -- our own
        f"INSERT INTO pending ({columns}) SELECT {values} FROM c",
    )


def take_back(environ: Mapping[str, str]) -> None:
    """Remove what `postpone` put there."""
    change(environ, "DELETE FROM pending WHERE subject LIKE 'later-%'")


@contextmanager
def snapshot_held(environ: Mapping[str, str]) -> Iterator[None]:
    """Keep a reader's snapshot open: nothing that is dead since then can be cleaned up."""
    url = environ.get("JACKFIELD_DATABASE_URL")
    with _held_on_sqlite(_file(environ)) if url is None else _held_on_postgres(url):
        yield


_LOOK = "SELECT count(*) FROM pending"


@contextmanager
def _held_on_sqlite(file: str) -> Iterator[None]:
    with closing(sqlite3.connect(file, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute(_LOOK).fetchone()
        yield


@contextmanager
def _held_on_postgres(url: str) -> Iterator[None]:
    with asyncio.Runner() as runner:
        reader = runner.run(asyncpg.connect(url))
        runner.run(reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ"))
        runner.run(reader.fetchval(_LOOK))
        try:
            yield
        finally:
            runner.run(reader.close())


def change(environ: Mapping[str, str], statement: str) -> None:
    """Run one statement on the database of a gateway."""
    _run(environ, statement)


def ask(environ: Mapping[str, str], query: str) -> int:
    """Return the number that a query finds in the database of a gateway."""
    ((number,),) = _run(environ, query)
    return int(number)


def _run(environ: Mapping[str, str], statement: str) -> Sequence[Sequence[Any]]:
    url = environ.get("JACKFIELD_DATABASE_URL")
    if url is None:
        with closing(sqlite3.connect(_file(environ))) as connection:
            rows = connection.execute(statement).fetchall()
            connection.commit()
            return rows

    async def run() -> Sequence[Sequence[Any]]:
        connection = await asyncpg.connect(url)
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    return asyncio.run(run())


def _file(environ: Mapping[str, str]) -> str:
    return f"{environ['JACKFIELD_DATA']}/jackfield.sqlite3"
