"""Other faults than a kill at a point: power, signals, the database, the disk, applications."""

from __future__ import annotations

import pytest

from at_hand import program
from ledger import disk
from ledger.campaign import Fault
from ledger.faults import (
    Answered,
    DiskFull,
    Frozen,
    Killed,
    PostgresKilled,
    PostgresRestarted,
    PowerCut,
    ReaderBroken,
    Stopped,
)
from ledger.manners import Manner
from ledger.session import Session

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]

ENGINES = pytest.mark.parametrize("engine", ["sqlite", "postgres"])
BADLY = Answered(
    "badly",
    Manner.SERVER_ERROR,
    Manner.THROTTLED,
    Manner.RESET,
    Manner.SLOWLY,
    Manner.ENDLESS,
    Manner.REDIRECT,
    share=0.3,
)


@ENGINES
async def test_no_signal_at_any_moment_harms_anything(session: Session, engine: str) -> None:
    faults: list[Fault] = [Killed(), Stopped(), Frozen("frozen", 1)]

    taken = await session.take(faults, engine=engine, first_seed=1)

    assert taken.account.findings == []


@ENGINES
async def test_what_is_told_to_stop_repeats_nothing(session: Session, engine: str) -> None:
    taken = await session.take([Stopped()] * 2, engine=engine, first_seed=1)

    assert taken.account.findings == []
    assert taken.account.total()["duplicates"] == 0


@ENGINES
async def test_a_machine_that_is_switched_off_loses_nothing(session: Session, engine: str) -> None:
    if engine == "sqlite":
        program("cc", package="gcc libc6-dev")

    taken = await session.take([PowerCut()], engine=engine, first_seed=1)

    assert taken.account.findings == []


@ENGINES
async def test_misbehaving_applications_explain_every_repeat(
    session: Session, engine: str
) -> None:
    taken = await session.take([BADLY], engine=engine, first_seed=1)

    total = taken.account.total()
    assert taken.account.findings == []
    assert total["duplicates"] == total["explained"] > 5


@ENGINES
async def test_what_our_reader_breaks_on_is_kept_and_acknowledged(
    session: Session, engine: str
) -> None:
    taken = await session.take([ReaderBroken()], engine=engine, first_seed=1)

    assert taken.account.findings == []
    assert taken.account.total()["unread"] > 5


async def test_a_database_that_goes_away_takes_nothing_with_it(session: Session) -> None:
    faults: list[Fault] = [PostgresRestarted(), PostgresKilled()]

    taken = await session.take(faults, engine="postgres", first_seed=1)

    assert taken.account.findings == []
    assert taken.account.total()["duplicates"] == 0


async def test_a_full_disk_is_survived(session: Session) -> None:
    if not disk.can_be_small():
        pytest.skip("this user may mount no small disk here")

    taken = await session.take([DiskFull()], engine="sqlite", first_seed=1)

    assert taken.account.findings == []
