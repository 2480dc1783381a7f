"""A copy is of one moment, sound, its owner's only, and there only when it is whole."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from databases import open_store
from jackfield.problems import Conflict, NotFound, Unavailable
from jackfield.storage import tenants
from jackfield.storage.backup import back_up
from small_units import tenant


@pytest.fixture
def database(sqlite_url: str) -> Path:
    return Path(sqlite_url.removeprefix("sqlite:///"))


@pytest.fixture
def copies(tmp_path: Path) -> Iterator[Path]:
    """A directory for copies, in which nothing else may be left."""
    directory = tmp_path / "copies"
    directory.mkdir()
    yield directory
    assert [path.name for path in directory.iterdir() if not path.name.startswith("copy")] == []
    assert [path.name for path in directory.iterdir() if "part" in path.name] == []


def quiet(_done: int, _total: int) -> None: ...


async def test_what_was_committed_is_in_the_copy_although_it_is_still_in_the_log(
    database: Path, copies: Path
) -> None:
    store = await open_store(f"sqlite:///{database}")
    await store.commit(tenants.add(tenant("before")))

    size = back_up(database, copies / "copy", progress=quiet)
    await store.commit(tenants.add(tenant("after")))
    await store.close()
    copied = await open_store(f"sqlite:///{copies / 'copy'}")
    found = [await copied.read(tenants.find(key)) for key in ("before", "after")]
    await copied.close()

    assert found == [tenant("before"), None]
    assert size == (copies / "copy").stat().st_size


def test_a_copy_is_one_file_for_its_owner_only(database: Path, copies: Path) -> None:
    before = os.umask(0)
    try:
        back_up(database, copies / "copy", progress=quiet)
    finally:
        os.umask(before)

    assert stat.S_IMODE((copies / "copy").stat().st_mode) == 0o600
    assert [path.name for path in copies.iterdir()] == ["copy"]
    with closing(sqlite3.connect(f"file:{copies / 'copy'}?immutable=1", uri=True)) as copy:
        assert copy.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_a_copy_is_of_one_moment_and_comes_to_its_end_however_much_is_written(
    database: Path, copies: Path
) -> None:
    # One page a step, and a write between any two: begun again for each, it would never end.
    steps: list[tuple[int, int]] = []
    writer = sqlite3.connect(database)
    writer.execute("PRAGMA journal_mode = WAL")

    def write(done: int, total: int) -> None:
        steps.append((done, total))
        assert len(steps) <= total + 1, "it began again"
        number = f"key{len(steps)}"
        writer.execute(
            "INSERT INTO tenants (api_key, name, version, created_at) VALUES (?, '', 1, 0)",
            [number],
        )
        writer.commit()

    with closing(writer):
        back_up(database, copies / "copy", progress=write, pages=1)

    totals = {total for _, total in steps}
    assert len(totals) == 1
    assert [done for done, _ in steps] == list(range(1, totals.pop() + 1))
    with closing(sqlite3.connect(copies / "copy")) as copy:
        assert copy.execute("SELECT count(*) FROM tenants").fetchone() == (0,)


def test_what_is_there_is_never_written_over(database: Path, copies: Path) -> None:
    (copies / "copy").write_text("the only good one")

    with pytest.raises(Conflict, match="is there already"):
        back_up(database, copies / "copy", progress=quiet)

    assert (copies / "copy").read_text() == "the only good one"


def test_a_name_that_is_taken_meanwhile_stays_whose_it_is(database: Path, copies: Path) -> None:
    def take(_done: int, _total: int) -> None:
        (copies / "copy").write_text("somebody else's")

    with pytest.raises(Conflict, match="made meanwhile"):
        back_up(database, copies / "copy", progress=take)

    assert (copies / "copy").read_text() == "somebody else's"


def test_two_backups_to_one_name_do_not_write_into_each_other(
    database: Path, copies: Path
) -> None:
    part = copies / "copy.part"
    part.write_text("half a copy")

    with pytest.raises(Conflict, match="another backup is writing it, or one was cut off"):
        back_up(database, copies / "copy", progress=quiet)

    assert part.read_text() == "half a copy"
    part.unlink()


def test_a_damaged_database_gives_no_copy(database: Path, copies: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'deliveries'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with database.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * 100)

    with pytest.raises(Unavailable, match="The copy is not sound, so there is none"):
        back_up(database, copies / "copy", progress=quiet)

    assert list(copies.iterdir()) == []


def test_what_is_no_database_of_ours_gives_no_copy(tmp_path: Path, copies: Path) -> None:
    letter, other = tmp_path / "letter", tmp_path / "other.sqlite3"
    letter.write_text("Dear Sir or Madam, " * 100)
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE of_somebody_else (x)")

    for file in (letter, other):
        with pytest.raises(Unavailable, match="cannot be copied"):
            back_up(file, copies / "copy", progress=quiet)
    with pytest.raises(NotFound, match="There is no database at"):
        back_up(tmp_path / "nothing", copies / "copy", progress=quiet)

    assert list(copies.iterdir()) == []


def test_a_backup_that_fails_in_the_middle_leaves_nothing(database: Path, copies: Path) -> None:
    def fail(_done: int, _total: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        back_up(database, copies / "copy", progress=fail)

    assert list(copies.iterdir()) == []
