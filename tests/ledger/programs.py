"""Starts programs of an installation, each a child of a parent that is warm already."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from ledger.warm import LARGEST

_TESTS = str(Path(__file__).parent.parent)


@dataclass(eq=False)
class Program:
    """A running program: its output, its end."""

    descriptor: int
    output: asyncio.StreamReader
    ending: asyncio.Future[int] = field(default_factory=asyncio.Future)

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.ending.done()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        if not self.is_over:
            with suppress(ProcessLookupError):  # it ended just now, and we shall hear of it
                signal.pidfd_send_signal(self.descriptor, number)

    async def ended(self, *, seconds: float = 60) -> int:
        """Wait until it is gone, and return how: an exit status, or minus a signal's number."""
        async with asyncio.timeout(seconds):
            return await asyncio.shield(self.ending)


class WarmParent:
    """Our end of the socket; see `ledger.warm`."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None
        self._programs: dict[int, Program] = {}
        self._begun: asyncio.Queue[Program] = asyncio.Queue()
        self._one_at_a_time = asyncio.Lock()

    @classmethod
    async def start(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Start it; `environ` is added to its own environment (a preloaded library, say)."""
        self = cls()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(0)
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "ledger.warm",
                str(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": _paths(), **(environ or {})},
            )
        self._control = ours
        asyncio.get_running_loop().add_reader(ours, self._listen)
        return self

    async def run(
        self,
        *arguments: str,
        environ: Mapping[str, str],
        log: Path,
        defect: str | None = None,
        is_cold: bool = False,
    ) -> Program:
        """Start `jackfield` with these arguments; what it logs is added to the file `log`.

        A cold one shares nothing with the parent.
        """
        assert self._control is not None
        readable, writable = os.pipe()
        err = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        order = {
            "arguments": arguments,
            "environ": dict(environ),
            "defect": defect,
            "is_cold": is_cold,
        }
        try:
            async with self._one_at_a_time:
                socket.send_fds(self._control, [json.dumps(order).encode()], [writable, err])
                async with asyncio.timeout(60):
                    program = await self._begun.get()
        finally:
            os.close(writable)
            os.close(err)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(program.output), os.fdopen(readable, "rb")
        )
        return program

    async def close(self) -> None:
        """End it, and with it whatever it still runs."""
        assert self._control is not None
        assert self._process is not None
        asyncio.get_running_loop().remove_reader(self._control)
        self._control.close()
        await self._process.wait()

    def _listen(self) -> None:
        assert self._control is not None
        while True:
            try:
                message, descriptors, _, _ = socket.recv_fds(self._control, LARGEST, 1)
            except BlockingIOError:
                return
            if not message:  # it has died; whoever waits for its children would wait for ever
                asyncio.get_running_loop().remove_reader(self._control)
                return
            told = json.loads(message)
            if "ended" in told:
                program = self._programs.pop(told["pid"])
                os.close(program.descriptor)
                program.ending.set_result(told["ended"])
            else:
                program = Program(descriptors[0], asyncio.StreamReader())
                self._programs[told["pid"]] = program
                self._begun.put_nowait(program)


def _paths() -> str:
    """Return where modules are looked for: the sources under test may come from there too."""
    return os.pathsep.join(filter(None, [_TESTS, os.environ.get("PYTHONPATH")]))
