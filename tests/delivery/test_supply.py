"""What is brought from the database, and that nothing which waits is looked for without end."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
from sqlalchemy import delete, func, select, update

from databases import entries_read, open_store
from dispatching import LIMITS, bring, rows_of
from jackfield.accounts import Account
from jackfield.clock import Moment
from jackfield.delivery.destinations import Paused
from jackfield.delivery.lanes import Lanes, Start
from jackfield.delivery.numbers import MATURITY
from jackfield.delivery.supply import SURVEY_PAUSE, Supply
from jackfield.problems import Unavailable
from jackfield.storage import deliveries, destinations
from jackfield.storage.dialects import Prepared
from jackfield.storage.tables import pending
from jackfield.units import Rows, Steps, Unit, unit
from world import Clock, World, said


class Away:
    """The table of URLs, which cannot be asked for a URL's lanes the first time."""

    times = 1

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever the module has
        return getattr(destinations, name)

    def lanes(self, api_key: str, url: str) -> Unit[Any]:
        if not self.times:
            return destinations.lanes(api_key, url)
        self.times -= 1
        return _away()


class Erased:
    """The deliveries, of which one was erased after its turn had been read."""

    def __init__(self, subject: str) -> None:
        self.subject = subject

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever the module has
        return getattr(deliveries, name)

    def target(self, subject: str) -> Unit[Any]:
        return deliveries.target("gone" if subject == self.subject else subject)


@unit
def _away() -> Steps[None]:
    yield from ()
    raise Unavailable("The database is away.")


def supply_of(world: World, clock: Clock, **parts: Any) -> Supply:  # noqa: ANN401 -- stand-ins
    given = {"deliveries": deliveries, "destinations": destinations, **parts}
    return Supply(world.store, limits=LIMITS, clock=clock, **given)


async def change(world: World, prepared: Prepared) -> None:
    await world.store.commit(rows_of(prepared))


async def look(world: World, prepared: Prepared) -> Rows:
    return await world.store.read(rows_of(prepared))


def started(lanes: Lanes, clock: Clock) -> list[Start]:
    found = []
    while (start := lanes.next(Moment(clock()))) is not None:
        found.append(start)
    return found


async def test_a_crowd_that_waits_for_its_next_try_is_not_looked_for_again_and_again(
    world: World,
) -> None:
    clock = Clock()
    await world.tenant()
    page = await world.page(application=await world.application("https://acme.example/in"))
    for number in range(70):
        await world.hear(said("no", to=page, by=f"p{number}"), at=clock())
    tomorrow = Moment(clock() + 86_400_000)
    await change(world, Prepared(update(pending).values(tries=1, due_at=tomorrow)))
    await world.hear(said("new", to=page, by="q"), at=clock())
    lanes, supply = Lanes(slots=32), supply_of(world, clock)

    await bring(supply, lanes)
    begun = started(lanes, clock)

    assert len(begun) == 1
    assert lanes.dry() == []
    assert lanes.wakes_at(Moment(clock())) == tomorrow


async def test_what_a_resume_brings_forward_comes_forward_although_the_store_was_away(
    world: World,
) -> None:
    clock = Clock()
    await world.tenant()
    page = await world.page(application=await world.application("https://acme.example/in"))
    await world.hear(said("1", to=page), at=clock())
    tomorrow = Moment(clock() + 86_400_000)
    await change(world, Prepared(update(pending).values(tries=1, due_at=tomorrow)))
    url = ("acme0001", "https://acme.example/in")
    await world.store.commit(destinations.pause(*url, because=Paused.REQUESTED, now=clock()))
    away = Away()
    lanes, supply = Lanes(slots=32), supply_of(world, clock, destinations=away)
    await bring(supply, lanes)
    clock.advance(timedelta(seconds=1))
    await world.store.commit(destinations.resume(*url, now=clock()))

    supply.restock()
    await bring(supply, lanes)
    supply.restock()
    await bring(supply, lanes)

    ((due_at,),) = await look(world, Prepared(select(pending.c.due_at)))
    assert away.times == 0
    assert due_at <= clock()


async def test_an_erased_head_does_not_send_the_rest_of_its_lane_into_hold(world: World) -> None:
    clock = Clock()
    await world.tenant()
    page = await world.page(application=await world.application("https://acme.example/in"))
    await world.hear(said("1", to=page, by="p"), said("2", to=page, by="q"), at=clock())
    rows = await look(world, Prepared(select(pending.c.subject).order_by(pending.c.number)))
    lanes, supply = Lanes(slots=32), supply_of(world, clock, deliveries=Erased(rows[0][0]))

    await bring(supply, lanes)

    assert len(started(lanes, clock)) == 2
    assert len(await look(world, Prepared(select(pending.c.number)))) == 2


async def looked_at(world: World, clock: Clock) -> tuple[Lanes, Supply, Account]:
    """Return lanes that were surveyed a moment ago, when something was there, which is done."""
    await world.tenant()
    page = await world.page(application=await world.application("https://acme.example/in"))
    await world.hear(said("first", to=page, by="p"), at=clock())
    lanes, supply = Lanes(slots=32), supply_of(world, clock)
    await bring(supply, lanes)
    await change(world, Prepared(delete(pending)))
    end(started(lanes, clock), lanes, supply)
    return lanes, supply, page


