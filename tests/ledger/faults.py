"""The faults: what may happen to a gateway and to what is around it, by name."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from random import Random
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM
from typing import Any, Final

from databases import change, look
from jackfield.crashpoints import Crashpoint
from ledger import disk, manners
from ledger.campaign import Campaign, Fault, Run
from ledger.engines import Engine, Postgres
from ledger.installation import Installation
from ledger.logs import Request
from ledger.manners import Manner, Manners
from storage.test_schema import TO_THE_FIRST_SCHEMA

_PATIENCE: Final = 3.0
"""Seconds after the last news for a point to be reached."""

HITS: Final[Mapping[Crashpoint, int]] = {
    Crashpoint.BODY_HALF_READ: 4,
    Crashpoint.VERIFIED_NOT_QUEUED: 10,
    Crashpoint.INSIDE_TRANSACTION: 30,
    Crashpoint.COMMITTED_NOT_ANSWERED: 10,
    Crashpoint.ANSWERED: 10,
    Crashpoint.READING_EVENTS: 10,
    Crashpoint.PICKED_NOT_CONNECTED: 40,
    Crashpoint.RESPONSE_NOT_RECORDED: 40,
    Crashpoint.INSIDE_OUTCOME_COMMIT: 40,
    Crashpoint.SIGNED_NOT_SENT: 40,
}
"""The points that are hit while people write, and at which hit at the latest one is killed."""

ELSEWHERE: Final = frozenset(
    {Crashpoint.LEASE_CHANGING, Crashpoint.SPOOL_WRITING, Crashpoint.SPOOL_DRAINING}
)
"""Points of rooms that are not built yet: no lease changes hands, and nothing is spooled."""


class AtPoint(Fault):
    """SIGKILL at the n-th hit of a named point in the code."""

    def __init__(self, point: Crashpoint, hits: int) -> None:
        self.name = point.value
        self._hits = hits

    def environ(self, random: Random) -> Mapping[str, str]:
        """See `Fault`."""
        return {"JACKFIELD_CRASH_AT": f"{self.name}:{random.randint(1, self._hits)}"}

    async def strike(self, run: Run) -> None:
        """See `Fault`."""
        run.has_struck = await _dies(run)
        run.program.signal(SIGKILL)


class Drained(AtPoint):
    """K13: told to end, and killed while it drains."""

    def __init__(self) -> None:
        super().__init__(Crashpoint.DRAINING, 1)

    async def strike(self, run: Run) -> None:
        """See `Fault`."""
        await asyncio.sleep(run.random.uniform(0, 0.4))
        run.program.signal(SIGTERM)
        await super().strike(run)


class Rotated(AtPoint):
    """K17: the key changes between sign and send."""

    def __init__(self) -> None:
        super().__init__(Crashpoint.SIGNED_NOT_SENT, HITS[Crashpoint.SIGNED_NOT_SENT])

    async def afterwards(self, campaign: Campaign) -> None:
        """See `Fault`: the next gateway signs with a key that the last one did not know."""
        for tenant in campaign.installation.tenants:
            await campaign.installation.rotate(tenant)


class Unscheduled(AtPoint):
    """K11: a failure is recorded, and the next attempt is not scheduled yet."""

    chunk = 10

    def __init__(self) -> None:
        super().__init__(Crashpoint.FAILED_NOT_SCHEDULED, 8)

    def manners(self, seed: int) -> Manners:
        """See `Fault`."""
        return manners.badly(seed, Manner.SERVER_ERROR, share=0.4)


class Migrating(AtPoint):
    """K16: killed while a new database gets its schema; the next start goes on."""

    chunk = 10

    def __init__(self) -> None:
        super().__init__(Crashpoint.MIGRATING, 40)

    async def prepare(self, engine: Engine) -> Installation:
        """See `Fault`."""
        return await engine.empty()

    async def at_last(self, campaign: Campaign) -> None:
        """See `Fault`: what was never whole is now, and people write."""
        await campaign.installation.furnish(campaign.receivers)
        campaign.receivers.secrets = campaign.installation.secrets()
        campaign.last_news = max(life.seed for life in campaign.generations.values())


class Upgrading(Fault):
    """K16 where something waits: killed while an older database with messages gets newer.

    What a run does not hit is killed at any moment, so that the next finds messages waiting.
    """

    name = "upgrading"

    def environ(self, random: Random) -> Mapping[str, str]:
        """See `Fault`."""
        return {"JACKFIELD_CRASH_AT": f"{Crashpoint.MIGRATING}:{random.randint(1, 60)}"}

    async def before(self, campaign: Campaign) -> None:
        """See `Fault`: go back to the first schema, unless the last run never left it."""
        url = campaign.installation.database_url
        if await look(url, "SELECT version_num FROM alembic_version") != [("0001",)]:
            for statement in filter(str.strip, TO_THE_FIRST_SCHEMA.split(";")):
                await change(url, statement)

    async def strike(self, run: Run) -> None:
        """See `Fault`."""
        run.has_struck = not run.gateway.url
        if run.gateway.url:
            await asyncio.sleep(run.random.uniform(0.02, 0.5))
        run.program.signal(SIGKILL)


class Killed(Fault):
    """SIGKILL at any moment."""

    name = "killed"

    async def strike(self, run: Run) -> None:
        """See `Fault`."""
        await asyncio.sleep(run.random.uniform(0.02, 0.5))
        run.has_struck = True
        run.program.signal(SIGKILL)


class Unanswered(Fault):
    """K8: killed when an application has the n-th request and has not answered.

    Only the application knows when that is, so the kill comes from outside.
    """

    name = Crashpoint.SENT_NO_RESPONSE.value

    async def strike(self, run: Run) -> None:
        """See `Fault`."""
        left = run.random.randint(1, 30)

        def arrived(_: Request) -> None:
            nonlocal left
            left -= 1
            if not left:
                run.has_struck = True
                run.program.signal(SIGKILL)

        receivers = run.campaign.receivers
        receivers.arrived = arrived
        try:
            await _dies(run)
        finally:
            receivers.arrived = None
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
    kills = False

    async def strike(self, run: Run) -> None:
        """See `Fault`."""
        await asyncio.sleep(run.random.uniform(0.05, 0.5))
        run.has_struck = True
        run.program.signal(SIGTERM)
        await run.program.ended()


class Frozen(Fault):
    """SIGSTOP for some seconds, as a machine that swaps or a virtual one that is moved."""

    kills = False
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
    kills = False
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

    kills = False
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
    kills = False
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
    kills = False
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


async def _dies(run: Run) -> bool:
    """Wait until the gateway is dead; say no if it lives on when all news were told."""
    ending = run.program.ending
    futures: list[asyncio.Future[Any]] = [ending, run.sending]
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.wait([ending], timeout=_PATIENCE)
    return ending.done()


POINTS: Final[tuple[Fault, ...]] = (
    *(AtPoint(p, n) for p, n in HITS.items() if p is not Crashpoint.SIGNED_NOT_SENT),
    Unanswered(),
    Unscheduled(),
    Drained(),
    Migrating(),
    Rotated(),
)
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
