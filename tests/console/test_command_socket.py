"""The command socket: who may connect, what is said, and what when one side is gone."""

from __future__ import annotations

import asyncio
import socket
import stat
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway import Doors, opened
from jackfield.app import Gateway
from jackfield.console import socket_place, wire
from jackfield.console.commands import COMMANDS, Command
from jackfield.console.listener import Listener
from jackfield.console.operator import ask, operate
from jackfield.console.orders import CreateTenant, TenantCreated
from jackfield.problems import Conflict, Invalid, OutcomeUnknown, Problem, TooLarge
from jackfield.settings import Settings
from jackfield.storage.opening import DataDirectoryLock, InUseError


@pytest.fixture
async def doors(sqlite_url: str) -> AsyncIterator[Doors]:
    """A gateway on SQLite, where the command socket is."""
    async with opened(sqlite_url) as doors:
        yield doors


@asynccontextmanager
async def listening(
    doors: Doors,
    directory: Path,
    commands: Mapping[str, Command[Any, Any]] = COMMANDS,
) -> AsyncIterator[None]:
    """Answer commands on the socket in `directory`."""
    listener = Listener(doors.gateway, directory, commands=commands)
    await listener.start()
    try:
        yield
    finally:
        await listener.close()


def question(command: str, arguments: object) -> wire.Question:
    return wire.Question(command, msgspec.Raw(msgspec.json.encode(arguments)))


async def create(directory: Path, **members: str) -> TenantCreated:
    """Ask the server for a tenant, from another thread as another process would."""
    asked = await asyncio.to_thread(ask, directory, question("tenants.create", members))
    assert asked is not None
    return msgspec.json.decode(asked, type=TenantCreated)


async def test_a_command_is_done_by_the_server_that_listens(doors: Doors, tmp_path: Path) -> None:
    async with listening(doors, tmp_path):
        made = await create(tmp_path, name="Acme", api_key="acme")

    found = await doors.gateway.store.read(doors.gateway.tenants.find(made.api_key))
    assert found is not None
    assert found.name == "Acme"


async def test_only_this_user_may_connect(doors: Doors, tmp_path: Path) -> None:
    async with listening(doors, tmp_path):
        mode = tmp_path.joinpath(socket_place.SOCKET).stat().st_mode

    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


async def test_a_socket_works_however_long_its_path_is(doors: Doors, tmp_path: Path) -> None:
    directory = tmp_path / ("long" * 40) / ("longer" * 30)
    directory.mkdir(parents=True)

    async with listening(doors, directory):
        made = await create(directory, name="Acme")

    assert made.name == "Acme"


async def test_what_a_killed_server_left_is_no_server_and_no_obstacle(
    doors: Doors,
    tmp_path: Path,
) -> None:
    left = socket_place.bind(tmp_path)
    left.close()

    assert ask(tmp_path, question("tenants.create", {"name": "Acme"})) is None
    async with listening(doors, tmp_path):
        made = await create(tmp_path, name="Acme")

    assert made.name == "Acme"
    assert not tmp_path.joinpath(socket_place.SOCKET).exists()


async def test_a_problem_travels_with_its_kind_and_its_words(doors: Doors, tmp_path: Path) -> None:
    async with listening(doors, tmp_path):
        await create(tmp_path, name="Acme", api_key="acme")

        with pytest.raises(Conflict, match="The API key acme is taken"):
            await create(tmp_path, name="Acme", api_key="acme")
        with pytest.raises(Invalid) as caught:
            await create(tmp_path, name="Acme", api_key="a b")

    assert [each.name for each in caught.value.parameters] == ["api_key"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (question("tenants.destroy", {}), "knows no command tenants.destroy"),
        (question("tenants.create", {}), "missing required field `name`"),
        (question("tenants.create", {"name": "Acme", "colour": 1}), "unknown field `colour`"),
        (question("tenants.create", ["Acme"]), "Expected `object`"),
    ],
)
async def test_what_the_server_does_not_understand_it_says(
    doors: Doors,
    tmp_path: Path,
    asked: wire.Question,
    said: str,
) -> None:
    async with listening(doors, tmp_path):
        with pytest.raises(Invalid, match=said):
            await asyncio.to_thread(ask, tmp_path, asked)


