"""`jackfield backup` as a person runs it: what it says, and what it refuses."""

from __future__ import annotations

from pathlib import Path

from cli.programs import Programs


def test_a_copy_is_made_and_the_key_is_spoken_of(programs: Programs, tmp_path: Path) -> None:
    data = tmp_path / "data"
    programs.run("tenants", "create", "Acme", "--data", str(data))

    made = programs.run("backup", str(tmp_path / "copy"), "--data", str(data))
    again = programs.run("backup", str(tmp_path / "copy"), "--data", str(data))

    assert made.code == 0
    assert made.out.startswith(f"The database is copied to {tmp_path / 'copy'} (0.")
    assert made.err == (
        f"The key is not in it: keep {data / 'jackfield.key'} too, and not beside the copy.\n"
    )
    assert (data / "jackfield.key").read_bytes().strip() not in (tmp_path / "copy").read_bytes()
    assert (again.code, again.out) == (1, "")
    assert "is there already" in again.err


def test_without_a_database_nothing_is_made(programs: Programs, tmp_path: Path) -> None:
    ended = programs.run("backup", str(tmp_path / "copy"), "--data", str(tmp_path / "data"))

    assert ended.code == 1
    assert ended.err.startswith("jackfield: There is no database at ")
    assert not (tmp_path / "data").exists()


def test_a_directory_that_is_not_there_is_named(programs: Programs, tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    programs.run("tenants", "create", "Acme", "--data", data)

    ended = programs.run("backup", str(tmp_path / "nowhere" / "copy"), "--data", data)

    assert ended.code == 1
    assert ended.err == (
        f"jackfield: There is no directory {tmp_path / 'nowhere'}: make it first.\n"
    )


def test_postgresql_is_left_to_its_own_tool(programs: Programs, tmp_path: Path) -> None:
    programs.environ["JACKFIELD_DATABASE_URL"] = "postgresql://db.example/jackfield"

    ended = programs.run("backup", str(tmp_path / "copy"))

    assert ended.code == 1
    assert "pg_dump --format=custom" in ended.err
    assert "JACKFIELD_MASTER_KEY" in ended.err
