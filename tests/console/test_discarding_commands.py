"""What nobody will need is thrown away: counted first, in slices, and nothing that is unseen."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

import msgspec
import pytest
from structlog.testing import capture_logs

from gateway import Doors
from jackfield.accounts import Provider
from jackfield.clock import now
from jackfield.console import discarding
from jackfield.console.kept_orders import (
    DiscardUnknown,
    DiscardUnread,
    UnknownDiscarded,
    UnreadDiscarded,
)
from jackfield.inbound import Kept, KeptBody
from jackfield.keeping.retention import SLICE
from jackfield.metrics import Waiting
from jackfield.problems import Invalid, NotFound
from jackfield.storage import books, kept, waiting
from jackfield.storage import discarding as stored
from jackfield.storage.kept_pieces import RANGE
from jackfield.storage.tables import inbound_bodies
from jackfield.units import Result, Unit
from standing_in import StandIn
from world import World

CANARY = "canary: what somebody wrote"
PAGE = "200000000000002"
OF_PAGE = DiscardUnknown(provider=Provider.MESSENGER, routing_key=PAGE)


@pytest.fixture
async def world(both: Doors) -> World:
    return await World(both.gateway.store).open()


async def keep(
    world: World, kind: Kept, number: int, *, called: str = CANARY, routing_key: str = PAGE
) -> None:
    """Keep so many pieces of a kind, each with another content."""
    pieces = [
        KeptBody(kind, "messenger", routing_key, "a bug of ours", f"{called} {n}".encode())
        for n in range(number)
    ]
    keeping = kept.keep(pieces, provider_app_id=world.provider_app_id, now=now())
    await world.store.commit(keeping)


async def keep_some_of_each(world: World) -> None:
    await keep(world, Kept.UNREAD, 3)
    await keep(world, Kept.DIFFERS, 2)
    await keep(world, Kept.UNKNOWN, 1)


async def kinds(both: Doors) -> dict[str, int]:
    """Return how many pieces there are of each kind of which there are any."""
    counts = {kind.value: await both.count(inbound_bodies, kind=kind.value) for kind in Kept}
    return {kind: count for kind, count in counts.items() if count}


async def discarded(both: Doors) -> int:
    """Return how many the books have as discarded; they agree."""
    balance = await both.gateway.store.survey(books.balance())
    assert balance.difference == 0
    return balance.discarded


async def is_alarming(both: Doors) -> bool:
    sight = await both.gateway.store.survey(waiting.sight(now()))
    return Waiting.UNREAD in sight.since


def numbers(done: UnreadDiscarded) -> tuple[int, int]:
    return done.unread, done.differs


async def test_all_that_could_not_be_read_or_differs_goes_and_the_alarm_with_it(
    both: Doors, world: World
) -> None:
    await keep_some_of_each(world)
    was_alarming = await is_alarming(both)

    done = await discarding.discard_unread(both.gateway, DiscardUnread())
    again = await discarding.discard_unread(both.gateway, DiscardUnread())

    assert (numbers(done), done.next, numbers(again)) == ((3, 2), None, (0, 0))
    assert await kinds(both) == {"unknown": 1}
    assert await discarded(both) == 5
    assert (was_alarming, await is_alarming(both)) == (True, False)


@pytest.mark.parametrize(
    ("order", "left"),
    [
        (DiscardUnread(kind="unread"), {"differs": 2, "unknown": 1}),
        (DiscardUnread(kind="differs"), {"unread": 3, "unknown": 1}),
    ],
    ids=["unread", "differs"],
)
async def test_of_a_kind_only_that_kind_goes(
    both: Doors, world: World, order: DiscardUnread, left: dict[str, int]
) -> None:
    await keep_some_of_each(world)

    await discarding.discard_unread(both.gateway, order)

    assert await kinds(both) == left


async def test_a_dry_run_counts_what_then_goes_and_changes_nothing(
    both: Doors, world: World
) -> None:
    await keep_some_of_each(world)
    counting = DiscardUnread(dry_run=True)
    of_page = msgspec.structs.replace(OF_PAGE, dry_run=True)

    pieces = await discarding.discard_unread(both.gateway, counting)
    messages = await discarding.discard_unknown(both.gateway, of_page)

    assert (numbers(pieces), pieces.dry_run) == ((3, 2), True)
    assert (messages.messages, messages.dry_run) == (1, True)
    assert await kinds(both) == {"unread": 3, "unknown": 1, "differs": 2}
    assert await discarded(both) == 0


async def test_one_piece_goes_alone_and_is_not_there_then(both: Doors, world: World) -> None:
    await keep(world, Kept.UNREAD, 3)
    newest = await both.gateway.store.read(stored.newest())

    counted = await discarding.discard_unread(both.gateway, DiscardUnread(id=newest, dry_run=True))
    done = await discarding.discard_unread(both.gateway, DiscardUnread(id=newest))

    assert numbers(counted) == numbers(done) == (1, 0)
    assert await kinds(both) == {"unread": 2}
    assert await discarded(both) == 1
    with pytest.raises(NotFound, match=f"no piece {newest} here .`jackfield unread list`"):
        await discarding.discard_unread(both.gateway, DiscardUnread(id=newest))


async def test_a_piece_of_an_unknown_account_is_not_taken_for_an_unread_one(
    both: Doors, world: World
) -> None:
    await keep(world, Kept.UNKNOWN, 1)
    newest = await both.gateway.store.read(stored.newest())

    for dry_run in (True, False):
        with pytest.raises(NotFound):
            await discarding.discard_unread(
                both.gateway, DiscardUnread(id=newest, dry_run=dry_run)
            )

    assert await kinds(both) == {"unknown": 1}


@pytest.mark.parametrize("piece_id", [0, -1, 2**62])
async def test_a_number_that_no_piece_can_have_is_refused(both: Doors, piece_id: int) -> None:
    with pytest.raises(Invalid, match="a whole number"):
        await discarding.discard_unread(both.gateway, DiscardUnread(id=piece_id))


async def test_of_unknown_accounts_one_loses_what_was_written_to_it(
    both: Doors, world: World
) -> None:
    await keep_some_of_each(world)
    await keep(world, Kept.UNKNOWN, 4, routing_key="300")
    to_whatsapp = DiscardUnknown(provider=Provider.WHATSAPP, routing_key="300")
    to_messenger = DiscardUnknown(provider=Provider.MESSENGER, routing_key="300")

    elsewhere = await discarding.discard_unknown(both.gateway, to_whatsapp)
    done = await discarding.discard_unknown(both.gateway, to_messenger)

    assert (elsewhere.messages, done.messages, done.next) == (0, 4, None)
    assert await both.count(inbound_bodies, kind="unknown", routing_key=PAGE) == 1
    assert await kinds(both) == {"unread": 3, "unknown": 1, "differs": 2}
    assert await discarded(both) == 4


async def test_what_comes_after_it_was_counted_stays(both: Doors, world: World) -> None:
    await keep_some_of_each(world)
    counting = DiscardUnread(dry_run=True)
    pieces = await discarding.discard_unread(both.gateway, counting)
    messages = await discarding.discard_unknown(
        both.gateway, msgspec.structs.replace(OF_PAGE, dry_run=True)
    )
    for kind in Kept:
        await keep(world, kind, 1, called="unseen")

    done = await discarding.discard_unread(both.gateway, DiscardUnread(up_to=pieces.up_to))
    done_too = await discarding.discard_unknown(
        both.gateway, msgspec.structs.replace(OF_PAGE, up_to=messages.up_to)
    )

    assert numbers(done) == numbers(pieces)
    assert done_too.messages == messages.messages
    assert await kinds(both) == {"unread": 1, "unknown": 1, "differs": 1}
    assert await both.count(inbound_bodies, body=b"unseen 0") == 3


async def test_even_where_all_that_was_counted_is_gone_by_then(both: Doors, world: World) -> None:
    await keep(world, Kept.UNREAD, 3)
    counted = await discarding.discard_unread(both.gateway, DiscardUnread(dry_run=True))
    await discarding.discard_unread(both.gateway, DiscardUnread())
    await keep(world, Kept.UNREAD, 1, called="unseen")

    done = await discarding.discard_unread(both.gateway, DiscardUnread(up_to=counted.up_to))

    assert numbers(done) == (0, 0)
    assert await kinds(both) == {"unread": 1}


async def test_of_two_who_discard_at_once_each_piece_counts_for_one(
    both: Doors, world: World
) -> None:
    await keep(world, Kept.UNREAD, SLICE + 50)

    both_done = await asyncio.gather(
        *[discarding.discard_unread(both.gateway, DiscardUnread()) for _ in range(2)]
    )

    assert sum(each.unread for each in both_done) == SLICE + 50
    assert await discarded(both) == SLICE + 50


@dataclass
class Watched(StandIn):
    """The real store, which notes how many pieces each transaction took, and if it was alone."""

    taken: list[int] = field(default_factory=list)
    are_alone: list[bool] = field(default_factory=list)

    async def commit(self, work: Unit[Result]) -> Result:
        done = await self.store.commit(work)
        assert isinstance(done, stored.Slice)
        self.taken.append(len(done.pieces))
        self.are_alone.append(work.is_alone)
        return done


async def test_many_go_a_few_at_a_time_each_few_in_a_transaction_of_their_own(
    both: Doors, world: World
) -> None:
    await keep(world, Kept.UNREAD, 2 * SLICE + 1)
    await keep(world, Kept.UNKNOWN, SLICE + 1)
    store = Watched(both.gateway.store)
    gateway = replace(both.gateway, store=store)

    pieces = await discarding.discard_unread(gateway, DiscardUnread())
    messages = await discarding.discard_unknown(gateway, OF_PAGE)

    assert (pieces.unread, messages.messages) == (2 * SLICE + 1, SLICE + 1)
    assert store.taken == [SLICE, SLICE, 1, SLICE, 1]
    assert all(store.are_alone)


async def test_a_long_one_answers_in_between_and_goes_on_there(both: Doors, world: World) -> None:
    await keep(world, Kept.UNREAD, SLICE + 1)
    await keep(world, Kept.DIFFERS, SLICE)
    orders = [DiscardUnread()]
    done: list[UnreadDiscarded] = []

    while len(orders) > len(done):
        step = await discarding.discard_unread(both.gateway, orders[-1], longest=0)
        done.append(step)
        await keep(world, Kept.UNREAD, 1, called=f"unseen {len(done)}")
        if step.next is not None:
            orders.append(DiscardUnread(after=step.next, up_to=step.up_to))

    assert [each.unread + each.differs for each in done] == [SLICE, SLICE, 1]
    assert await kinds(both) == {"unread": len(done)}
    assert await discarded(both) == 2 * SLICE + 1


async def test_a_long_count_of_one_account_goes_on_too(both: Doors, world: World) -> None:
    await keep(world, Kept.UNKNOWN, RANGE + 1, routing_key="300")
    await keep(world, Kept.UNKNOWN, 2)
    counting = msgspec.structs.replace(OF_PAGE, dry_run=True)

    first = await discarding.discard_unknown(both.gateway, counting, longest=0)
    going_on = msgspec.structs.replace(counting, after=first.next or "", up_to=first.up_to)
    second = await discarding.discard_unknown(both.gateway, going_on, longest=0)

    assert (first.messages, second.messages, second.next) == (0, 2, None)


async def test_what_was_discarded_is_logged_in_numbers_only(both: Doors, world: World) -> None:
    await keep_some_of_each(world)

    with capture_logs() as logs:
        await discarding.discard_unread(both.gateway, DiscardUnread(dry_run=True))
        await discarding.discard_unread(both.gateway, DiscardUnread())
        done: UnknownDiscarded = await discarding.discard_unknown(both.gateway, OF_PAGE)

    assert done.messages == 1
    assert logs == [
        {"event": "unread.discarded", "log_level": "info", "unread": 3, "differs": 2},
        {
            "event": "unknown.discarded",
            "log_level": "info",
            "provider": "messenger",
            "messages": 1,
        },
    ]
