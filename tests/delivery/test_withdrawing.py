"""What goes nowhere any more is taken back in slices, and nothing is lost or overtaken by that."""

from __future__ import annotations

from collections import defaultdict
from enum import Enum, auto
from itertools import count

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from afterwards import releasing
from databases import change as change_past_the_store
from databases import look
from dispatching import dispatching, states, until_nothing_is_left
from due import due
from jackfield.applications import remove
from jackfield.clock import Moment
from jackfield.deliveries import Attempt, Outcome, Pending
from jackfield.delivery import release
from jackfield.delivery.withdrawing import Withdrawal, Withdrawer
from jackfield.storage import applications, deliveries, held, replaying
from jackfield.storage import withdrawing as withdrawals
from jackfield.units import Unit, alone
from receiver import Receiver
from taking_back import (
    DESK,
    NOW,
    OWN,
    THEN,
    delete,
    give,
    owed,
    release_all,
    take_all,
    withdrawer,
)
from world import World, said

pytestmark = pytest.mark.usefixtures("slices")

PEOPLE = ("700000000000001", "700000000000002", "700000000000003")


async def marks(database_url: str) -> int:
    ((number,),) = await look(database_url, "SELECT count(*) FROM withdrawals")
    return int(number)


def ended(item: Pending) -> Attempt:
    return Attempt(item.tries + 1, THEN, 5, Outcome.DELIVERED, status=200)


async def test_the_newest_is_held_first_and_the_rest_slice_by_slice(
    world: World, database_url: str
) -> None:
    await world.tenant()
    desk = await world.application(DESK)
    page = await world.page(application=desk)
    await world.hear(*[said(str(n), to=page) for n in range(8)], at=THEN)

    await give(world, desk, None)
    at_once = await owed(database_url)
    slices = withdrawer(world)
    went_on = [await slices.take_slices() for _ in range(2)]

    assert at_once == [(str(n), desk.id) for n in range(5)]
    assert went_on == [True, False]
    assert await owed(database_url) == []
    assert await states(world) == {"held": 8}
    assert await marks(database_url) == 0


async def test_what_arrives_meanwhile_goes_to_the_tenants_own_url_behind_what_is_taken_back(
    world: World, database_url: str
) -> None:
    await world.tenant(inbound_url=OWN)
    desk = await world.application(DESK)
    page = await world.page(application=desk)
    await world.hear(*[said(str(n), to=page) for n in range(7)], at=THEN)

    await world.store.commit(remove(desk.id, api_key=desk.api_key, applications=applications))
    await world.hear(said("7", to=page), at=THEN)
    listed = await world.store.read(held.releasing())
    released = await world.store.commit(alone(release.release_slice(page.id, now=NOW, held=held)))
    while_it_lasts = await owed(database_url)
    await take_all(world)
    await release_all(world)

    assert (listed, released) == ([], 0)
    assert while_it_lasts == [(str(n), desk.id) for n in range(4)]
    assert await owed(database_url) == [(str(n), None) for n in range(8)]


async def test_what_arrives_for_an_account_of_which_nothing_is_taken_yet_waits_too(
    world: World, database_url: str
) -> None:
    await world.tenant(inbound_url=OWN)
    desk = await world.application(DESK)
    quiet, busy = await world.page("1", application=desk), await world.page("2", application=desk)
    await world.hear(said("0", to=quiet), at=THEN)
    await world.hear(*[said(str(n), to=busy) for n in range(1, 6)], at=THEN)

    await give(world, desk, None)
    await world.hear(said("6", to=quiet), at=THEN)
    await take_all(world)
    await release_all(world)

    assert [text for text, _ in await owed(database_url) if text in {"0", "6"}] == ["0", "6"]


async def test_what_arrives_once_the_url_is_there_again_is_not_before_what_was_left(
    world: World, database_url: str
) -> None:
    await world.tenant()
    desk = await world.application(DESK)
    quiet, busy = await world.page("1", application=desk), await world.page("2", application=desk)
    await world.hear(said("0", to=quiet), at=THEN)
    await world.hear(*[said(str(n), to=busy) for n in range(1, 6)], at=THEN)
    await give(world, desk, None)

    await give(world, desk, DESK)
    await world.hear(said("6", to=quiet), at=THEN)
    await take_all(world)
    await release_all(world)

    assert [text for text, _ in await owed(database_url) if text in {"0", "6"}] == ["0", "6"]


async def test_another_tenants_messages_are_released_meanwhile(
    world: World, database_url: str
) -> None:
    await world.tenant()
    await world.tenant("zenith01")
    desk = await world.application(DESK)
    page = await world.page("1", application=desk)
    theirs = await world.page("2", api_key="zenith01")
    await world.hear(said("theirs", to=theirs), at=THEN)
    await world.hear(*[said(str(n), to=page) for n in range(5)], at=THEN)
    await give(world, desk, None)

    await world.link(theirs, await world.application(OWN, api_key="zenith01"))
    await release_all(world)

    assert "theirs" in [text for text, _ in await owed(database_url)]
    assert await marks(database_url) == 1


