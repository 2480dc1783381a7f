"""`python -m ledger`: proves by many deaths that nothing acknowledged is lost."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from pathlib import Path

from ledger import disk, power_cut, results
from ledger.account import Checker
from ledger.campaign import Fault
from ledger.faults import FAULTS
from ledger.points import POINTS
from ledger.run import Taken
from ledger.session import Session


def main() -> int:
    """Return 0 when every account is closed without a finding."""
    wanted = _wanted()
    if wanted.list:
        print("\n".join(FAULTS))
        return 0
    if wanted.summary:
        print(results.summary(results.read(wanted.results)))
        return 0
    try:
        return asyncio.run(_take_all(wanted))
    except asyncio.CancelledError:
        return 143  # told to end, and nothing is left running


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ledger", description=__doc__)
    add = parser.add_argument
    add("--kills", type=int, default=25, help="how many runs of each fault on each engine")
    add("--point", default="points", help="faults, parted by commas; or `points`, or `all`")
    add("--engine", default="sqlite,postgres", help="one of them, or both")
    add("--seed", type=int, help="the first seed; else the first that was not used yet")
    add("--defect", help="plant this one: the account must find it, and is not added")
    add("--cold", action="store_true", help="start each gateway anew: slower, and nothing shared")
    add("--results", type=Path, default=results.DEFAULT, help="the file to add to")
    add("--summary", action="store_true", help="print what that file adds up to")
    add("--list", action="store_true", help="print the names of all faults")
    return parser.parse_args()


async def _take_all(wanted: argparse.Namespace) -> int:
    found = 0
    this = asyncio.current_task()
    assert this is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
    async with Session() as session:
        for engine in wanted.engine.split(","):
            for fault in _faults(wanted.point):
                if engine in fault.engines and _is_possible(fault, engine):
                    found += await _take(session, fault, engine, wanted)
    return 1 if found else 0


def _faults(names: str) -> list[Fault]:
    if names in {"points", "all"}:
        return list(POINTS if names == "points" else FAULTS.values())
    unknown = [name for name in names.split(",") if name not in FAULTS]
    if unknown:
        sys.exit(f"no such fault: {', '.join(unknown)}; --list prints them all")
    return [FAULTS[name] for name in names.split(",")]


def _is_possible(fault: Fault, engine: str) -> bool:
    lacks = None
    if fault.needs_power_cuts and engine == "sqlite" and power_cut.compiler() is None:
        lacks = "there is no C compiler (cc) here"
    elif fault.needs_small_disk and not disk.can_be_small():
        lacks = "this user may mount no disk here"
    if lacks:
        print(f"{engine} {fault.name}: skipped, {lacks}")
    return lacks is None


async def _take(session: Session, fault: Fault, engine: str, wanted: argparse.Namespace) -> int:
    """Take the wanted number of runs of one fault; return how much was found."""
    seed = wanted.seed or results.next_seed(wanted.results, engine=engine, fault=fault.name)
    last, found = seed + wanted.kills, 0
    while seed < last:
        number = min(fault.chunk, last - seed)
        began = time.monotonic()
        taken = await session.take(
            [fault] * number,
            engine=engine,
            first_seed=seed,
            defect=wanted.defect,
            is_cold=wanted.cold,
        )
        if wanted.defect is None:
            for result in taken.results:
                result.add_to(wanted.results)
        found += len(taken.account.findings)
        _say(taken, seconds=time.monotonic() - began)
        seed += number
    return found


def _say(taken: Taken, *, seconds: float) -> None:
    total, first, runs = taken.account.total(), taken.results[0], len(taken.results)
    told = ", ".join(f"{total[checker]} {checker}" for checker in Checker)
    print(
        f"{first.engine} {first.fault}: {runs} runs at {60 * runs / seconds:.0f} a minute, "
        f"{total['acknowledged']:,} acknowledged, {told}, "
        f"{total['explained']} of {total['duplicates']} repeats explained"
    )
    missed = sum(not one.is_struck for one in taken.results)
    if missed:
        print(f"  {missed} of them ended before the fault was reached")
    for finding in taken.account.findings[:10]:
        print(f"  seed {finding.seed}: {finding.checker}: {finding.what}")
    if taken.kept is not None:
        again = f"ENGINE={first.engine} POINT={first.fault} SEED={first.seed} KILLS={runs}"
        print(f"  kept in {taken.kept}; once more: make ledger {again}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
