"""Where the command socket is, and how to get there although its path may be too long.

The address of a unix socket has room for 108 bytes (104 elsewhere), a data directory's path may
have thousands. So both sides go through a symbolic link in a directory of their own with a
short path, which is there only while they bind or connect; the socket itself is always
`jackfield.socket` in the data directory.
"""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jackfield.settings import Settings

SOCKET = "jackfield.socket"

_ROOM = 100
"""Bytes that fit into an address on every system, with some to spare."""


def held_directory(settings: Settings) -> Path | None:
    """Return the directory that one process at a time may hold; None on PostgreSQL.

    It is where the SQLite file is, wherever `data` points: two servers on one file would be two
    writers.
    """
    file = settings.sqlite_file
    return None if file is None else file.resolve().parent


def bind(directory: Path) -> socket.socket:
    """Return a bound socket that only this user may connect to.

    Whoever calls this holds the directory: what is there was left by a process that was killed.
    """
    path = directory / SOCKET
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short(path) as address:
            bound.bind(address)
        # Nobody can connect before it listens, so there is no moment to slip in.
        path.chmod(0o600)
    except BaseException:
        bound.close()
        raise
    return bound


def connect(directory: Path, *, timeout: float) -> socket.socket | None:
    """Return a socket connected to the server of `directory`, or None when none listens."""
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connected.settimeout(timeout)
    try:
        with _short(directory / SOCKET) as address:
            connected.connect(address)
    except (FileNotFoundError, ConnectionRefusedError):
        connected.close()
        return None
    except BaseException:
        connected.close()
        raise
    return connected


@contextmanager
def _short(path: Path) -> Iterator[str]:
    if len(bytes(path)) <= _ROOM:
        yield str(path)
        return
    # Not where TMPDIR points: that may be long too.
    with tempfile.TemporaryDirectory(prefix="jackfield-", dir="/tmp") as own:
        link = Path(own, "data")
        link.symlink_to(path.parent)
        yield str(link / path.name)
