"""Takes runs of one fault on one engine, closes their account, and says what each run gave."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ledger.account import Account
from ledger.applications import Applications
from ledger.campaign import Campaign, Fault
from ledger.engines import Engine
from ledger.logs import End, Generation, Ticks
from ledger.results import Result, version


@dataclass(frozen=True, slots=True)
class Taken:
    """An account and its runs. Where something was found, everything is kept in `kept`."""

    account: Account
    results: Sequence[Result]
    kept: Path | None


async def take(
    faults: Sequence[Fault],
    *,
    engine: Engine,
    receivers: Applications,
    ticks: Ticks,
    first_seed: int,
    defect: str | None = None,
    drain: float = 60,
    is_cold: bool = False,
) -> Taken:
    """Let one gateway after another live and die on one database, each under the next fault."""
    installation = await faults[0].prepare(engine)
    installation.defect, installation.is_cold = defect, is_cold
    campaign = Campaign(engine, installation, receivers, ticks, drain=drain)
    campaign.link_at = len(faults) // 2
    began = datetime.now(UTC).isoformat(timespec="seconds")
    for seed, fault in enumerate(faults, start=first_seed):
        await campaign.run(fault, seed)
    await faults[-1].at_last(campaign)
    account = await campaign.close()
    lives = [life for life in campaign.generations.values() if life.fault != "none"]
    # What belongs to no run, said before the first or done after the last, goes to the first.
    others = account.tallies.keys() - {life.seed for life in lives}
    results = [
        _result(
            life,
            campaign,
            account,
            seeds={life.seed, *(others if life is lives[0] else ())},
            first_seed=first_seed,
            began=began,
        )
        for life in lives
    ]
    if account.findings:
        return Taken(account, results, installation.directory)
    await faults[-1].drop(engine, installation)
    return Taken(account, results, None)


def _result(
    life: Generation,
    campaign: Campaign,
    account: Account,
    *,
    seeds: AbstractSet[int],
    first_seed: int,
    began: str,
) -> Result:
    counts = sum((account.tallies[seed] for seed in seeds), Counter[str]())
    return Result(
        engine=campaign.engine.name,
        fault=life.fault,
        seed=life.seed,
        first_seed=first_seed,
        version=version(),
        began=began,
        is_struck=life.number in campaign.struck,
        is_killed=life.end is End.KILLED,
        counts={str(name): count for name, count in counts.items()},
        findings=[f"{one.checker}: {one.what}" for one in account.findings if one.seed in seeds],
    )
