"""Whoever looks is shown what waits for which reason, and holds up nobody by looking."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from databases import look
from jackfield.clock import Moment
from jackfield.keeping.watch import Engine, Sight, Watch, ages
from jackfield.metrics import Figure, Metrics, Waiting
from jackfield.problems import Unavailable
from jackfield.storage import waiting
from jackfield.storage.opening import OpenStore
from jackfield.units import Result, Unit
from world import Clock, World, said

NO_PAUSE = timedelta()
PATIENCE = timedelta(seconds=20)


def watching(
    store: Engine, metrics: Metrics, *, clock: Clock, pause: timedelta = NO_PAUSE
) -> Watch:
    return Watch(store, waiting, clock=clock, metrics=metrics, pause=pause)


def lines(metrics: Metrics) -> list[str]:
    return metrics.render().decode().splitlines()


def age(reason: Waiting, seconds: float) -> str:
    return f'jackfield_oldest_pending_age_seconds{{reason="{reason}"}} {seconds}'


async def test_who_looks_sees_how_long_what_waits(world: World, store: OpenStore) -> None:
    clock, metrics = Clock(), Metrics()
    await world.tenant()
    page = await world.page(application=await world.application("https://desk.example/in"))
    unheard = await world.page("3")
    await world.hear(said("hi", to=page), said("hi", to=unheard), at=clock())
    clock.advance(timedelta(seconds=90))

    await watching(store, metrics, clock=clock).look(patience=PATIENCE)

    shown = lines(metrics)
    assert age(Waiting.READY, 90.0) in shown
    assert age(Waiting.HELD, 90.0) in shown
    assert age(Waiting.PAUSED, 0.0) in shown


async def test_the_engine_says_how_it_is(store: OpenStore, database_url: str) -> None:
    metrics = Metrics()
    await World(store).open()
    await look(database_url, "SELECT count(*) FROM tenants")

    await watching(store, metrics, clock=Clock()).look(patience=PATIENCE)

    shown = metrics.render().decode()
    if database_url.startswith("sqlite"):
        (size,) = [line for line in shown.splitlines() if line.startswith("jackfield_wal_bytes")]
        assert float(size.split()[1]) > 4096
        assert "jackfield_pg" not in shown
    else:
        assert 'jackfield_pg_dead_tuples{table="pending"} ' in shown
        assert "jackfield_pg_oldest_xmin_age " in shown
        assert "jackfield_wal_bytes" not in shown


async def test_who_looks_again_at_once_is_shown_what_was_seen(
    world: World, store: OpenStore
) -> None:
    clock, metrics = Clock(), Metrics()
    await world.tenant()
    unheard = await world.page()
    watch = watching(store, metrics, clock=clock, pause=timedelta(hours=1))
    await watch.look(patience=PATIENCE)
    await world.hear(said("hi", to=unheard), at=clock())
    clock.advance(timedelta(seconds=90))

    await watch.look(patience=PATIENCE)

    assert age(Waiting.HELD, 0.0) in lines(metrics)


class Slow:
    """A store that takes as long as it is told, and may then be away."""

    def __init__(self, error: Exception | None = None) -> None:
        self.may_answer = asyncio.Event()
        self.asked = 0
        self.error = error

    async def survey(self, work: Unit[Result]) -> Result:  # noqa: ARG002 -- as a store has it
        self.asked += 1
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error
        answer: object = Sight({Waiting.UNREAD: Moment(0)}, {"open": 2})
        return answer  # type: ignore[return-value] # what this unit gives

    async def condition(self) -> Mapping[Figure, Mapping[str, float]]:
        return {Figure.WAL_BYTES: {"": 7}}


async def test_a_look_that_takes_long_goes_on_without_whoever_asked_and_only_once() -> None:
    store, metrics, clock = Slow(), Metrics(), Clock(Moment(5_000))
    watch = watching(store, metrics, clock=clock)

    await asyncio.gather(*[watch.look(patience=timedelta()) for _ in range(3)])
    before = lines(metrics)
    store.may_answer.set()
    await watch.look(patience=PATIENCE)

    assert age(Waiting.UNREAD, 0.0) in before
    assert store.asked == 1
    assert age(Waiting.UNREAD, 5.0) in lines(metrics)
    assert 'jackfield_endpoint_state{state="open"} 2.0' in lines(metrics)
    assert "jackfield_wal_bytes 7.0" in lines(metrics)


async def test_trouble_with_looking_leaves_what_was_seen_and_ends_nothing() -> None:
    for error in (Unavailable("away"), ZeroDivisionError()):
        store, metrics = Slow(error), Metrics()
        store.may_answer.set()
        metrics.set_oldest_pending_ages({Waiting.HELD: 3})
        watch = watching(store, metrics, clock=Clock())

        with capture_logs() as logs:
            await watch.look(patience=PATIENCE)
        after_trouble = lines(metrics)
        store.error = None
        async with asyncio.timeout(20):
            while store.asked < 2:
                await watch.look(patience=PATIENCE)
                await asyncio.sleep(0)

        assert [entry["event"].partition(".")[0] for entry in logs] == ["watch"]
        assert age(Waiting.HELD, 3.0) in after_trouble
        assert age(Waiting.HELD, 0.0) in lines(metrics)


async def test_a_watch_that_is_closed_looks_no_longer() -> None:
    store = Slow()
    watch = watching(store, Metrics(), clock=Clock())
    await watch.look(patience=timedelta())
    looking = [task for task in asyncio.all_tasks() if task.get_name() == "watch"]

    await watch.close()

    assert len(looking) == 1

    assert [task for task in asyncio.all_tasks() if task.get_name() == "watch"] == []


@given(st.dictionaries(st.sampled_from(Waiting), st.integers(0, 2**50)), st.integers(0, 2**50))
def test_no_age_is_ever_negative(since: dict[Waiting, int], now: int) -> None:
    found = ages({reason: Moment(moment) for reason, moment in since.items()}, now=Moment(now))

    assert found.keys() == since.keys()
    assert all(value >= 0 for value in found.values())
