"""Copies a SQLite database while its server goes on with it."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from jackfield.problems import Conflict, NotFound, Unavailable

PAGES = 1_024
"""Pages of one step, 4 MiB as a rule."""

PAUSE = 0.005
"""Seconds between two steps: the disk is the server's too."""

Progress = Callable[[int, int], None]
"""Is told how many pages are copied, and of how many."""


def back_up(database: Path, copy: Path, *, progress: Progress, pages: int = PAGES) -> int:
    """Copy `database` as it is now to `copy`, which nobody else may read; return its bytes.

    The copy has this name only once it is whole, was found sound and is on the disk. It is one
    file, without a write-ahead log. Raises NotFound without a database, Conflict where `copy` is
    there already, Unavailable for a database that cannot be copied, and OSError.
    """
    if not database.is_file():
        raise NotFound(f"There is no database at {database}; which one is meant, say with --data.")
    if copy.exists():
        raise Conflict(f"{copy} is there already, and may be the only good copy: choose another.")
    part = copy.with_name(f"{copy.name}.part")
    _create(part)
    try:
        _copy(database, part, progress, pages=pages)
        _check(part)
        _sync(part)
        _publish(part, copy)
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            part.with_name(part.name + suffix).unlink(missing_ok=True)
    _sync(copy.parent)
    return copy.stat().st_size


def _create(part: Path) -> None:
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise Conflict(
            f"{part} is there: another backup is writing it, or one was cut off. "
            "If none runs, delete it.",
        ) from None


def _copy(database: Path, part: Path, progress: Progress, *, pages: int) -> None:
    def told(_status: int, remaining: int, total: int) -> None:
        progress(total - remaining, total)
        time.sleep(PAUSE)

    try:
        with closing(_open(database)) as source, closing(_open(part)) as target:
            source.execute("PRAGMA query_only = ON")
            # The copy is of this moment. Without it, each write of the server would make SQLite
            # begin again, and a busy server's backup would never end.
            source.execute("BEGIN")
            source.execute("SELECT version_num FROM alembic_version").fetchone()
            source.backup(target, pages=pages, progress=told)
            target.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise Unavailable(f"{database} cannot be copied: {error}.") from error


def _check(part: Path) -> None:
    with closing(_open(part)) as connection:
        try:
            found = [text for (text,) in connection.execute("PRAGMA integrity_check(3)")]
        except sqlite3.DatabaseError as error:
            found = [str(error)]
    if found != ["ok"]:
        raise Unavailable(
            f"The copy is not sound, so there is none: {'; '.join(found)}. The database itself "
            "may be damaged: look at its disk, and keep the last good copy.",
        )


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, timeout=30)


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _publish(part: Path, copy: Path) -> None:
    """Give the copy its name, unless somebody took it meanwhile."""
    try:
        copy.hardlink_to(part)
    except FileExistsError:
        raise Conflict(f"{copy} was made meanwhile by somebody else: choose another.") from None
    except OSError:  # a file system without links
        part.rename(copy)
