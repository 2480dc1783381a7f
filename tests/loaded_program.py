"""A process that has loaded Jackfield, and becomes one `jackfield` after another by forking.

Loading takes a second of a processor, which every command of every test would pay for. What is
forked is a process like any other: its own id, environment, directory, standard files and signals;
it ends as an interpreter ends. `starting.py` is the other side.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path


def load() -> None:
    """Import what a command may import; no threads and no event loops come from that."""
    import jackfield  # noqa: PLC0415 - so that coverage begins first, where it measures

    for found in pkgutil.walk_packages(jackfield.__path__, "jackfield."):
        if (
            not found.name.startswith("jackfield.storage.migrations")
            and "__main__" not in found.name
        ):
            importlib.import_module(found.name)
    for name in (
        "alembic.command",
        "uvicorn.protocols.http.httptools_impl",
        "uvloop",
        "rich.table",
    ):
        importlib.import_module(name)
    # Or each program would look through all of it once more when it ends.
    gc.collect()
    gc.freeze()


def be_asked(listening: socket.socket) -> None:
    """Fork for whoever connects. Returns in each program, never in the one that waits.

    Whoever connects sends the arguments, the environment, the directory and three open files,
    and is told the process id, and how the process ended. It all ends when standard input does.
    """
    while True:
        ready, _, _ = select.select([listening, sys.stdin], [], [])
        if sys.stdin in ready:
            os._exit(0)
        connection, _ = listening.accept()
        with connection:
            order, files, _, _ = socket.recv_fds(connection, 1 << 20, 3)
            # The keeper waits for the program, so that this one need not.
            if os.fork() == 0:
                listening.close()
                if _keep(connection):
                    _become(json.loads(order), files)
                    return
            for file in files:
                os.close(file)


def _keep(connection: socket.socket) -> bool:
    """Fork the program, where this returns True; tell how it ended, and end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    program = os.fork()
    if program == 0:
        connection.close()
        return True
    os.closerange(3, connection.fileno())
    os.closerange(connection.fileno() + 1, 256)
    connection.sendall(b"%d\n" % program)
    _, status = os.waitpid(program, 0)
    with suppress(OSError):  # whoever asked may be gone
        connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(order: dict[str, object], files: list[int]) -> None:
    """Take on what was ordered: nothing of the process that waited is left to see."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    environ, arguments = order["environ"], order["arguments"]
    assert isinstance(environ, dict)
    assert isinstance(arguments, list)
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(str(order["directory"]))
    # What is printed to be pasted names the program by its place.
    sys.argv = [str(Path(sys.executable).with_name("jackfield")), *arguments]
    # Made anew, as an interpreter makes them: a terminal's are buffered by the line.
    sys.stdin = open(0, errors=sys.stdin.errors, closefd=False)  # noqa: SIM115 - it stays open
    sys.stdout = open(1, "w", errors=sys.stdout.errors, closefd=False)  # noqa: SIM115 - the same
    sys.stderr = open(2, "w", errors="backslashreplace", closefd=False)  # noqa: SIM115 - the same
    sys.stderr.reconfigure(line_buffering=True)


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    load()
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(sys.argv[1])
        door.listen()
        Path(sys.argv[1] + ".ready").touch()
        be_asked(door)
    from jackfield.cli import main

    main()
