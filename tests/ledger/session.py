"""Everything that accounts are taken with, opened when it is asked for and closed in the end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from ledger.applications import Applications
from ledger.campaign import Fault
from ledger.engines import Engine, Postgres, Sqlite
from ledger.logs import Ticks
from ledger.power_cut import SqliteOnPower
from ledger.programs import WarmParent
from ledger.run import Taken, take


class Session:
    """The applications, and each engine once; use it in one event loop."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="jackfield-ledger-"))
        self._ticks = Ticks()
        self._receivers = Applications(self._ticks)
        self._engines: dict[type[Engine], Engine] = {}
        self._warm: WarmParent | None = None
        self._is_kept = False

    async def __aenter__(self) -> Self:
        await self._receivers.__aenter__()
        self._warm = await WarmParent.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for engine in self._engines.values():
            await engine.close()
        assert self._warm is not None
        await self._warm.close()
        await self._receivers.__aexit__()
        if not self._is_kept:
            shutil.rmtree(self.directory)

    async def take(
        self,
        faults: Sequence[Fault],
        *,
        engine: str,
        first_seed: int,
        defect: str | None = None,
        drain: float = 60,
        is_cold: bool = False,
    ) -> Taken:
        """Take one account of a run under each fault in turn, on `sqlite` or `postgres`."""
        kind: type[Engine] = Postgres
        if engine == Sqlite.name:
            is_on_power = any(fault.needs_power_cuts for fault in faults)
            kind = SqliteOnPower if is_on_power else Sqlite
        self._is_kept, was_kept = True, self._is_kept  # should it break, everything is to be seen
        taken = await take(
            faults,
            engine=await self._opened(kind),
            receivers=self._receivers,
            ticks=self._ticks,
            first_seed=first_seed,
            defect=defect,
            drain=drain,
            is_cold=is_cold,
        )
        self._is_kept = was_kept or taken.kept is not None
        return taken

    async def _opened(self, kind: type[Engine]) -> Engine:
        if kind not in self._engines:
            assert self._warm is not None
            self._engines[kind] = made = kind(self.directory, self._warm)
            await made.open(self._receivers)
        return self._engines[kind]
