"""A survey sees one moment, holds nobody up, and cannot write."""

from __future__ import annotations

import asyncio
import threading

import pytest
from sqlalchemy import func, select

from jackfield.problems import Unavailable
from jackfield.storage import tenants
from jackfield.storage.dialects import Prepared
from jackfield.storage.opening import OpenStore
from jackfield.storage.tables import tenants as tenants_table
from jackfield.units import Rows, Steps, unit
from small_units import Refusal, look_then_refuse, tenant

_COUNT = Prepared(select(func.count()).select_from(tenants_table))


@unit
def count_until(
    counted: threading.Event, go_on: threading.Event, counts: list[int]
) -> Steps[list[int]]:
    """Count, and count again and again, the last time after `go_on`."""
    is_last = False
    while True:
        ((count,),) = yield _COUNT()
        counts.append(count)
        counted.set()
        if is_last:
            return counts
        is_last = go_on.is_set()


async def test_a_survey_sees_one_moment_while_others_read_and_write(store: OpenStore) -> None:
    await store.commit(tenants.add(tenant("before")))
    counted, go_on = threading.Event(), threading.Event()
    counts: list[int] = []

    survey = asyncio.create_task(store.survey(count_until(counted, go_on, counts)))
    async with asyncio.timeout(20):
        while not counted.is_set():
            await asyncio.sleep(0.001)
        for n in range(5):
            await store.commit(tenants.add(tenant(f"meanwhile{n}")))
        now_there = await store.read(_rows())
        go_on.set()
        await survey
        later = await store.survey(_rows())

    assert set(counts) == {1}
    assert len(counts) > 1
    assert [tuple(row) for row in now_there] == [(6,)]
    assert [tuple(row) for row in later] == [(6,)]


@unit
def _rows() -> Steps[Rows]:
    return (yield _COUNT())


async def test_a_survey_cannot_write(store: OpenStore) -> None:
    with pytest.raises(Unavailable):
        await store.survey(tenants.add(tenant("a")))

    assert await store.survey(tenants.find("a")) is None


async def test_a_survey_raises_what_its_unit_raises_and_the_next_is_a_new_one(
    store: OpenStore,
) -> None:
    with pytest.raises(Refusal):
        await store.survey(look_then_refuse("a"))
    await store.commit(tenants.add(tenant("a")))

    assert await store.survey(tenants.find("a")) == tenant("a")


async def test_whoever_stops_waiting_for_a_survey_leaves_nothing_open(store: OpenStore) -> None:
    counted, go_on = threading.Event(), threading.Event()
    counts: list[int] = []
    survey = asyncio.create_task(store.survey(count_until(counted, go_on, counts)))
    async with asyncio.timeout(20):
        while not counted.is_set():
            await asyncio.sleep(0.001)
    survey.cancel()
    await asyncio.gather(survey, return_exceptions=True)
    go_on.set()
    await store.commit(tenants.add(tenant("a")))

    assert await store.survey(tenants.find("a")) == tenant("a")
