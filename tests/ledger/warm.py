"""A parent that has imported everything, and forks a child for each run of `jackfield`.

`python -m ledger.warm FD` serves one socket: a message names the arguments and the environment
of a command and brings two descriptors for its output. A child of it differs from a process
that was started anew in one thing only: Python's modules are loaded already. It was never
anything but the interpreter that imported them; it opens its own files, makes its own loop and
its own keys, and its `main` is the one that `jackfield` runs. Where that is not enough, a cold
child replaces itself by `python -m jackfield`.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout, suppress
from importlib import import_module
from io import StringIO
from typing import Any

from jackfield.cli import commands, main

_LATE = (
    "alembic.command",
    "jackfield.cli.front",
    "jackfield.cli.serving",
    "jackfield.console.operator",
    "uvicorn.protocols.http.httptools_impl",
)
LARGEST = 1 << 17
"""Bytes of one message; an environment is a few thousand."""


def serve(control: socket.socket) -> None:
    """Fork a child for each message; tell its pid, and later how it ended. Ends with the socket.

    A descriptor of the child goes along, so that no signal ever meets another process. In a
    child this returns nothing: it ends as `jackfield` does.
    """
    selector = selectors.DefaultSelector()
    selector.register(control, selectors.EVENT_READ, 0)
    children: dict[int, int] = {}
    while True:
        for key, _ in selector.select():
            if key.fileobj is not control:
                selector.unregister(key.fileobj)
                pid = key.data
                os.close(children.pop(pid))
                _tell(control, pid=pid, ended=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
                continue
            message, descriptors, _, _ = socket.recv_fds(control, LARGEST, 2)
            if not message:
                for pid in children:
                    os.kill(pid, signal.SIGKILL)
                return
            pid = os.fork()
            if not pid:
                become(json.loads(message), *descriptors)
                return
            for descriptor in descriptors:
                os.close(descriptor)
            children[pid] = os.pidfd_open(pid)
            selector.register(children[pid], selectors.EVENT_READ, pid)
            _tell(control, [children[pid]], pid=pid)


def become(order: dict[str, Any], out: int, err: int) -> None:
    """Be the program: its arguments, its environment, its output, and nothing of the parent's."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.closerange(3, 1024)
    os.environ.clear()
    os.environ.update(order["environ"])
    if order["is_cold"]:
        program = [sys.executable, "-m", "jackfield", *order["arguments"]]
        os.execve(program[0], program, os.environ)  # noqa: S606 -- there is none to be had
    sys.argv = ["jackfield", *order["arguments"]]
    if order["defect"]:
        from ledger import defects  # noqa: PLC0415 -- only where one is planted

        defects.plant(order["defect"])
    main()


def prepare() -> None:
    """Import all that `serve` and the commands need, also what they import late."""
    for name in _LATE:
        import_module(name)
    with suppress(SystemExit), redirect_stdout(StringIO()):
        commands()(["settings"])  # the command line loads what it needs when it runs
    gc.collect()
    gc.freeze()


def _tell(control: socket.socket, descriptors: Sequence[int] = (), **what: int) -> None:
    socket.send_fds(control, [json.dumps(what).encode()], descriptors)


if __name__ == "__main__":
    prepare()
    serve(socket.socket(fileno=int(sys.argv[1])))
