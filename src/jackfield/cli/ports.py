"""Takes a port, or says in words why it cannot be had."""

from __future__ import annotations

import errno
import socket

from jackfield.problems import Unavailable

_BACKLOG = 2048
"""Connections that may wait to be taken; the system allows fewer if it likes."""

_REASONS = {
    errno.EADDRINUSE: "is in use by another program; choose another with --port, 0 for a free one",
    errno.EACCES: "may not be used by this user; choose one from 1024 with --port",
    errno.EADDRNOTAVAIL: "cannot be used: the address is not one of this machine's",
}


def bind(host: str, port: int) -> socket.socket:
    """Return a socket bound to `host` and `port`, not listening yet.

    Raises Unavailable, which says what to do, when it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise _unavailable(error, host=host, port=port) from error
    return bound


def listen(bound: socket.socket) -> None:
    """Let connections come, which wait until somebody takes them; twice is as good as once.

    Several may bind a port while nobody listens there, and only one of them can listen. Raises
    Unavailable, and closes the socket, where that was another: the event loop would say nothing.
    """
    host, port = bound.getsockname()[:2]
    try:
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        raise _unavailable(error, host=host, port=port) from error


def _unavailable(error: OSError, *, host: str, port: int) -> Unavailable:
    reason = _REASONS.get(error.errno or 0, f"cannot be used: {error.strerror}")
    return Unavailable(f"Port {port} on {host} {reason}.")
