"""A small disk for one installation, and how it gets full."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ledger.engines import Engine
from ledger.installation import Installation

_SIZE: Final = "64m"


def can_be_small() -> bool:
    """Return whether this machine lets us mount a disk of a size of our own."""
    return os.geteuid() == 0 and shutil.which("mount") is not None and _mounts()


async def on_a_small_one(engine: Engine) -> Installation:
    """Return a furnished installation whose data directory is a disk of its own."""
    made = await engine.copy()
    kept = made.file.read_bytes()
    _run("mount", "-t", "tmpfs", "-o", f"size={_SIZE},mode=700", "ledger", made.file.parent)
    made.file.write_bytes(kept)
    return made


def unmount(installation: Installation) -> None:
    """Take the disk away, with all that is on it."""
    _run("umount", installation.file.parent)


@contextmanager
def filled(installation: Installation) -> Iterator[None]:
    """Leave no byte free on the installation's disk."""
    filler = installation.file.parent / "filler"
    with filler.open("wb", buffering=0) as file:
        piece = b"." * (1 << 16)
        while piece:
            try:
                file.write(piece)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                piece = piece[: len(piece) // 2]
        try:
            yield
        finally:
            filler.unlink()


def _mounts() -> bool:
    place = Path(tempfile.mkdtemp())
    try:
        _run("mount", "-t", "tmpfs", "-o", "size=1m", "ledger", place)
    except subprocess.CalledProcessError:
        return False
    else:
        _run("umount", place)
        return True
    finally:
        place.rmdir()


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True)
