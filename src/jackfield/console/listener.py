"""The server's end of the command socket."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import structlog

from jackfield.app import Gateway
from jackfield.console import socket_place, wire
from jackfield.console.commands import COMMANDS, Command
from jackfield.problems import Invalid, Problem, TooLarge

log = structlog.get_logger()

_PATIENCE = 10.0
"""Seconds for a question to arrive, and for the last answers when the server stops."""


class Listener:
    """Answers operators on the socket of the data directory, one question a connection."""

    def __init__(
        self,
        gateway: Gateway,
        directory: Path,
        *,
        commands: Mapping[str, Command[Any, Any]] = COMMANDS,
    ) -> None:
        """`directory` is held by this process."""
        self._gateway = gateway
        self._directory = directory
        self._commands = commands
        self._server: asyncio.Server | None = None
        self._running: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Listen."""
        bound = socket_place.bind(self._directory)
        self._server = await asyncio.start_unix_server(
            self._converse,
            sock=bound,
            limit=wire.LINE_LIMIT,
        )

    async def close(self) -> None:
        """Take no more questions, and answer those that were taken."""
        if self._server is None:
            return
        self._server.close()
        self._directory.joinpath(socket_place.SOCKET).unlink(missing_ok=True)
        if self._running:
            await asyncio.wait(self._running, timeout=_PATIENCE)

    async def _converse(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a callback of the server runs in a task
        self._running.add(task)
        try:
            answer = await self._answer(reader)
            writer.write(wire.line(answer))
            await writer.drain()
        except (ConnectionError, TimeoutError):
            log.info("command.caller_gone")
        finally:
            self._running.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> wire.Answer:
        try:
            async with asyncio.timeout(_PATIENCE):
                question = await reader.readline()
        except ValueError:  # the reader's word for a line beyond its limit
            return wire.Answer(problem=wire.failure(TooLarge("The command is too long.")))
        try:
            result = await answer(self._gateway, question, commands=self._commands)
        except Problem as problem:
            return wire.Answer(problem=wire.failure(problem))
        except Exception:
            log.exception("command.failed")
            detail = "The server failed while doing this; its log says why."
            return wire.Answer(problem=wire.Failure("problem", detail))
        return wire.Answer(result=msgspec.Raw(msgspec.json.encode(result)))


async def answer(
    gateway: Gateway,
    question: bytes,
    *,
    commands: Mapping[str, Command[Any, Any]] = COMMANDS,
) -> object:
    """Do what `question`, a `wire.Question` in JSON, asks for, and return what it gives.

    Raises what the command raises, and Invalid for a question that cannot be understood, which
    is how a server and a command of two different versions find out.
    """
    try:
        asked = msgspec.json.decode(question, type=wire.Question)
        command = commands[asked.command]
        arguments = msgspec.json.decode(asked.arguments, type=command.takes)
    except KeyError:
        raise Invalid(detail=f"This server knows no command {asked.command}.") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Invalid(detail=f"The command cannot be understood: {error}.") from None
    return await command.run(gateway, arguments)
