"""What is discarded goes in slices that are neither long nor heavy, and by names of its own."""

from __future__ import annotations

import asyncio

import pytest

from databases import look
from jackfield.accounts import Provider
from jackfield.clock import now
from jackfield.inbound import Kept, KeptBody
from jackfield.storage import books, discarding, kept
from jackfield.storage.discarding import WEIGHT, Slice
from jackfield.storage.kept_pieces import RANGE
from jackfield.storage.opening import OpenStore
from jackfield.units import Steps, Unit, alone, unit
from world import World

EVERYTHING = 2**62


def unread(*bodies: bytes) -> list[KeptBody]:
    return [KeptBody(Kept.UNREAD, None, None, "a bug of ours", body) for body in bodies]


def unknown(number: int, *, routing_key: str = "2001") -> list[KeptBody]:
    return [
        KeptBody(Kept.UNKNOWN, "messenger", routing_key, "nobody", f"{routing_key} {n}".encode())
        for n in range(number)
    ]


async def keep(world: World, pieces: list[KeptBody]) -> None:
    keeping = kept.keep(pieces, provider_app_id=world.provider_app_id, now=now())
    await world.store.commit(keeping)


def of_unread(*, after: int = 0, up_to: int = EVERYTHING, limit: int = 10) -> Unit[Slice]:
    return discarding.of_kinds([Kept.UNREAD], after=after, up_to=up_to, limit=limit)


def of_one(*, after: int = 0, up_to: int = EVERYTHING, limit: int = RANGE) -> Unit[Slice]:
    return discarding.of_unknown(Provider.MESSENGER, "2001", after=after, up_to=up_to, limit=limit)


@unit
def before(found: Slice) -> Steps[Slice]:
    """Find what somebody found who looked a moment too early."""
    yield from ()
    return found


async def discard(store: OpenStore, found: Unit[Slice]) -> Slice:
    return await store.commit(alone(discarding.discard(found)))


def ids(found: Slice) -> list[int]:
    return [piece.id for piece in found.pieces]


async def test_a_slice_ends_where_the_next_begins(world: World, store: OpenStore) -> None:
    await keep(world, unread(*[b"%d" % n for n in range(5)]))

    first = await discard(store, of_unread(limit=2))
    second = await discard(store, of_unread(after=first.goes_on_at or 0, limit=2))
    last = await discard(store, of_unread(after=second.goes_on_at or 0, limit=2))

    assert [len(each.pieces) for each in (first, second, last)] == [2, 2, 1]
    assert first.goes_on_at == ids(first)[-1] < ids(second)[0]
    assert last.goes_on_at is None


@pytest.mark.parametrize(
    ("sizes", "number"),
    [
        ([WEIGHT // 2, WEIGHT // 2, 1], 2),
        ([1, WEIGHT], 1),
        ([WEIGHT + 1, 1, 1], 1),
    ],
    ids=["just enough", "too much", "one that is too much alone"],
)
async def test_a_slice_is_not_heavy_but_for_one_piece(
    world: World, store: OpenStore, sizes: list[int], number: int
) -> None:
    await keep(world, unread(*[b"%d" % n * size for n, size in enumerate(sizes, start=1)]))

    first = await discard(store, of_unread())
    rest = await discard(store, of_unread(after=first.goes_on_at or 0))

    assert [piece.size for piece in first.pieces] == sizes[:number]
    assert [piece.size for piece in rest.pieces] == sizes[number:]
    assert (first.goes_on_at, rest.goes_on_at) == (ids(first)[-1], None)


async def test_of_two_who_discard_the_same_one_counts_it(world: World, store: OpenStore) -> None:
    await keep(world, unread(b"1", b"2", b"3"))

    one, other = await asyncio.gather(*[discard(store, of_unread()) for _ in range(2)])
    balance = await store.survey(books.balance())

    assert sorted([len(one.pieces), len(other.pieces)]) == [0, 3]
    assert (balance.discarded, balance.unread, balance.difference) == (3, 0, 0)


async def test_what_somebody_else_discarded_since_it_was_found_is_not_counted(
    world: World, store: OpenStore
) -> None:
    await keep(world, unread(b"1", b"2"))
    found = await store.read(of_unread())

    first = await discard(store, of_unread(limit=1))
    late = await discard(store, before(found))

    assert ids(late) == ids(found)[1:]
    assert len(first.pieces) == 1
    assert (await store.survey(books.balance())).difference == 0


async def test_of_an_unknown_account_is_found_what_stands_behind_a_whole_range_of_others(
    world: World, store: OpenStore, database_url: str
) -> None:
    await keep(world, unknown(RANGE + 1, routing_key="999"))
    await keep(world, unknown(3))

    first = await discard(store, of_one())
    second = await discard(store, of_one(after=first.goes_on_at or 0))

    assert (first.pieces, len(second.pieces), second.goes_on_at) == ([], 3, None)
    left = "SELECT routing_key, count(*) FROM inbound_bodies GROUP BY routing_key"
    assert await look(database_url, left) == [("999", RANGE + 1)]


async def test_nothing_newer_than_is_said_is_found(world: World, store: OpenStore) -> None:
    await keep(world, [*unread(b"seen"), *unknown(1)])
    up_to = await store.read(discarding.newest())
    await keep(world, [*unread(b"unseen"), *unknown(2)])

    pieces = await store.read(of_unread(up_to=up_to))
    messages = await store.read(of_one(up_to=up_to))

    assert (len(pieces.pieces), len(messages.pieces)) == (1, 1)


async def test_a_number_that_was_a_pieces_is_never_anothers(
    world: World, store: OpenStore
) -> None:
    nothing = await store.read(discarding.newest())
    await keep(world, unread(b"1", b"2"))
    gone = ids(await discard(store, of_unread()))
    await keep(world, unread(b"3"))

    (later,) = ids(await store.read(of_unread()))

    assert nothing == 0
    assert later > max(gone)