async def test_a_url_that_is_there_again_hears_what_was_left_before_what_had_been_taken(
    world: World, database_url: str
) -> None:
    await world.tenant()
    desk = await world.application(DESK)
    page = await world.page(application=desk)
    await world.hear(*[said(str(n), to=page) for n in range(6)], at=THEN)
    await give(world, desk, None)

    await give(world, desk, DESK)
    await world.hear(said("6", to=page), at=THEN)
    is_more = await withdrawer(world).take_slices()
    await release_all(world)

    assert not is_more
    assert await owed(database_url) == [(str(n), desk.id) for n in range(7)]


async def test_a_url_taken_again_before_the_first_was_done_takes_back_what_came_between(
    world: World, database_url: str
) -> None:
    await world.tenant()
    desk = await world.application(DESK)
    await world.hear(
        *[said(str(n), to=await world.page(str(n), application=desk)) for n in range(6)], at=THEN
    )
    slices = withdrawer(world)
    await give(world, desk, None)
    await give(world, desk, DESK)
    late = await world.page("6", application=desk)
    await world.hear(*[said(str(n), to=late) for n in range(6, 11)], at=THEN)
    await give(world, desk, None)

    while await slices.take_slices():
        pass

    assert await states(world) == {"held": 11}


@pytest.mark.parametrize("many", [2, 7])
async def test_tests_are_dead_once_their_application_goes_nowhere(
    world: World, database_url: str, many: int
) -> None:
    await world.tenant()
    desk = await world.application(DESK)
    page = await world.page(application=desk)
    await world.hear(*[said(str(n), to=page) for n in range(many)], at=THEN)
    await change_past_the_store(database_url, "UPDATE deliveries SET kind = 'test'")
    await give(world, desk, None)

    for item in await due(world.store, NOW):
        await world.store.commit(deliveries.take_back(item, now=NOW))  # as the dispatcher asks
    await take_all(world)

    assert await states(world) == {"dead": many}


async def test_nothing_of_a_deleted_account_is_sent_while_it_is_taken_back(
    world: World, database_url: str
) -> None:
    await world.tenant()
    desk = await world.application(DESK)
    page, other = await world.page("1", application=desk), await world.page("2", application=desk)
    people = [f"70000000000000{n}" for n in range(5)]
    await world.hear(*[said(by, to=page, by=by) for by in people], said("x", to=other), at=THEN)
    before = await due(world.store, NOW)

    await delete(world, page)
    left = {item.number for item in await due(world.store, NOW)}
    outgoing = [await world.store.read(deliveries.outgoing(item)) for item in before]
    buried = [await world.store.commit(deliveries.bury(item, now=NOW)) for item in before]
    states_then = await states(world)
    await take_all(world)

    assert len(left) == 3  # two of the deleted account's are still in the way
    assert [each is not None for each in outgoing] == [False] * 5 + [True]
    assert buried == [False] * 6
    assert states_then == await states(world) == {"dead": 5, "pending": 1}
    assert await marks(database_url) == 0


async def test_held_messages_and_people_of_a_deleted_account_go_slice_by_slice(
    world: World, database_url: str
) -> None:
    await world.tenant()
    page = await world.page()
    people = [f"70000000000000{n}" for n in range(8)]
    await world.hear(*[said(by, to=page, by=(by, f"psid-{by}")) for by in people], at=THEN)

    await delete(world, page)
    at_first = await states(world)
    await take_all(world)

    assert at_first == {"held": 5, "dead": 3}
    assert await states(world) == {"dead": 8}
    assert await look(database_url, "SELECT count(*) FROM contacts") == [(0,)]


async def test_what_is_sent_again_although_its_account_is_gone_is_not_taken_back(
    world: World, database_url: str
) -> None:
    await world.tenant()
    page = await world.page(application=await world.application(DESK))
    await world.hear(*[said(str(n), to=page) for n in range(5)], at=THEN)
    await delete(world, page)
    ((dead,),) = await look(
        database_url, "SELECT id FROM deliveries WHERE state = 'dead' ORDER BY number LIMIT 1"
    )

    await world.store.commit(replaying.put_back([dead], now=NOW))
    again = max(await due(world.store, NOW), key=lambda item: item.number)
    outgoing = await world.store.read(deliveries.outgoing(again))
    await world.store.commit(deliveries.bury(again, now=NOW))
    await take_all(world)

    assert outgoing is not None
    assert await states(world) == {"dead": 4, "pending": 1}


class Broken:
    """The marks, of which one meets a bug of ours whenever it is looked at."""

    def __init__(self, number: int) -> None:
        self.number = number

    def begun(self) -> Unit[list[Withdrawal]]:
        return withdrawals.begun()

    def take_slice(self, withdrawal: Withdrawal, *, up_to: int, now: Moment) -> Unit[int | None]:
        if withdrawal.number == self.number:
            raise ZeroDivisionError
        return withdrawals.take_slice(withdrawal, up_to=up_to, now=now)