async def test_a_line_beyond_the_limit_is_refused_at_both_ends(
    doors: Doors,
    tmp_path: Path,
) -> None:
    long = question("tenants.create", {"name": "x" * wire.LINE_LIMIT})
    async with listening(doors, tmp_path):
        with pytest.raises(TooLarge):
            await asyncio.to_thread(ask, tmp_path, long)
        answer = await asyncio.to_thread(say, tmp_path, wire.line(long))

    assert answer.problem is not None
    assert answer.problem.kind == "too-large"


@pytest.mark.parametrize("line", [b"\n", b"not json\n", b"\xff\n", b"{}\n", b"[]\n"])
async def test_noise_is_answered_and_harms_nobody(
    doors: Doors,
    tmp_path: Path,
    line: bytes,
) -> None:
    async with listening(doors, tmp_path):
        answer = await asyncio.to_thread(say, tmp_path, line)
        made = await create(tmp_path, name="Acme")

    assert answer.problem is not None
    assert answer.problem.kind == "invalid"
    assert made.name == "Acme"


async def test_a_bug_in_a_command_is_told_without_its_insides(
    doors: Doors,
    tmp_path: Path,
) -> None:
    async def broken(_: Gateway, __: CreateTenant) -> None:
        raise RuntimeError("insides")

    commands = {"tenants.create": Command(CreateTenant, broken)}
    async with listening(doors, tmp_path, commands):
        with pytest.raises(Problem, match="its log says why") as caught:
            await create(tmp_path, name="Acme")

    assert "insides" not in str(caught.value)


async def test_a_server_that_goes_away_unanswering_leaves_the_outcome_unknown(
    tmp_path: Path,
) -> None:
    with socket_place.bind(tmp_path) as bound:
        bound.listen()
        asking = asyncio.create_task(create(tmp_path, name="Acme"))
        connection, _ = await asyncio.to_thread(bound.accept)
        await asyncio.to_thread(connection.recv, 1024)
        connection.close()

        with pytest.raises(OutcomeUnknown, match="look whether it was done"):
            await asking


async def test_a_question_that_was_taken_is_answered_although_the_server_ends(
    doors: Doors,
    tmp_path: Path,
) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def slow(_: Gateway, order: CreateTenant) -> str:
        begun.set()
        await may_end.wait()
        return order.name

    listener = Listener(
        doors.gateway,
        tmp_path,
        commands={"slow": Command(CreateTenant, slow)},
    )
    await listener.start()
    asked = asyncio.create_task(
        asyncio.to_thread(ask, tmp_path, question("slow", {"name": "Acme"})),
    )
    await begun.wait()

    closing = asyncio.create_task(listener.close())
    await asyncio.sleep(0)
    may_end.set()
    await closing

    assert await asked == b'"Acme"'


def test_without_a_server_the_command_is_done_here(tmp_path: Path) -> None:
    settings = Settings.from_environment({}, data=tmp_path / "new")

    made = operate(settings, "tenants.create", CreateTenant(name="Acme"), gives=TenantCreated)
    again = operate(settings, "tenants.create", CreateTenant(name="Acme"), gives=TenantCreated)

    assert made.api_key != again.api_key
    DataDirectoryLock(tmp_path / "new").release()


def test_two_data_directories_cannot_open_one_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shared.sqlite3"
    ours = Settings.from_environment({}, data=tmp_path / "ours", database_url=url)
    theirs = Settings.from_environment({}, data=tmp_path / "theirs", database_url=url)

    held = socket_place.held_directory(ours)

    assert held == socket_place.held_directory(theirs) == tmp_path.resolve()
    lock = DataDirectoryLock(tmp_path)
    with pytest.raises(InUseError, match="is in use by another Jackfield"):
        DataDirectoryLock(tmp_path)
    lock.release()


def say(directory: Path, line: bytes) -> wire.Answer:
    """Send bytes as no client of ours would, and return the answer."""
    connected = socket_place.connect(directory, timeout=20)
    assert connected is not None
    with connected:
        connected.sendall(line)
        connected.shutdown(socket.SHUT_WR)
        with connected.makefile("rb") as answers:
            return msgspec.json.decode(answers.readline(), type=wire.Answer)
