"""All faults by name: kills at points, and what else may happen to a gateway and around it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM
from typing import Final

from ledger import disk, manners
from ledger.campaign import Campaign, Fault, Run
from ledger.engines import Engine, Postgres
from ledger.installation import Installation
from ledger.manners import Manner, Manners
from ledger.points import POINTS, Upgrading


class Killed(Fault):
    """SIGKILL at any moment."""

    name = "killed"

    async def strike(self, run: Run) -> None:
        """See `Fault`."""
        await asyncio.sleep(run.random.uniform(0.02, 0.5))
        run.has_struck = True
        run.program.signal(SIGKILL)


class PowerCut(Fault):
    """K18: the machine is switched off; whatever was not synchronised is gone."""

    name = "power-cut"
    needs_power_cuts = True

    async def strike(self, run: Run) -> None:
        """See `Fault`."""
        await asyncio.sleep(run.random.uniform(0.05, 0.6))
        run.has_struck = True
        run.program.signal(SIGKILL)

    async def afterwards(self, campaign: Campaign) -> None:
        """See `Fault`."""
        await campaign.engine.cut_power(campaign.installation)


class Stopped(Fault):
    """SIGTERM in the middle: it drains, so nothing is repeated."""

    name = "stopped"

    async def strike(self, run: Run) -> None:
        """See `Fault`."""
        await asyncio.sleep(run.random.uniform(0.05, 0.5))
        run.has_struck = True
        run.program.signal(SIGTERM)
        await run.program.ended()


class Frozen(Fault):
    """SIGSTOP for some seconds, as a machine that swaps or a virtual one that is moved."""

    chunk = 5

    def __init__(self, name: str, seconds: float, *, excuse: str | None = None) -> None:
        self.name = name
        self._seconds = seconds
        self._excuse = excuse

    async def strike(self, run: Run) -> None:
        """See `Fault`."""
        await asyncio.sleep(run.random.uniform(0.02, 0.3))
        run.program.signal(SIGSTOP)
        run.generation.excuse = self._excuse
        await asyncio.sleep(self._seconds)
        run.program.signal(SIGCONT)
        run.has_struck = True


class PostgresFault(Fault):
    """The database goes away and comes again while the gateway lives."""

    engines = ("postgres",)
    chunk = 5
    posts = 60
    pace = 0.1

    async def strike(self, run: Run) -> None:
        """See `Fault`."""
        await asyncio.sleep(run.random.uniform(0.05, 0.3))
        engine = run.campaign.engine
        assert isinstance(engine, Postgres)
        await self.trouble(engine)
        run.has_struck = True

    async def trouble(self, engine: Postgres) -> None:
        """Make it go away and come again."""
        raise NotImplementedError


class PostgresRestarted(PostgresFault):
    """An operator restarts it."""

    name = "postgres-restarted"

    async def trouble(self, engine: Postgres) -> None:
        """See `PostgresFault`."""
        await engine.restart()


class PostgresKilled(PostgresFault):
    """Every process of it is killed at once."""

    name = "postgres-killed"

    async def trouble(self, engine: Postgres) -> None:
        """See `PostgresFault`."""
        await engine.kill()
        await asyncio.sleep(0.3)
        await engine.start()


class Answered(Fault):
    """Applications that misbehave for a while, and the gateway lives on."""

    chunk = 1

    def __init__(
        self, name: str, *bad: Manner, share: float = 0.3, times: int = 1, seconds: float = 60
    ) -> None:
        """Answer a share of the messages badly, so many times; wait so long until all are told."""
        self.name = name
        self._bad = bad
        self._share = share
        self._times = times
        self._seconds = seconds

    def manners(self, seed: int) -> Manners:
        """See `Fault`."""
        return manners.badly(seed, *self._bad, share=self._share, times=self._times)

    async def strike(self, run: Run) -> None:
        """See `Fault`."""
        await run.sending
        await run.campaign.drained(self._seconds)
        run.has_struck = True


class ReaderBroken(Fault):
    """K6: our reader breaks on valid bodies; they are kept whole, and get their 200."""

    name = "reader-broken"
    is_reader_broken = True
    defect = "reader-broken"

    async def strike(self, run: Run) -> None:
        """See `Fault`."""
        await run.sending
        run.has_struck = True


class DiskFull(Fault):
    """No room is left for a while; SQLite can write nothing."""

    name = "disk-full"
    needs_small_disk = True
    engines = ("sqlite",)
    chunk = 5
    posts = 60
    pace = 0.1

    async def prepare(self, engine: Engine) -> Installation:
        """See `Fault`."""
        return await disk.on_a_small_one(engine)

    async def strike(self, run: Run) -> None:
        """See `Fault`."""
        await asyncio.sleep(run.random.uniform(0.02, 0.2))
        with disk.filled(run.campaign.installation):
            await asyncio.sleep(run.random.uniform(0.5, 1.5))
        run.has_struck = True

    async def drop(self, engine: Engine, installation: Installation) -> None:
        """See `Fault`."""
        disk.unmount(installation)
        await engine.drop(installation)


OTHERS: Final[tuple[Fault, ...]] = (
    Upgrading(),
    Killed(),
    PowerCut(),
    Stopped(),
    Frozen("frozen", 2),
    Frozen("frozen-beyond-its-patience", 17, excuse="frozen when the answer came"),
    PostgresRestarted(),
    PostgresKilled(),
    ReaderBroken(),
    DiskFull(),
    Answered("application-500", Manner.SERVER_ERROR, times=2),
    Answered("application-429", Manner.THROTTLED),
    Answered("application-410", Manner.GONE, share=0.1, seconds=8),
    Answered("application-hangs", Manner.HANG, share=0.1),
    Answered("application-resets", Manner.RESET),
    Answered("application-slow", Manner.SLOWLY),
    Answered("application-endless", Manner.ENDLESS),
    Answered("application-redirects", Manner.REDIRECT),
)
FAULTS: Final[Mapping[str, Fault]] = {fault.name: fault for fault in (*POINTS, *OTHERS)}
