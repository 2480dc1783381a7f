"""The auditor looks by itself, and says loudly and in numbers what it finds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from business import ACTS, Business
from databases import change
from jackfield.keeping.auditor import Auditor
from jackfield.metrics import Metrics
from jackfield.problems import Unavailable
from jackfield.storage import books
from jackfield.storage.opening import OpenStore
from jackfield.units import Result, Surveyed, Unit
from world import Clock, World

MADE_UP = """INSERT INTO deliveries
(id, kind, message_id, api_key, account_id, person, state, accepted_at)
VALUES ('x', 'inbound', 'x', 'acme0001', 1, 'x', 'dead', 0)"""

LONG, SHORT = timedelta(hours=1), timedelta(milliseconds=5)


@asynccontextmanager
async def auditing(
    store: Surveyed, *, metrics: Metrics, pause: timedelta = LONG
) -> AsyncIterator[Auditor]:
    auditor = Auditor(store, books, clock=Clock(), metrics=metrics, pause=pause)
    auditor.start()
    try:
        yield auditor
    finally:
        await auditor.stop()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.005)


def shows(metrics: Metrics, line: str) -> bool:
    return line in metrics.render().decode().splitlines()


async def test_books_that_agree_are_shown_soon_after_the_start_with_every_term(
    world: World, store: OpenStore
) -> None:
    business = await Business(world, store).open()
    for name in ("hear two", "hear strange things", "deliver"):
        await ACTS[name](business)
    metrics = Metrics()

    async with auditing(store, metrics=metrics) as auditor:
        await until(lambda: shows(metrics, "jackfield_audit_difference 0.0"))
        warnings = list(auditor.warnings())

    assert warnings == []


@pytest.mark.parametrize(
    ("defect", "difference"),
    [
        ("DELETE FROM pending WHERE number = (SELECT min(number) FROM pending)", 1),
        ("UPDATE deliveries SET state = 'delivered' WHERE state = 'held'", 2),
        (MADE_UP, -1),
    ],
    ids=["a pending row is gone", "a state was changed by hand", "a delivery came from nowhere"],
)
async def test_a_planted_defect_is_found_and_said_with_its_terms(
    world: World, store: OpenStore, database_url: str, defect: str, difference: int
) -> None:
    business = await Business(world, store).open()
    await ACTS["hear two"](business)
    metrics = Metrics()

    with capture_logs() as logs:
        async with auditing(store, metrics=metrics, pause=SHORT) as auditor:
            await until(lambda: shows(metrics, "jackfield_audit_difference 0.0"))
            before = [entry for entry in logs if entry["log_level"] == "error"]
            await change(database_url, defect)
            await until(lambda: shows(metrics, f"jackfield_audit_difference {difference}.0"))
            warnings = list(auditor.warnings())

    (found, *_) = [entry for entry in logs if entry["event"] == "audit.differs"]
    assert before == []
    assert (found["log_level"], found["difference"], found["accepted"]) == ("error", difference, 4)
    assert warnings[0].startswith(f"The books differ by {difference} at ")
    assert "accepted 4 + adjusted 0 = delivered 0 + " in warnings[0]


async def test_who_audits_no_more_shows_nothing_of_it(world: World, store: OpenStore) -> None:
    metrics = Metrics()

    async with auditing(store, metrics=metrics):
        await until(lambda: shows(metrics, "jackfield_audit_difference 0.0"))
        assert shows(metrics, 'jackfield_audit_messages{term="accepted"} 0.0')
        assert "jackfield_audit_timestamp_seconds" in metrics.render().decode()

    assert "jackfield_audit" not in metrics.render().decode()


async def test_a_database_that_cannot_be_asked_or_a_bug_of_ours_ends_no_auditor(
    world: World, store: OpenStore
) -> None:
    errors = [Unavailable("The database cannot be reached."), ZeroDivisionError()]

    class Troubled:
        async def survey(self, work: Unit[Result]) -> Result:
            if errors:
                raise errors.pop(0)
            return await store.survey(work)

    metrics = Metrics()
    with capture_logs() as logs:
        async with auditing(Troubled(), metrics=metrics, pause=SHORT):
            await until(lambda: shows(metrics, "jackfield_audit_difference 0.0"))

    assert [entry["event"] for entry in logs] == ["auditor.store_unavailable", "auditor.broke"]
