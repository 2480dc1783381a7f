"""What the SQLite store does with its file: durability, a full disk, and closing."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, insert

from databases import tenants_there
from jackfield.metrics import Metrics
from jackfield.problems import Unavailable
from jackfield.storage import tenants
from jackfield.storage.committer import Ended
from jackfield.storage.dialects import Prepared
from jackfield.storage.sqlite import SqliteStore
from jackfield.storage.sqlite_batch import Batch
from jackfield.storage.tables import tenants as tenants_table
from jackfield.units import Steps, Unit, quick, unit
from small_units import Refusal, add_then_refuse, rename, tenant


@pytest.fixture
def path(sqlite_url: str) -> Path:
    return Path(sqlite_url.removeprefix("sqlite:///"))


@pytest.fixture
async def sqlite(path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore(path, metrics=Metrics())
    yield opened
    await opened.close()


@contextmanager
def full_disk(path: Path) -> Iterator[None]:
    """Let no file grow beyond what the database's WAL has now."""
    size = path.with_name(f"{path.name}-wal").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_is_unavailable_stores_nothing_and_is_got_over(
    sqlite: SqliteStore, sqlite_url: str, path: Path
) -> None:
    await sqlite.commit(tenants.add(tenant("before")))
    units = [tenants.add(tenant(f"k{n}")) for n in range(50)]

    with full_disk(path):
        ends = await asyncio.gather(
            *[sqlite.commit(work) for work in [*units, *map(quick, units)]],
            return_exceptions=True,
        )
        found = await sqlite.read(tenants.find("before"))
    await sqlite.commit(tenants.add(tenant("after")))

    assert all(isinstance(end, Unavailable) for end in ends)
    assert found == tenant("before")
    assert await tenants_there(sqlite_url) == {"before", "after"}


def test_a_database_that_may_not_grow_is_unavailable_to_the_whole_batch(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        long = "x" * 100_000

        ends = _ended(connection, [tenants.add(tenant("a")), _add_named("b", long)])
        connection.execute(f"PRAGMA max_page_count = {pages + 100}")
        later = _ended(connection, [_add_named("c", long)])

        rows = connection.execute("SELECT api_key FROM tenants").fetchall()

    assert [type(getattr(end, "error", None)) for end in ends] == [Unavailable, Unavailable]
    assert [type(end).__name__ for end in later] == ["Done"]
    assert rows == [("c",)]


async def test_another_process_that_keeps_the_file_locked_makes_it_unavailable(
    path: Path, sqlite_url: str
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")

            (end,) = _ended(connection, [tenants.add(tenant("a"))])
            other.execute("ROLLBACK")
        (later,) = _ended(connection, [tenants.add(tenant("b"))])

    assert type(getattr(end, "error", None)) is Unavailable
    assert type(later).__name__ == "Done"
    assert await tenants_there(sqlite_url) == {"b"}


async def test_quick_units_spoil_neither_each_other_nor_those_that_are_not(
    sqlite: SqliteStore, sqlite_url: str
) -> None:
    ends = await asyncio.gather(
        sqlite.commit(quick(tenants.add(tenant("a")))),
        sqlite.commit(quick(add_then_refuse("b"))),
        sqlite.commit(quick(tenants.add(tenant("c")))),
        sqlite.commit(add_then_refuse("d")),
        sqlite.commit(tenants.add(tenant("e"))),
        sqlite.commit(quick(tenants.add(tenant("e")))),
        return_exceptions=True,
    )

    assert [type(end) for end in ends] == [bool, Refusal, bool, Refusal, bool, bool]
    assert list(ends[4:]) == [True, False]  # in the order in which they came
    assert await tenants_there(sqlite_url) == {"a", "c", "e"}


async def test_the_loop_goes_on_while_a_quick_unit_waits_for_another_process(
    sqlite: SqliteStore, path: Path, sqlite_url: str
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(sqlite.commit(quick(tenants.add(tenant("a")))))
        for _ in range(20):  # these would not come round if the loop waited too
            await asyncio.sleep(0.001)
        is_waiting = not waiting.done()
        other.execute("ROLLBACK")
        await waiting

    assert is_waiting
    assert await tenants_there(sqlite_url) == {"a"}


async def test_what_is_committed_is_written_through_to_the_disk(
    sqlite: SqliteStore, path: Path
) -> None:
    # What the connection says of itself, and what a SIGKILL of the whole machine would leave:
    # the WAL holds the row before the answer is given.
    level = _pragma(sqlite, "synchronous")

    await sqlite.commit(tenants.add(tenant("canary-in-the-wal")))

    assert (level, _pragma(sqlite, "journal_mode"), _pragma(sqlite, "foreign_keys")) == (
        2,
        "wal",
        1,
    )
    assert b"canary-in-the-wal" in path.with_name(f"{path.name}-wal").read_bytes()


def test_a_place_that_would_not_keep_what_it_is_given_is_refused() -> None:
    # A database in memory has no WAL, as a network disk may have none.
    with pytest.raises(Unavailable, match="put the data directory on a local disk"):
        SqliteStore(Path(":memory:"), metrics=Metrics())


async def test_a_read_cannot_write(sqlite: SqliteStore) -> None:
    await sqlite.commit(tenants.add(tenant("a")))

    with pytest.raises((Unavailable, sqlite3.Error)):
        await sqlite.read(rename("a", "another"))

    assert await sqlite.read(tenants.find("a")) == tenant("a")


async def test_closing_folds_the_wal_into_the_database(path: Path) -> None:
    store = SqliteStore(path, metrics=Metrics())
    await store.commit(tenants.add(tenant("a")))

    await store.close()

    assert list(path.parent.iterdir()) == [path]
    assert b"a Ltd" in path.read_bytes()


def _ended(connection: sqlite3.Connection, units: list[Unit[Any]]) -> list[Ended]:
    batch = Batch(connection, units)
    batch.whole()
    return batch.ended


_ADD = Prepared(
    insert(tenants_table).values(
        api_key=bindparam("api_key"),
        name=bindparam("name"),
        version=1,
        created_at=0,
    ),
)


@unit
def _add_named(api_key: str, name: str) -> Steps[None]:
    yield _ADD(api_key=api_key, name=name)


def _pragma(store: SqliteStore, name: str) -> object:
    return store._writer.execute(f"PRAGMA {name}").fetchone()[0]  # noqa: SLF001 -- it has no other door
