"""The operator's end: hands a command to the process that may write, or becomes that process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from jackfield.console import socket_place, wire
from jackfield.console.orders import Order
from jackfield.problems import NotFound, OutcomeUnknown, TooLarge
from jackfield.settings import Settings

Result = TypeVar("Result")

_BEGINNING = frozenset({"tenants.create", "provider-apps.add"})
"""What may begin a database, as it needs nothing to be there. Any other command that finds none
was pointed at a wrong place, where it would say of an empty database that all is well."""

_PATIENCE = 20.0
"""Seconds to wait for a directory that somebody holds without listening: while a server starts
or ends, or another command runs."""

_LOCK = "jackfield.lock"
"""Is in every directory that somebody holds, or held; see `storage.opening`."""

_ANSWER_WITHIN = 60.0
_LOOK_AGAIN = 0.05


def operate(
    settings: Settings,
    command: str,
    order: Order,
    *,
    gives: type[Result],
    before_here: Callable[[], None] = lambda: None,
) -> Result:
    """Have `command` done, and return what it gives.

    On SQLite the running server does it, if there is one; else, and on PostgreSQL, this process,
    which calls `before_here` first.
    Raises what the command raises, NotFound where there is no SQLite file and the command may not
    begin one, `InUseError` where the data directory is held by somebody who does not answer, and
    OutcomeUnknown where the server went away after it was asked.
    """
    question = wire.Question(command, msgspec.Raw(msgspec.json.encode(order)))
    directory = socket_place.held_directory(settings)

    def here() -> bytes:
        _expect_database(settings, command)
        before_here()
        return asyncio.run(_do(settings, question))

    if directory is not None and not directory.joinpath(_LOCK).exists():
        # Nobody has it who might be about to begin one, and to look for somebody would make files.
        _expect_database(settings, command)
    answer = here() if directory is None else _where_possible(question, directory, here)
    return msgspec.json.decode(answer, type=gives)


def _expect_database(settings: Settings, command: str) -> None:
    file = settings.sqlite_file
    if file is not None and command not in _BEGINNING and not file.is_file():
        raise NotFound(f"There is no database at {file}; which one is meant, say with --data.")


def _where_possible(question: wire.Question, directory: Path, here: Callable[[], bytes]) -> bytes:
    give_up = time.monotonic() + _PATIENCE
    while True:
        asked = ask(directory, question)
        if asked is not None:
            return asked
        # The database's libraries are not needed, nor waited for, where a server answers.
        from jackfield.storage.opening import DataDirectoryLock, InUseError  # noqa: PLC0415

        try:
            lock = DataDirectoryLock(directory)
        except InUseError:
            if time.monotonic() > give_up:
                raise
            time.sleep(_LOOK_AGAIN)
            continue
        try:
            return here()
        finally:
            lock.release()


def ask(directory: Path, question: wire.Question) -> bytes | None:
    """Return the JSON that the server of `directory` answers, or None when none listens."""
    text = wire.line(question)
    if len(text) > wire.LINE_LIMIT:
        raise TooLarge("The command is too long.")
    connected = socket_place.connect(directory, timeout=_ANSWER_WITHIN)
    if connected is None:
        return None
    with connected, connected.makefile("rb") as answers:
        try:
            connected.sendall(text)
            line = answers.readline(wire.ANSWER_LIMIT)
        except (TimeoutError, ConnectionError):
            line = b""
    if not line.endswith(b"\n"):
        raise OutcomeUnknown(
            "The server went away before it answered; look whether it was done "
            "before you do it again.",
        )
    answer = msgspec.json.decode(line, type=wire.Answer)
    if answer.problem is not None:
        wire.raise_failure(answer.problem)
    return bytes(answer.result)


async def _do(settings: Settings, question: wire.Question) -> bytes:
    # As above: the whole gateway is loaded only by the process that needs one.
    from jackfield.app import build  # noqa: PLC0415
    from jackfield.console.listener import answer  # noqa: PLC0415

    gateway = await build(settings)
    try:
        return msgspec.json.encode(await answer(gateway, msgspec.json.encode(question)))
    finally:
        await gateway.close()
