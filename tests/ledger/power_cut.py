"""SQLite on a machine that is switched off: what was written and not synchronised is gone."""

from __future__ import annotations

import asyncio
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Final

from ledger.applications import Applications
from ledger.engines import Sqlite
from ledger.installation import Installation
from ledger.programs import WarmParent

_SOURCE: Final = Path(__file__).with_name("power_cut.c")
_RECORD: Final = struct.Struct("=QQQ")


def compiler() -> str | None:
    """Return a C compiler, or None where there is none and power cannot be cut."""
    return shutil.which("cc")


class SqliteOnPower(Sqlite):
    """SQLite under a library that remembers what was there before each write."""

    async def open(self, receivers: Applications) -> None:
        """See `Engine.open`."""
        library = self.directory / "power_cut.so"
        await asyncio.to_thread(_compile, library)
        self.warm = await WarmParent.start({"LD_PRELOAD": str(library)})
        await super().open(receivers)

    async def close(self) -> None:
        """See `Engine.close`."""
        await self.warm.close()

    async def cut_power(self, installation: Installation) -> None:
        """See `Engine.cut_power`."""
        for file in installation.file.parent.glob("*.undo"):
            undo(file.with_suffix(""), file)


def _compile(library: Path) -> None:
    command = [compiler() or "cc", "-shared", "-fPIC", "-O2", "-o", *map(str, (library, _SOURCE))]
    subprocess.run(command, check=True)


def undo(file: Path, record: Path) -> int:
    """Take back every write to `file` that `record` has, the newest first; return how many."""
    kept = record.read_bytes()
    writes: list[tuple[int, bytes, int]] = []
    at = 0
    while at + _RECORD.size <= len(kept):
        offset, length, size = _RECORD.unpack_from(kept, at)
        at += _RECORD.size
        if at + length > len(kept):
            break  # the process died while it noted this, so it never wrote it
        writes.append((offset, kept[at : at + length], size))
        at += length
    with file.open("r+b") as opened:
        for offset, before, size in reversed(writes):
            opened.seek(offset)
            opened.write(before)
            opened.truncate(size)
    record.unlink()
    return len(writes)
