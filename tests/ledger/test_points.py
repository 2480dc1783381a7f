"""Killed once at every named point, on both engines, nothing is lost, twisted or out of order."""

from __future__ import annotations

import pytest

from ledger.campaign import Fault
from ledger.points import (
    HITS,
    AtPoint,
    Drained,
    Migrating,
    Rotated,
    Sweeping,
    Unanswered,
    Unscheduled,
    Upgrading,
)
from ledger.session import Session

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]

ENGINES = pytest.mark.parametrize("engine", ["sqlite", "postgres"])


@ENGINES
async def test_an_account_of_a_kill_at_every_point_has_no_findings(
    session: Session, engine: str
) -> None:
    points: list[Fault] = [AtPoint(point, 3) for point in HITS]
    points += [Unanswered(), Unscheduled(), Drained(), Rotated()]

    taken = await session.take(points, engine=engine, first_seed=1)

    assert taken.account.findings == []
    assert [one.fault for one in taken.results if not one.is_struck] == []
    assert taken.account.total()["acknowledged"] > 100


@ENGINES
async def test_a_migration_that_is_killed_goes_on_at_the_next_start(
    session: Session, engine: str
) -> None:
    taken = await session.take([Migrating()] * 2, engine=engine, first_seed=1)

    assert taken.account.findings == []
    assert all(one.is_struck for one in taken.results)
    assert taken.account.total()["acknowledged"] > 20


@ENGINES
async def test_an_older_database_that_is_killed_while_it_gets_newer_keeps_what_waits_in_it(
    session: Session, engine: str
) -> None:
    taken = await session.take([Upgrading()] * 5, engine=engine, first_seed=1)

    assert taken.account.findings == []
    assert {one.is_struck for one in taken.results} == {True, False}
    assert taken.account.total()["acknowledged"] > 20


@ENGINES
async def test_retention_that_is_killed_lets_go_what_is_old_and_delivered_and_nothing_else(
    session: Session, engine: str
) -> None:
    taken = await session.take([Sweeping()] * 3, engine=engine, first_seed=1)

    total = taken.account.total()
    assert taken.account.findings == []
    assert [one for one in taken.results if not one.is_struck] == []
    assert min(total["let go"], total["held"], total["unread"], total["unknown"]) > 5
