"""Stores are opened by URL, and a data directory belongs to one process."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from pathlib import Path

import pytest

from databases import with_database
from jackfield.metrics import Metrics
from jackfield.problems import Unavailable
from jackfield.storage.opening import DataDirectoryLock, InUseError, open_postgres, open_sqlite

_HOLD = """
import sys
from pathlib import Path
from jackfield.storage.opening import DataDirectoryLock
lock = DataDirectoryLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


async def test_a_second_process_is_told_who_holds_the_data_directory(tmp_path: Path) -> None:
    holder = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _HOLD,
        str(tmp_path),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    await holder.stdout.readline()

    with pytest.raises(InUseError) as refused:
        DataDirectoryLock(tmp_path)
    with pytest.raises(InUseError):
        DataDirectoryLock(tmp_path)
    holder.kill()
    await holder.wait()
    after_it_was_killed = DataDirectoryLock(tmp_path)

    assert str(refused.value) == (
        f"The data directory {tmp_path} is in use by another Jackfield (process {holder.pid}). "
        "Stop that one, or give this one its own with --data."
    )
    assert (tmp_path / "jackfield.lock").read_text() == f"{os.getpid()}\n"
    after_it_was_killed.release()


def test_a_directory_that_was_released_may_be_taken_again(tmp_path: Path) -> None:
    DataDirectoryLock(tmp_path).release()

    again = DataDirectoryLock(tmp_path)

    again.release()


def test_a_new_data_directory_is_for_its_owner_only(tmp_path: Path) -> None:
    lock = DataDirectoryLock(tmp_path / "new")

    mode = stat.S_IMODE((tmp_path / "new").stat().st_mode)

    lock.release()
    assert mode == 0o700


async def test_a_database_in_a_new_directory_is_for_its_owner_only(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path / "new" / "jackfield.sqlite3", metrics=Metrics())
    await store.close()

    mode = stat.S_IMODE((tmp_path / "new").stat().st_mode)

    assert mode == 0o700


async def test_a_database_and_its_wal_are_for_their_owner_only(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    path = tmp_path / "jackfield.sqlite3"

    store = await open_sqlite(path, metrics=Metrics())
    files = sorted(tmp_path.glob(f"{path.name}*"))
    modes = [stat.S_IMODE(each.stat().st_mode) for each in files]
    await store.close()

    assert len(files) > 1
    assert set(modes) == {0o600}


async def test_a_server_that_is_not_there_is_named_as_the_reason(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"cannot be reached .*JACKFIELD_DATABASE_URL"):
        await open_postgres(
            f"postgresql://nobody@/nothing?host={tmp_path}", readers=1, metrics=Metrics()
        )


async def test_a_database_that_is_not_there_is_named_as_the_reason(postgres_server: str) -> None:
    url = with_database(postgres_server, "jackfield_never_made")

    with pytest.raises(Unavailable, match="jackfield_never_made"):
        await open_postgres(url, readers=1, metrics=Metrics())


async def test_a_url_that_is_none_is_named_as_the_reason() -> None:
    with pytest.raises(Unavailable, match="JACKFIELD_DATABASE_URL"):
        await open_postgres("mysql://127.0.0.1/jackfield", readers=1, metrics=Metrics())