async def test_a_bug_met_with_one_mark_keeps_no_other_waiting(world: World) -> None:
    await world.tenant()
    for name in ("1", "2"):
        desk = await world.application(DESK)
        page = await world.page(name, application=desk)
        await world.hear(*[said(str(n), to=page) for n in range(7)], at=THEN)
        await give(world, desk, None)
    first, _ = await world.store.read(withdrawals.begun())

    one = Withdrawer(world.store, Broken(first.number), clock=lambda: NOW, ended=lambda: None)
    while await one.take_slices():
        pass

    assert await world.store.read(withdrawals.begun()) == [first]


async def test_whatever_is_taken_back_while_it_flows_is_heard_once_and_in_order(
    world: World,
) -> None:
    many = 120
    async with Receiver() as own, Receiver() as desk:
        await world.tenant(inbound_url=own.url)
        application = await world.application(desk.url)
        page = await world.page(application=application)
        people = [f"70000000000000{n}" for n in range(4)]
        said_of = [said(f"{n:03}", to=page, by=people[n % 4]) for n in range(many)]
        async with dispatching(world) as dispatcher, releasing(world, dispatcher) as releaser:
            await world.hear(*said_of[:80])
            dispatcher.wake()
            await desk.until(1)
            await give(world, application, None)
            releaser.wake()
            await world.hear(*said_of[80:])
            dispatcher.wake()
            await until_nothing_is_left(world)
            await own.until(many - len(desk.texts))
            await until_nothing_is_left(world)

    assert sorted(desk.texts + own.texts) == [f"{n:03}" for n in range(many)]
    for heard in (desk.texts, own.texts):
        for which in range(4):
            theirs = [text for text in heard if int(text) % 4 == which]
            assert theirs == sorted(theirs)
    assert await states(world) == {"delivered": many}


class Act(Enum):
    """What may happen in any order while an application's URL comes and goes."""

    HEAR = auto()
    DELIVER = auto()
    TAKE = auto()
    GIVE = auto()
    SLICE = auto()
    RELEASE = auto()


class Play:
    """What happens to two accounts of one application, and what each URL heard of whom."""

    def __init__(self, world: World, example: int) -> None:
        self.world = world
        self.name = f"{example:08}"
        self.number = count()
        self.heard: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        self.slices = withdrawer(world)

    async def open(self, *, has_own_url: bool) -> None:
        await self.world.tenant(self.name, inbound_url=OWN if has_own_url else None)
        self.desk = await self.world.application(DESK, api_key=self.name)
        self.pages = [
            await self.world.page(f"{self.name}{which}", application=self.desk, api_key=self.name)
            for which in range(2)
        ]

    async def perform(self, act: Act, person: str) -> None:
        match act:
            case Act.HEAR:
                page = self.pages[person == PEOPLE[0]]
                await self.world.hear(said(str(next(self.number)), to=page, by=person))
            case Act.DELIVER:
                await self.deliver()
            case Act.TAKE | Act.GIVE:
                await give(self.world, self.desk, DESK if act is Act.GIVE else None)
            case Act.SLICE:
                await self.slices.take_slices()
            case Act.RELEASE:
                await release_all(self.world)

    async def deliver(self) -> bool:
        """Do as the dispatcher would with one head; return whether there was one to deliver."""
        for item in await due(self.world.store, NOW):
            outgoing = await self.world.store.read(deliveries.outgoing(item))
            if not item.is_head or outgoing is None:
                continue
            if outgoing.url is None:
                await self.world.store.commit(deliveries.take_back(item, now=NOW))
                continue
            told = msgspec.json.decode(outgoing.body)
            self.heard[outgoing.url, told["from"]].append(int(told["text"]))
            await self.world.store.commit(deliveries.succeed(item, ended(item), now=NOW))
            return True
        return False

    async def finish(self) -> None:
        await self.perform(Act.GIVE, "")
        is_more = True
        while is_more:
            await take_all(self.world)
            await release_all(self.world)
            is_more = await self.deliver()


_examples = count(1)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    acts=st.lists(
        st.tuples(st.sampled_from([*Act, Act.HEAR, Act.HEAR]), st.sampled_from(PEOPLE)),
        max_size=40,
    ),
    has_own_url=st.booleans(),
)
async def test_in_whatever_order_a_url_comes_and_goes_each_hears_each_person_in_order(
    world: World, database_url: str, *, acts: list[tuple[Act, str]], has_own_url: bool
) -> None:
    for table in ("pending", "withdrawals"):
        await change_past_the_store(database_url, f"DELETE FROM {table}")  # noqa: S608 - our own
    play = Play(world, next(_examples))
    await play.open(has_own_url=has_own_url)

    for act, person in acts:
        await play.perform(act, person)
    await play.finish()

    numbers = [number for heard in play.heard.values() for number in heard]
    assert sorted(numbers) == list(range(next(play.number)))
    assert all(heard == sorted(heard) for heard in play.heard.values())
