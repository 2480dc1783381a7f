"""Starts `jackfield` as a process of its own, forked from one that has loaded it."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

LOADED = Path(__file__).with_name("loaded_program.py")


class Started:
    """A `jackfield` that was started; it may be signalled and waited for."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._heard = b""
        self.pid = self._number(timeout=60)
        self.returncode: int | None = None

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Tell it to stop."""
        self.send_signal(signal.SIGTERM)

    def poll(self) -> int | None:
        """Return how it ended, or None while it runs."""
        try:
            return self.wait(0)
        except TimeoutError:
            return None

    def wait(self, timeout: float) -> int:
        """Wait until it is gone, and return its exit code, or its signal below zero.

        Raises TimeoutError when it still runs after `timeout` seconds.
        """
        if self.returncode is None:
            self.returncode = self._number(timeout=timeout)
            self._connection.close()
        return self.returncode

    def _number(self, *, timeout: float) -> int:
        """Return the next number that its keeper says: its id, and then how it ended."""
        self._connection.settimeout(timeout)
        while b"\n" not in self._heard:
            try:
                heard = self._connection.recv(64)
            except BlockingIOError:
                raise TimeoutError from None
            assert heard, "the keeper is gone"
            self._heard += heard
        number, self._heard = self._heard.split(b"\n", 1)
        return int(number)


def start(
    arguments: Sequence[str],
    *,
    environ: Mapping[str, str],
    directory: Path,
    files: tuple[int, int, int],
) -> Started:
    """Start `jackfield` with these arguments; `files` are its standard input, output and error."""
    order = {"arguments": arguments, "environ": dict(environ), "directory": str(directory)}
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(_door()))
    socket.send_fds(connection, [json.dumps(order).encode()], files)
    return Started(connection)


@cache
def _door() -> Path:
    """Return where the loaded process listens; it ends with this one."""
    place = Path(tempfile.mkdtemp(prefix="jackfield-loaded-"))
    door = place / "door"
    # As bare as what is started: a C locale, which Python takes for UTF-8.
    environ = {name: os.environ[name] for name in os.environ if name == "PATH" or _measures(name)}
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, LOADED, door], env=environ, stdin=subprocess.PIPE
    )

    def end() -> None:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(60)
        shutil.rmtree(place)

    atexit.register(end)
    while not door.with_name("door.ready").exists():
        assert process.poll() is None, "what was to be loaded cannot be"
        time.sleep(0.01)
    return door


def _measures(name: str) -> bool:
    return name.startswith("COVERAGE")
