"""What every store keeps, on both engines: units, neighbours, and batches of them."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from databases import open_store, tenants_there
from jackfield import links
from jackfield.accounts import Account, Draft, Provider, Standing
from jackfield.metrics import Metrics
from jackfield.problems import Conflict, Invalid, Unavailable
from jackfield.storage import accounts, applications, tenants, totals
from jackfield.storage.committer import LARGEST_BATCH
from jackfield.storage.opening import OpenStore
from jackfield.units import Steps, Store, Unit, alone, unit
from small_units import (
    WHEN,
    Refusal,
    add_and_count,
    add_then_break,
    add_then_refuse,
    application,
    look_then_refuse,
    name_many,
    read_think_write,
    rename,
    tenant,
)
from world import World


async def at_once(store: Store, *units: Unit[object]) -> list[object]:
    """Commit them all in one batch; give results and errors in order."""
    return await asyncio.gather(*map(store.commit, units), return_exceptions=True)


def adding(*keys: str) -> list[Unit[object]]:
    return [tenants.add(tenant(key)) for key in keys]


async def test_a_commit_answers_when_others_can_see_it(store: Store, database_url: str) -> None:
    result = await store.commit(tenants.add(tenant("acme0001")))

    assert result is True
    assert await tenants_there(database_url) == {"acme0001"}


async def test_a_unit_reads_what_it_wrote_itself(store: Store) -> None:
    @unit
    def add_and_find() -> Steps[object]:
        yield from tenants.add(tenant("acme0001"))
        return (yield from tenants.find("acme0001"))

    found = await store.commit(add_and_find())

    assert found == tenant("acme0001")


async def test_a_unit_that_raises_before_it_writes_harms_nobody(
    store: Store, database_url: str
) -> None:
    ends = await at_once(store, *adding("a"), look_then_refuse("b"), *adding("c"))

    assert [type(end) for end in ends] == [bool, Refusal, bool]
    assert await tenants_there(database_url) == {"a", "c"}


async def test_a_unit_that_raises_after_it_wrote_is_rolled_back_alone(
    store: Store, database_url: str
) -> None:
    ends = await at_once(
        store,
        *adding("a"),
        add_then_refuse("b"),
        look_then_refuse("c"),
        add_then_refuse("d"),
        *adding("e"),
    )

    assert [type(end) for end in ends] == [bool, Refusal, Refusal, Refusal, bool]
    assert [str(end) for end in ends[1:4]] == ["b", "c", "d"]
    assert await tenants_there(database_url) == {"a", "e"}


@pytest.mark.parametrize("of", ["acme0001", "nobody00"], ids=["unique", "foreign key"])
async def test_what_the_database_refuses_fails_that_unit_only(
    store: Store, database_url: str, of: str
) -> None:
    await store.commit(tenants.add(tenant("acme0001")))
    await store.commit(applications.add(application(1, of="acme0001")))
    number = {"acme0001": 1, "nobody00": 2}[of]

    ends = await at_once(
        store,
        *adding("a"),
        add_then_break("b", as_broken=application(number, of=of)),
        *adding("c"),
    )

    assert [type(end) for end in ends[::2]] == [bool, bool]
    assert "Violation" in type(ends[1]).__name__ or "Integrity" in type(ends[1]).__name__
    assert await tenants_there(database_url) == {"acme0001", "a", "c"}


@pytest.mark.parametrize(
    "name",
    ["\ud800", b"bytes\xff", 1 << 70, object(), None],
    ids=["surrogate", "bytes", "too large", "object", "null"],
)
async def test_a_value_that_no_column_takes_fails_its_unit_only(
    store: Store, database_url: str, name: object
) -> None:
    await store.commit(tenants.add(tenant("acme0001")))

    ends = await at_once(
        store, *adding("a"), rename("acme0001", name), add_then_refuse("b"), *adding("c")
    )
    later = await store.commit(tenants.add(tenant("d")))

    # SQLite keeps bytes where text is expected; everything else is refused by both.
    assert isinstance(ends[1], Exception) or isinstance(name, bytes)
    assert not isinstance(ends[1], Unavailable)
    assert [ends[0], type(ends[2]), ends[3], later] == [True, Refusal, True, True]
    assert await tenants_there(database_url) == {"acme0001", "a", "c", "d"}


async def test_a_missing_value_fails_its_unit_only_and_leaves_no_transaction_open(
    store: Store, database_url: str
) -> None:
    broken = tenants._FIND  # noqa: SLF001 -- a statement to call without its value

    @unit
    def add_then_forget_a_value() -> Steps[None]:
        yield from tenants.add(tenant("b"))
        yield broken()

    ends = await at_once(store, *adding("a"), add_then_forget_a_value())
    later = await store.commit(tenants.add(tenant("c")))

    assert (ends[0], later) == (True, True)
    assert isinstance(ends[1], Exception)
    assert await tenants_there(database_url) == {"a", "c"}


async def test_a_statement_that_fails_at_its_third_run_leaves_nothing_of_the_first_two(
    store: Store,
) -> None:
    await store.commit(tenants.add(tenant("acme0001")))

    ends = await at_once(
        store, name_many("first", "second", None, key="acme0001"), *adding("neighbour")
    )

    left = await store.read(tenants.find("acme0001"))
    assert left == tenant("acme0001")
    assert isinstance(ends[0], Exception)
    assert ends[1] is True


async def test_units_that_are_started_again_count_once(store: Store) -> None:
    keys = [f"k{n}" for n in range(20)]

    ends = await at_once(
        store, *[add_and_count(key) for key in keys], add_then_refuse("x"), add_and_count("k0")
    )

    assert ends[:20] == [True] * 20
    assert (type(ends[20]), ends[21]) == (Refusal, False)
    assert await store.read(totals.total("tenants", "")) == 21


async def test_one_unit_may_be_committed_again(store: Store) -> None:
    work = tenants.add(tenant("acme0001"))

    results = [await store.commit(work), await store.commit(work)]

    assert results == [True, False]


async def test_rows_come_back_to_the_unit_that_asked_for_them(store: Store) -> None:
    keys = [f"k{n}" for n in range(40)]
    await at_once(store, *adding(*keys))

    found = await at_once(store, *[tenants.find(key) for key in [*keys, "nobody"]])

    assert found == [*map(tenant, keys), None]


async def test_a_read_raises_what_the_unit_raises(store: Store) -> None:
    with pytest.raises(Refusal):
        await store.read(look_then_refuse("a"))


async def test_of_64_units_at_once_five_conflict_and_59_are_committed(
    store: Store, database_url: str
) -> None:
    await store.commit(tenants.add(tenant("acme0001")))
    drafts = [draft(str(n)) for n in range(59)]
    drafts[10:10] = [draft(str(n)) for n in (50, 51, 52, 53, 54)]

    ends = await at_once(
        store,
        *[links.register(one, accounts=accounts, applications=applications) for one in drafts],
    )

    kinds = Counter(type(end) for end in ends)
    assert kinds == {Account: 59, Invalid: 5}
    assert all("already" in str(end) for end in ends if isinstance(end, Invalid))
    page = await store.read(accounts.page("acme0001", provider=None, offset=0, limit=100))
    assert (len(page.accounts), page.total) == (59, 59)


async def test_of_eight_links_at_once_one_holds_and_seven_are_told(world: World) -> None:
    await world.tenant()
    account = await world.page()
    made = [await world.application("https://desk.example/in") for _ in range(8)]

    ends = await asyncio.gather(
        *[world.link(account, application) for application in made],
        return_exceptions=True,
    )

    held = [end for end in ends if isinstance(end, Account)]
    refused = [end for end in ends if isinstance(end, Conflict)]
    assert (len(held), len(refused)) == (1, 7)
    assert {str(end) for end in refused} == {"Unable to link application"}
    now_there = await world.store.read(accounts.find(account.provider, account.external_id))
    assert now_there == held[0]


async def test_units_that_must_be_alone_do_not_run_between_each_others_statements(
    store: Store,
) -> None:
    await store.commit(tenants.add(tenant("number")))
    await store.commit(rename("number", "0"))

    mixed = [alone(read_think_write("number")), *adding("a", "b")]
    await at_once(store, *mixed, *[alone(read_think_write("number")) for _ in range(20)])

    found = await store.read(tenants.find("number"))
    assert found is not None
    assert found.name == "21"


async def test_callers_who_went_away_do_not_break_the_batch(
    store: Store, database_url: str
) -> None:
    waiting = [asyncio.create_task(store.commit(work)) for work in adding("a", "b", "c")]
    await asyncio.sleep(0)

    waiting[1].cancel()
    ends = await asyncio.gather(*waiting, return_exceptions=True)
    later = await store.commit(tenants.add(tenant("d")))

    assert [ends[0], type(ends[1]), ends[2], later] == [True, asyncio.CancelledError, True, True]
    assert await tenants_there(database_url) >= {"a", "c", "d"}


async def test_closing_finishes_what_was_taken_and_takes_no_more(database_url: str) -> None:
    store, _ = await open_metered(database_url)
    keys = [f"k{n}" for n in range(LARGEST_BATCH * 2)]
    waiting = [asyncio.create_task(store.commit(work)) for work in adding(*keys)]
    await asyncio.sleep(0)

    await store.close()

    assert await asyncio.gather(*waiting) == [True] * len(keys)
    assert await tenants_there(database_url) == set(keys)
    with pytest.raises(Unavailable, match="closing"):
        await store.commit(tenants.add(tenant("late")))


async def test_what_comes_together_is_committed_together(database_url: str) -> None:
    store, metrics = await open_metered(database_url)

    await at_once(store, *adding(*[f"k{n}" for n in range(200)]))
    await store.close()

    assert sizes_of_batches(metrics) == (2, 200)


async def test_what_comes_alone_waits_for_nobody(database_url: str) -> None:
    store, metrics = await open_metered(database_url)

    for work in adding("a", "b", "c"):
        await store.commit(work)
    await store.close()

    assert sizes_of_batches(metrics) == (3, 3)


def draft(external_id: str) -> Draft:
    return Draft(
        provider=Provider.MESSENGER,
        external_id=external_id,
        routing_key=external_id,
        api_key="acme0001",
        name=None,
        standing=Standing.VOUCHED,
        provider_app_id=None,
        credentials=None,
        application_id=None,
        created_at=WHEN,
    )


async def open_metered(database_url: str) -> tuple[OpenStore, Metrics]:
    metrics = Metrics()
    return await open_store(database_url, metrics=metrics), metrics


def sizes_of_batches(metrics: Metrics) -> tuple[float, float]:
    """Return how many batches there were and how many units in all of them."""
    (family,) = metrics.commit_batch_size.collect()
    values = {sample.name.rpartition("_")[2]: sample.value for sample in family.samples}
    return values["count"], values["sum"]