def end(starts: list[Start], lanes: Lanes, supply: Supply) -> None:
    """Let the one thing that was started be over."""
    (start,) = starts
    start.gate.abandon()
    supply.ended(start.item)
    lanes.ended(start)


async def test_what_was_stored_long_after_it_came_is_found_by_the_next_survey(
    world: World,
) -> None:
    clock = Clock()
    lanes, supply, page = await looked_at(world, clock)
    await world.hear(said("late", to=page), at=Moment(clock() - 60_000))

    lanes.heard(next(iter(lanes.known())).number)
    await bring(supply, lanes)
    at_once = started(lanes, clock)
    clock.advance(SURVEY_PAUSE)
    await bring(supply, lanes)

    assert at_once == []
    assert len(started(lanes, clock)) == 1


async def test_what_has_a_number_that_was_done_with_goes_before_its_followers(
    world: World,
) -> None:
    clock = Clock()
    lanes, supply, page = await looked_at(world, clock)
    (lane,) = lanes.known()
    for _ in range(3):  # so that the lowest number is sure
        clock.advance(MATURITY)
        lanes.heard(lane.number)
        await bring(supply, lanes)
    await world.hear(said("late", to=page, by="p"), said("next", to=page, by="p"), at=clock())
    early = update(pending).where(
        pending.c.number == select(func.min(pending.c.number)).scalar_subquery()
    )
    await change(world, Prepared(early.values(number=0, due_at=clock() + 1)))
    clock.advance(timedelta(seconds=1))

    lanes.heard(lane.number)
    await bring(supply, lanes)

    assert [start.item.number for start in started(lanes, clock)] == [0]


async def test_what_comes_after_the_clock_was_put_back_is_found_at_once(world: World) -> None:
    clock = Clock()
    lanes, supply, page = await looked_at(world, clock)
    clock.advance(timedelta(hours=-1))
    await world.hear(said("earlier", to=page), at=clock())

    lanes.heard(next(iter(lanes.known())).number)
    await bring(supply, lanes)

    assert len(started(lanes, clock)) == 1


class Crawling:
    """A store on which a search for lanes ends when it is told to."""

    def __init__(self, world: World) -> None:
        self._store = world.store
        self._searching: list[Unit[Any]] = []
        self.searches = 0
        self.may_end = asyncio.Event()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever the store has
        return getattr(self._store, name)

    async def read(self, work: Unit[Any]) -> Any:  # noqa: ANN401 -- as a store has it
        if work in self._searching:
            self.searches += 1
            await self.may_end.wait()
        return await self._store.read(work)

    def searching(self) -> Any:  # noqa: ANN401 -- a stand-in for a module
        """Return the deliveries, whose searches are known to this store."""
        store = self

        class Deliveries:
            def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever the module has
                return getattr(deliveries, name)

            def lanes(self) -> Unit[Any]:
                store._searching.append(deliveries.lanes())
                return store._searching[-1]

        return Deliveries()


async def test_what_is_heard_of_goes_out_while_all_lanes_are_searched_for(world: World) -> None:
    clock = Clock()
    await world.tenant()
    page = await world.page(application=await world.application("https://acme.example/in"))
    accepted = await world.hear(said("hello", to=page), at=clock())
    store = Crawling(world)
    lanes = Lanes(slots=32)
    supply = Supply(store, store.searching(), destinations, limits=LIMITS, clock=clock)
    for number in accepted.lanes:
        lanes.heard(number)

    await supply.bring(lanes, busy=())
    is_searching = supply.is_searching
    begun = started(lanes, clock)
    store.may_end.set()
    await bring(supply, lanes)

    assert is_searching
    assert len(begun) == 1
    assert store.searches == 1


async def test_what_is_done_with_is_not_read_again_while_a_snapshot_keeps_it(
    postgres_url: str,
) -> None:
    clock, many = Clock(), 400
    store = await open_store(postgres_url)
    world = await World(store).open()
    await world.tenant()
    page = await world.page(application=await world.application("https://acme.example/in"))
    lanes, supply = Lanes(slots=32), supply_of(world, clock)
    before = await entries_read(postgres_url, "ix_pending_first")  # by whoever had this database
    reader = await asyncpg.connect(postgres_url)
    before_of_heads = await entries_read(postgres_url, "ix_pending_conversation")
    async with reader.transaction(isolation="repeatable_read"):
        await reader.fetch("SELECT 1 FROM pending")
        for _ in range(many):
            clock.advance(timedelta(seconds=1))
            await world.hear(said("hello", to=page), at=clock())
            for lane in lanes.known():
                lanes.heard(lane.number)
            await bring(supply, lanes)
            await change(world, Prepared(delete(pending)))
            end(started(lanes, clock), lanes, supply)
        await store.close()
    await reader.close()

    read = await entries_read(postgres_url, "ix_pending_first") - before
    of_heads = await entries_read(postgres_url, "ix_pending_conversation") - before_of_heads
    # A search reads all of it, every fifth second here; a look reads what is of its last seconds.
    searches = many / 5 * many / 2
    assert read < searches + many * 10
    # Of a conversation it is what came in the last two minutes.
    assert of_heads < many * 125
