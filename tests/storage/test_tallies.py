"""What units tally is stored with what they did, or not at all, whatever their neighbours do."""

from __future__ import annotations

import asyncio

from databases import change, look, open_store
from jackfield.metrics import Metrics
from jackfield.problems import OutcomeUnknown
from jackfield.storage import applications, tenants
from jackfield.storage.postgres import SLOTS
from jackfield.units import Steps, Store, Unit, tally, unit
from small_units import Refusal, application, tenant

TALLIES = "SELECT name, sum(count) FROM totals WHERE name LIKE 't-%' GROUP BY name ORDER BY name"


@unit
def add(api_key: str, **by: int) -> Steps[bool]:
    """Tally before and after writing."""
    yield tally("t-before")
    is_new = yield from tenants.add(tenant(api_key))
    for name, count in by.items():
        yield tally(f"t-{name}", count)
    return is_new


@unit
def add_then_refuse(api_key: str) -> Steps[None]:
    yield from add(api_key, refused=1)
    raise Refusal(api_key)


@unit
def tally_then_refuse(api_key: str) -> Steps[None]:
    yield tally("t-refused")
    yield from tenants.find(api_key)
    raise Refusal(api_key)


@unit
def only_tally(name: str, by: int) -> Steps[str]:
    rows = yield tally(name, by)
    return f"got {list(rows)}"


async def at_once(store: Store, *units: Unit[object]) -> list[object]:
    return await asyncio.gather(*map(store.commit, units), return_exceptions=True)


async def test_tallies_of_a_batch_are_added_up_and_stored_with_it(
    store: Store, database_url: str
) -> None:
    ends = await at_once(store, add("a", made=2), add("b", made=3), only_tally("t-made", -1))
    await store.commit(add("c", made=10))

    assert ends == [True, True, "got []"]
    assert await look(database_url, TALLIES) == [("t-before", 3), ("t-made", 14)]


async def test_a_unit_that_refuses_takes_its_tallies_along(
    store: Store, database_url: str
) -> None:
    ends = await at_once(store, add("a", made=1), tally_then_refuse("b"), add("c", made=1))

    assert [type(end) for end in ends] == [bool, Refusal, bool]
    assert await look(database_url, TALLIES) == [("t-before", 2), ("t-made", 2)]


async def test_a_unit_that_is_rolled_back_takes_its_tallies_along(
    store: Store, database_url: str
) -> None:
    @unit
    def add_then_break() -> Steps[None]:
        yield from add("d", broken=1)
        yield from application_of_nobody()

    ends = await at_once(
        store, add("a", made=1), add_then_refuse("b"), add_then_break(), add("c", made=1)
    )

    assert [isinstance(end, Exception) for end in ends] == [False, True, True, False]
    assert await look(database_url, TALLIES) == [("t-before", 2), ("t-made", 2)]


@unit
def application_of_nobody() -> Steps[None]:
    yield from applications.add(application(1, of="nobody00"))


async def test_what_cannot_be_stored_is_not_counted_either(database_url: str) -> None:
    metrics = Metrics()
    store = await open_store(database_url, metrics=metrics)
    await change(database_url, "ALTER TABLE totals RENAME TO gone")
    ends = await at_once(store, only_tally("accepted", 5))
    await change(database_url, "ALTER TABLE gone RENAME TO totals")
    await store.commit(only_tally("accepted", 2))
    await store.close()

    assert isinstance(ends[0], Exception)
    assert not isinstance(ends[0], OutcomeUnknown)
    assert b'jackfield_messages_total{event="accepted"} 2.0' in metrics.render()


async def test_what_was_stored_is_counted_in_the_metrics_too(database_url: str) -> None:
    metrics = Metrics()
    store = await open_store(database_url, metrics=metrics)
    await at_once(
        store,
        only_tally("accepted", 5),
        only_tally("delivered", 4),
        only_tally("discarded", 1),
        only_tally("died", 3),
        only_tally("replayed", 2),
        only_tally("t-nothing we show", 9),
        add_then_refuse("a"),
    )
    await store.close()

    shown = metrics.render().decode()
    for line in (
        'jackfield_messages_total{event="accepted"} 5.0',
        'jackfield_messages_total{event="delivered"} 4.0',
        'jackfield_messages_total{event="discarded"} 1.0',
        "jackfield_dead_total 3.0",
        'jackfield_redelivered_total{reason="replay"} 2.0',
    ):
        assert line in shown


async def test_reading_stores_no_tallies(store: Store, database_url: str) -> None:
    answer = await store.read(only_tally("t-read", 1))

    assert answer == "got []"
    assert await look(database_url, TALLIES) == []


async def test_processes_on_one_postgresql_count_apart_and_together(postgres_url: str) -> None:
    stores = [await open_store(postgres_url) for _ in range(6)]
    await asyncio.gather(
        *[store.commit(only_tally(name, 1)) for store in stores for name in ("t-b", "t-a") * 20],
    )
    for store in stores:
        await store.close()

    slots = await look(postgres_url, "SELECT DISTINCT scope FROM totals WHERE name = 't-a'")
    assert await look(postgres_url, TALLIES) == [("t-a", 120), ("t-b", 120)]
    assert {int(slot) for (slot,) in slots} <= set(range(SLOTS))
    assert len(slots) > 1  # as below


async def test_the_batches_of_one_process_change_different_rows(postgres_url: str) -> None:
    store = await open_store(postgres_url)
    for _ in range(8):
        await store.commit(only_tally("t-a", 1))
    await store.close()

    slots = await look(postgres_url, "SELECT scope FROM totals WHERE name = 't-a'")
    assert len(slots) > 1  # eight alike: once in 10^21 runs
