"""What else may happen while a lane is taken back: URLs elsewhere, other processes, releases."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update

from databases import change, entries_read, look, open_store
from dispatching import LIMITS, bring, rows_of
from due import due
from elsewhere import stored_elsewhere_while, until_waiting
from jackfield.applications import remove
from jackfield.clock import Moment
from jackfield.deliveries import lane
from jackfield.delivery.lanes import Lanes
from jackfield.delivery.release import Releaser
from jackfield.delivery.supply import Supply
from jackfield.delivery.withdrawing import Withdrawal
from jackfield.storage import applications, deliveries, destinations, held
from jackfield.storage import withdrawing as withdrawals
from jackfield.storage.dialects import Prepared
from jackfield.storage.tables import pending
from jackfield.units import Unit
from taking_back import (
    DESK,
    NOW,
    OWN,
    THEN,
    delete,
    give,
    let_tenant,
    owed,
    release_all,
    take_all,
    take_back_what_is_nowhere,
    unlink,
    withdrawer,
)
from world import Clock, World, said


async def first_and_last(database_url: str) -> list[tuple[str, str | None]]:
    """Return what is owed of the two messages that the tests are about: 0 and 9."""
    return [each for each in await owed(database_url) if each[0] in {"0", "9"}]


@pytest.mark.usefixtures("slices")
@pytest.mark.parametrize("is_deleted", [True, False])
async def test_a_tenant_that_gains_a_url_in_the_middle_hears_what_is_older_first(
    world: World, database_url: str, *, is_deleted: bool
) -> None:
    await world.tenant()
    desk = await world.application(DESK)
    quiet, busy = await world.page("1", application=desk), await world.page("2", application=desk)
    await world.hear(said("0", to=quiet), at=THEN)
    await world.hear(*[said(str(n), to=busy) for n in range(1, 6)], at=THEN)
    if is_deleted:
        await world.store.commit(remove(desk.id, api_key=desk.api_key, applications=applications))
    else:
        await give(world, desk, None)

    await let_tenant(world, OWN)
    await world.hear(said("9", to=quiet), at=THEN)
    await take_all(world)
    await release_all(world)

    assert await first_and_last(database_url) == [("0", None), ("9", None)]


@pytest.mark.usefixtures("slices")
async def test_an_application_that_gains_a_url_meanwhile_hears_what_is_older_first(
    world: World, database_url: str
) -> None:
    await world.tenant(inbound_url=OWN)
    desk = await world.application(None)
    quiet, busy = await world.page("1", application=desk), await world.page("2", application=desk)
    await world.hear(said("0", to=quiet), at=THEN)
    await world.hear(*[said(str(n), to=busy) for n in range(1, 6)], at=THEN)
    await let_tenant(world, None)
    await take_back_what_is_nowhere(world)

    await give(world, desk, DESK)
    await world.hear(said("9", to=quiet), at=THEN)
    await take_all(world)
    await release_all(world)

    assert await first_and_last(database_url) == [("0", desk.id), ("9", desk.id)]


@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize("is_deleted", [True, False])
async def test_what_another_process_was_storing_is_held_with_the_rest(
    on_postgres: World, postgres_url: str, *, before: int, is_deleted: bool
) -> None:
    world = on_postgres
    await world.tenant(inbound_url=OWN)
    desk = await world.application(DESK)
    page = await world.page(application=desk)
    await world.hear(*[said("before", to=page) for _ in range(before)], at=THEN)
    removal = remove(desk.id, api_key=desk.api_key, applications=applications)

    async with stored_elsewhere_while(world, postgres_url, said("0", to=page)):
        going = world.store.commit(removal) if is_deleted else give(world, desk, None)
        removing = asyncio.create_task(going)
        await until_waiting(postgres_url, 2)
    await removing
    await release_all(world)
    await world.hear(said("9", to=page), at=THEN)
    await take_back_what_is_nowhere(world)
    await take_all(world)
    await release_all(world)

    assert await first_and_last(postgres_url) == [("0", None), ("9", None)]


async def test_what_another_process_was_storing_stays_behind_what_is_older(
    on_postgres: World, postgres_url: str
) -> None:
    world = on_postgres
    await world.tenant()
    desk = await world.application(DESK)
    page = await world.page(application=desk)
    await world.hear(said("0", to=page), at=THEN)

    async with stored_elsewhere_while(world, postgres_url, said("9", to=page)):
        removing = asyncio.create_task(give(world, desk, None))
        await until_waiting(postgres_url, 2)
    await removing
    await give(world, desk, DESK)
    await take_all(world)
    await release_all(world)

    assert await first_and_last(postgres_url) == [("0", desk.id), ("9", desk.id)]


@pytest.mark.usefixtures("slices")
@pytest.mark.parametrize("has_own_url", [True, False])
async def test_what_an_account_had_left_behind_comes_before_what_arrives_meanwhile(
    world: World, database_url: str, *, has_own_url: bool
) -> None:
    await world.tenant(inbound_url=OWN if has_own_url else None)
    desk, other = await world.application(DESK), await world.application(f"{DESK}/other")
    moved, busy = await world.page("1", application=desk), await world.page("2", application=desk)
    await world.hear(said("0", to=moved), at=THEN)
    await world.hear(*[said(str(n), to=busy) for n in range(10, 16)], at=THEN)
    await unlink(world, moved, desk)
    if not has_own_url:
        await world.link(moved, other)
    await release_all(world)

    await world.store.commit(remove(desk.id, api_key=desk.api_key, applications=applications))
    await world.hear(said("9", to=moved), at=THEN)
    await take_all(world)
    await release_all(world)

    bound = None if has_own_url else other.id
    assert await first_and_last(database_url) == [("0", bound), ("9", bound)]


@pytest.mark.usefixtures("slices")
async def test_what_waited_for_the_tenants_own_url_comes_before_what_arrives_meanwhile(
    world: World, database_url: str
) -> None:
    await world.tenant(inbound_url=OWN)
    desk = await world.application(DESK)
    linked, busy = await world.page("1"), await world.page("2")
    await world.hear(said("0", to=linked), at=THEN)
    await world.hear(*[said(str(n), to=busy) for n in range(10, 16)], at=THEN)
    await world.link(linked, desk)
    await release_all(world)

    await let_tenant(world, None)
    await take_back_what_is_nowhere(world)
    await world.hear(said("9", to=linked), at=THEN)
    await take_all(world)
    await release_all(world)

    assert await first_and_last(database_url) == [("0", desk.id), ("9", desk.id)]


async def test_a_crowd_behind_a_head_that_waits_does_not_hide_others_of_a_lane_just_met(
    world: World,
) -> None:
    clock = Clock()
    await world.tenant()
    page = await world.page(application=await world.application(DESK))
    await world.hear(said("head", to=page, by="p"), at=clock())
    later = Moment(clock() + 600_000)
    await world.store.commit(rows_of(Prepared(update(pending).values(tries=1, due_at=later))))
    await world.hear(*[said(str(n), to=page, by="p") for n in range(300)], at=clock())
    await world.hear(said("other", to=page, by="q"), at=clock())
    lanes = Lanes(slots=32)
    supply = Supply(world.store, deliveries, destinations, limits=LIMITS, clock=clock)

    begun = None
    for _ in range(20):  # as the dispatcher does, without a nap while something is to be looked at
        await bring(supply, lanes)
        begun = begun or lanes.next(Moment(clock()))
        if not lanes.dry():
            break

    assert begun is not None


@pytest.mark.usefixtures("slices")
async def test_an_attempt_that_found_no_url_marks_nothing_once_it_is_held(
    world: World, database_url: str
) -> None:
    await world.tenant()
    desk = await world.application(DESK)
    quiet, busy = await world.page("1", application=desk), await world.page("2", application=desk)
    await world.hear(said("0", to=quiet), at=THEN)
    await world.hear(*[said(str(n), to=busy, by=str(n)) for n in range(10, 20)], at=THEN)
    taking = withdrawer(world)
    await give(world, desk, None)
    item = (await due(world.store, NOW))[-1]
    await taking.take_slices()  # it is held
    await give(world, desk, DESK)
    await taking.take_slices()  # and the mark has gone

    await world.store.commit(deliveries.take_back(item, now=NOW))
    marked = await world.store.read(withdrawals.begun())
    await world.hear(said("9", to=quiet), at=THEN)
    await take_all(world)
    await release_all(world)

    assert marked == []
    assert await first_and_last(database_url) == [("0", desk.id), ("9", desk.id)]


async def test_a_lane_that_goes_somewhere_by_now_is_not_taken_back(world: World) -> None:
    await world.tenant()
    page = await world.page(application=await world.application(DESK))
    await world.hear(said("0", to=page), at=THEN)
    (item,) = await due(world.store, NOW)

    await world.store.commit(deliveries.take_back(item, now=NOW))  # it was nowhere a moment ago

    assert await due(world.store, NOW) == [item]


@pytest.mark.usefixtures("slices")
@pytest.mark.parametrize("gains", ["nobody", "application", "tenant"])
async def test_accounts_for_which_nothing_waits_are_left_alone(
    world: World, database_url: str, gains: str
) -> None:
    await world.tenant(inbound_url=None if gains == "tenant" else OWN)
    desk = await world.application(DESK)
    for n in range(5):
        await world.page(f"idle{n}", application=desk)
    quiet, busy = await world.page("1", application=desk), await world.page("2", application=desk)
    await world.hear(said("0", to=quiet), at=THEN)
    await world.hear(*[said(str(n), to=busy) for n in range(10, 16)], at=THEN)

    await give(world, desk, None)
    if gains == "application":
        await give(world, desk, DESK)
    if gains == "tenant":
        await let_tenant(world, OWN)

    query = "SELECT id FROM accounts WHERE releasing = 1 ORDER BY id"
    assert await look(database_url, query) == [(quiet.id,), (busy.id,)]


class Noted:
    """The marks, with a note of every slice."""

    def __init__(self, notes: list[str]) -> None:
        self.notes = notes

    def begun(self) -> Unit[list[Withdrawal]]:
        return withdrawals.begun()

    def take_slice(self, withdrawal: Withdrawal, *, up_to: int, now: Moment) -> Unit[int | None]:
        self.notes.append("taken")
        return withdrawals.take_slice(withdrawal, up_to=up_to, now=now)


@pytest.mark.usefixtures("slices")
async def test_taking_back_goes_on_by_turns_while_much_is_released(
    world: World, database_url: str
) -> None:
    await world.tenant()
    await world.tenant("zenith01")
    desk = await world.application(DESK)
    page = await world.page("1", application=desk)
    theirs = await world.page("2", api_key="zenith01")
    await world.hear(*[said(str(n), to=theirs) for n in range(60)], at=THEN)
    await world.hear(*[said(str(n), to=page) for n in range(12)], at=THEN)
    await give(world, desk, None)
    await world.link(theirs, await world.application(OWN, api_key="zenith01"))
    notes: list[str] = []
    releaser = Releaser(
        world.store,
        held,
        deliveries,
        destinations,
        Noted(notes),
        clock=lambda: NOW,
        retention=timedelta(days=100_000),
        released=lambda: notes.append("released"),
    )

    releaser.start()
    async with asyncio.timeout(20):
        while await look(database_url, "SELECT count(*) FROM withdrawals") != [(0,)]:
            await asyncio.sleep(0.01)
    await releaser.stop()

    between = " ".join(notes).split("taken")[1:-1]
    assert max(gap.count("released") for gap in between) <= 2


# Rows that PostgreSQL reads, where what its planner knows is from before a large change ---------

MANY = 20_000


async def fill(url: str, *, account_id: int, lane: int) -> None:
    """Let half of what waits be of this account and in this lane."""
    half = "CASE WHEN g % 2 = 0 THEN {} ELSE 0 END"
    ours, there = half.format(account_id), half.format(lane)
    every = f"FROM generate_series(1, {MANY}) g"
    owed = "id, kind, message_id, api_key, account_id, person, state, accepted_at"
    waiting = "kind, subject, shard, conversation, due_at, since, tries, lane, account_id"
    one = f"'d' || g, 'inbound', 'm' || g, 'acme0001', {ours}, 'p', 'pending', 0"
    other = f"'deliver', 'd' || g, 0, g, 0, 0, 0, {there}, {ours}"
    await change(url, f"INSERT INTO deliveries ({owed}) SELECT {one} {every}")
    await change(url, f"INSERT INTO pending ({waiting}) SELECT {other} {every}")
    await change(url, "ANALYZE")


@pytest.mark.parametrize(
    ("part", "index"), [("url", "ix_deliveries_held"), ("account", "pk_pending")]
)
async def test_a_slice_reads_what_it_takes_and_not_all_there_is(
    postgres_url: str, part: str, index: str
) -> None:
    store = await open_store(postgres_url)
    world = await World(store).open()
    await world.tenant()
    desk = await world.application(DESK)
    page = await world.page(application=desk)
    await fill(postgres_url, account_id=page.id, lane=lane("acme0001", desk.id))
    before = await entries_read(postgres_url, index)

    await (give(world, desk, None) if part == "url" else delete(world, page))
    await take_all(world)
    await store.close()

    assert (await states_in(postgres_url))["pending"] == MANY // 2
    assert await entries_read(postgres_url, index) - before < 3 * MANY


async def states_in(url: str) -> dict[str, int]:
    return dict(await look(url, "SELECT state, count(*) FROM deliveries GROUP BY state"))
