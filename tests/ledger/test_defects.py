"""Each checker finds the defects that are planted for it: an account can fail."""

from __future__ import annotations

import pytest

from at_hand import program
from jackfield.crashpoints import Crashpoint
from ledger.account import Checker
from ledger.campaign import Fault
from ledger.faults import Answered, PowerCut, Stopped
from ledger.manners import Manner
from ledger.points import AtPoint, Sweeping, Unanswered
from ledger.session import Session

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]

EARLY = AtPoint(Crashpoint.COMMITTED_NOT_ANSWERED, 10)
HELD = Unanswered()
REDIRECTED = Answered("redirected", Manner.REDIRECT, share=0.5, seconds=1)
PLANTED: list[tuple[str, Checker, list[Fault]]] = [
    ("acknowledged-before-commit", Checker.LOST, [EARLY]),
    ("pending-forgotten", Checker.LOST, [HELD]),
    ("said-to-be-delivered", Checker.LOST, [Stopped()]),
    ("unread-thrown-away", Checker.LOST, [Stopped()]),
    ("swept-undelivered", Checker.LOST, [Sweeping()]),
    ("rendered-anew", Checker.CORRUPTED, [HELD]),
    ("text-changed", Checker.CORRUPTED, [Stopped()]),
    ("wrongly-signed", Checker.CORRUPTED, [Stopped()]),
    ("sent-to-another", Checker.CORRUPTED, [Stopped()]),
    ("invented", Checker.UNEXPECTED, [Stopped()]),
    ("redirects-followed", Checker.UNEXPECTED, [REDIRECTED]),
    ("no-order", Checker.INVERSION, [Stopped()]),
    ("no-repeats-known", Checker.UNEXPLAINED, [HELD]),
    ("sent-twice", Checker.UNEXPLAINED, [Stopped()]),
    ("never-called", Checker.STUCK, [HELD]),
]


@pytest.mark.parametrize(
    ("defect", "checker", "faults"), PLANTED, ids=[name for name, *_ in PLANTED]
)
async def test_a_planted_defect_is_found(
    session: Session, defect: str, checker: Checker, faults: list[Fault]
) -> None:
    taken = await session.take(faults, engine="sqlite", first_seed=3, defect=defect, drain=2)

    assert checker in {finding.checker for finding in taken.account.findings}


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
async def test_what_is_not_synchronised_is_lost_when_power_is_cut(
    session: Session, engine: str
) -> None:
    if engine == "sqlite":
        program("cc", package="gcc libc6-dev")

    taken = await session.take(
        [PowerCut()] * 2, engine=engine, first_seed=1, defect="not-synchronised"
    )

    assert taken.account.total()[Checker.LOST] > 0
