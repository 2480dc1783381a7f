"""Kills at named points in the code, K1 to K17: each at a hit that the run's seed chooses."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from random import Random
from signal import SIGKILL, SIGTERM
from typing import Any, Final

from databases import look
from jackfield.crashpoints import Crashpoint
from ledger import manners
from ledger.ageing import pass_days
from ledger.campaign import Campaign, Fault, Run
from ledger.engines import Engine
from ledger.installation import Installation
from ledger.logs import Request
from ledger.manners import Manner, Manners
from older_schemas import STEPS, go_back

_PATIENCE: Final = 3.0
"""Seconds after the last news for a point to be reached."""

_LONG_AGO: Final = 900_000_000
"""The seed of what was said before the first run, where that needs a past."""

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
    {
        Crashpoint.LEASE_CHANGING,
        Crashpoint.SPOOL_WRITING,
        Crashpoint.SPOOL_DRAINING,
        Crashpoint.KEY_FILE_CHANGING,
        Crashpoint.RESEALING,
    }
)
"""Points of rooms that are not built yet (no lease changes hands, nothing is spooled), and those
of a change of keys, which `tests/system/test_key_rotation.py` kills under traffic."""


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
            await go_back(url, *STEPS)

    async def strike(self, run: Run) -> None:
        """See `Fault`."""
        run.has_struck = not run.gateway.url
        if run.gateway.url:
            await asyncio.sleep(run.random.uniform(0.02, 0.5))
        run.program.signal(SIGKILL)


class Undisturbed(Fault):
    """Nothing happens to it; like the last gateway, it is no run of its own."""

    name = "none"
    posts = 30

    async def strike(self, run: Run) -> None:
        """See `Fault`."""
        await run.sending
        await run.campaign.drained(60)


class Sweeping(AtPoint):
    """K16, retention: killed within a slice; between two gateways days pass.

    Two gateways before the first leave it something of every age. Held messages wait for years.
    """

    def __init__(self) -> None:
        super().__init__(Crashpoint.SWEEPING, 4)

    async def prepare(self, engine: Engine) -> Installation:
        """See `Fault`."""
        made = await super().prepare(engine)
        made.environ = {**made.environ, "JACKFIELD_HOLD_RETENTION": "3650d"}
        return made

    async def before(self, campaign: Campaign) -> None:
        """See `Fault`."""
        if not campaign.generations:
            await campaign.run(Undisturbed(), _LONG_AGO)
            await self._pass_days(campaign)
            await campaign.run(Undisturbed(), _LONG_AGO + 1)
        await self._pass_days(campaign)

    async def _pass_days(self, campaign: Campaign) -> None:
        url, outstanding = campaign.installation.database_url, campaign.provider.outstanding
        campaign.gone.remember(await pass_days(url, outstanding=outstanding))


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


POINTS: Final[tuple[Fault, ...]] = (
    *(AtPoint(p, n) for p, n in HITS.items() if p is not Crashpoint.SIGNED_NOT_SENT),
    Unanswered(),
    Unscheduled(),
    Drained(),
    Migrating(),
    Sweeping(),
    Rotated(),
)


async def _dies(run: Run) -> bool:
    """Wait until the gateway is dead; say no if it lives on when all news were told."""
    ending = run.program.ending
    futures: list[asyncio.Future[Any]] = [ending, run.sending]
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.wait([ending], timeout=_PATIENCE)
    return ending.done()
