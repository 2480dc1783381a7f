"""Whether it lives and is ready is for everybody; why not, and what it counted, is not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from databases import change
from gateway import Client, Doors, opened
from jackfield.api.http import Header, endpoint
from jackfield.api.operations import PATIENCE, Operations
from jackfield.keeping.watch import Watch
from jackfield.metrics import Figure, Metrics
from jackfield.problems import Unavailable
from jackfield.storage import books, waiting
from jackfield.storage.opening import OpenStore
from jackfield.units import Result, Unit
from world import Clock, World, said

TOKEN = "the-operators-token"
HERE = "127.0.0.1"


def bearer(token: str) -> tuple[Header, ...]:
    return ((b"authorization", b"Bearer " + token.encode("latin-1")),)


class BrokenStore:
    """A store whose database went away."""

    async def commit(self, work: Unit[Result]) -> Result:  # noqa: ARG002 - as a store has it
        raise Unavailable("The database cannot be reached.")

    async def read(self, work: Unit[Result]) -> Result:  # noqa: ARG002 - as a store has it
        raise Unavailable("The database cannot be reached.")

    async def recall(self, work: Unit[Result]) -> Result:
        return await self.read(work)

    async def survey(self, work: Unit[Result]) -> Result:
        return await self.read(work)

    async def condition(self) -> Mapping[Figure, Mapping[str, float]]:
        return {}


def operations_of(
    store: BrokenStore | OpenStore,
    *,
    clock: Clock | None = None,
    warnings: Sequence[str] = (),
    patience: timedelta = PATIENCE,
) -> Operations:
    metrics = Metrics()
    return Operations(
        store,
        books,
        Watch(store, waiting, clock=clock or Clock(), metrics=metrics),
        metrics=metrics,
        warnings=lambda: warnings,
        token=TOKEN,
        patience=patience,
    )


def without_store(address: str, headers: tuple[Header, ...] = ()) -> Client:
    return Client(endpoint(operations_of(BrokenStore()).ready), headers, address)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/beta/chatapp-accounts/ping"])
async def test_anybody_may_ask_whether_it_is_well(doors: Doors, path: str) -> None:
    assert (await doors.anybody().get(path)).status == 200


async def test_a_store_that_cannot_be_read_is_not_ready(sqlite_doors: Doors) -> None:
    answer = await without_store("192.0.2.1").get("/readyz")

    assert (answer.status, answer.json) == (503, {"status": "not ready"})


class SilentStore(BrokenStore):
    """A store that never answers."""

    async def read(self, work: Unit[Result]) -> Result:
        await asyncio.Event().wait()
        return await super().read(work)


async def test_a_store_that_does_not_answer_is_not_ready() -> None:
    operations = operations_of(SilentStore(), patience=timedelta(0))

    answer = await Client(endpoint(operations.ready), address=HERE).get("/readyz")

    assert answer.status == 503
    assert answer.json["reasons"] == ["The store did not answer in time."]


@pytest.mark.parametrize(
    ("address", "headers"), [(HERE, ()), ("192.0.2.1", bearer(TOKEN)), ("::1", ())]
)
async def test_the_operator_is_told_why(address: str, headers: tuple[Header, ...]) -> None:
    answer = await without_store(address, headers).get("/readyz")

    assert answer.status == 503
    assert answer.json["reasons"] == ["The database cannot be reached."]


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        (HERE, (), 200),
        ("::1", (), 200),
        ("192.0.2.1", bearer(TOKEN), 200),
        ("192.0.2.1", (), 403),
        ("192.0.2.1", bearer("another"), 403),
        ("192.0.2.1", bearer(""), 403),
        ("192.0.2.1", bearer("\xe9"), 403),
        ("192.0.2.1", ((b"authorization", b"Basic " + TOKEN.encode()),), 403),
        ("192.0.2.1", bearer(TOKEN) * 2, 403),
        (HERE, ((b"x-forwarded-for", b"192.0.2.1"),), 403),
        (HERE, ((b"forwarded", b"for=127.0.0.1"),), 403),
    ],
)
async def test_what_was_counted_is_for_the_operator(
    sqlite_url: str, address: str, headers: tuple[Header, ...], status: int
) -> None:
    async with opened(sqlite_url, operations_token=TOKEN) as doors:
        caller = replace(doors.anybody(address=address), headers=headers)

        answer = await caller.get("/metrics")

    assert answer.status == status
    assert (b"jackfield_ingest_total" in answer.body) == (status == 200)


async def test_without_a_token_only_this_machine_may_ask(sqlite_doors: Doors) -> None:
    stranger = replace(sqlite_doors.anybody(), headers=bearer(""))

    assert (await stranger.get("/metrics")).status == 403
    assert (await sqlite_doors.anybody(address=HERE).get("/metrics")).status == 200


async def test_metrics_are_in_prometheus_own_words(sqlite_doors: Doors) -> None:
    answer = await sqlite_doors.anybody(address=HERE).get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert b'jackfield_oldest_pending_age_seconds{reason="ready"} 0.0' in answer.body


async def test_what_should_have_gone_out_long_ago_is_seen(database_url: str) -> None:
    clock = Clock()
    async with opened(database_url) as doors:
        world = await World(doors.gateway.store).open()
        await world.tenant()
        desk = await world.application("https://app.example/")
        page = await world.page(application=desk)
        await world.hear(said("hello", to=page), at=clock())
        clock.advance(timedelta(seconds=90))
        operations = operations_of(doors.gateway.store, clock=clock)

        answer = await Client(endpoint(operations.metrics), address=HERE).get("/metrics")

    assert b'jackfield_oldest_pending_age_seconds{reason="ready"} 90.0' in answer.body


async def test_without_a_database_what_was_counted_is_shown_all_the_same() -> None:
    operations = operations_of(BrokenStore(), patience=timedelta(seconds=20))

    answer = await Client(endpoint(operations.metrics), address=HERE).get("/metrics")

    assert answer.status == 200
    assert b"jackfield_ingest_total" in answer.body


@pytest.mark.parametrize(
    ("address", "told"), [(HERE, {"warnings": ["The books differ."]}), ("192.0.2.1", {})]
)
async def test_books_that_differ_send_nobody_away_but_the_operator_is_warned(
    sqlite_doors: Doors, address: str, told: dict[str, list[str]]
) -> None:
    operations = operations_of(sqlite_doors.gateway.store, warnings=["The books differ."])

    answer = await Client(endpoint(operations.ready), address=address).get("/readyz")

    assert (answer.status, answer.json) == (200, {"status": "ready", **told})


async def test_a_running_gateway_audits_and_warns(database_url: str) -> None:
    async with opened(database_url) as doors:
        world = await World(doors.gateway.store).open()
        await world.tenant()
        await world.hear(said("hello", to=await world.page()))
        await change(database_url, "DELETE FROM deliveries")
        doors.gateway.start()
        operator = doors.anybody(address=HERE)
        async with asyncio.timeout(20):
            while "warnings" not in (await operator.get("/readyz")).json:
                await asyncio.sleep(0.01)
        metrics = await operator.get("/metrics")

    assert b"jackfield_audit_difference 1.0" in metrics.body
    assert b'jackfield_audit_messages{term="accepted"} 1.0' in metrics.body
