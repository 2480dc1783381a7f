"""The table of kept answers: found for a while, taken over afterwards, swept out in slices."""

from __future__ import annotations

from jackfield.clock import Moment
from jackfield.storage import idempotency
from jackfield.storage.opening import OpenStore
from jackfield.units import Store

DAY = 86_400_000
NOON = Moment(1_700_000_000_000)


def later(milliseconds: int) -> Moment:
    return Moment(NOON + milliseconds)


async def keep(store: Store, key: str, *, at: Moment, answer: bytes = b"sealed") -> bool:
    work = idempotency.add(
        "acme0001",
        "POST",
        "/v2/applications",
        key,
        digest=b"digest of " + answer,
        status=201,
        answer=answer,
        now=at,
        since=Moment(at - DAY),
    )
    return await store.commit(work)


async def found(store: Store, key: str, *, at: Moment) -> bytes | None:
    work = idempotency.find("acme0001", "POST", "/v2/applications", key, since=Moment(at - DAY))
    kept = await store.read(work)
    return None if kept is None else kept[1]


async def expire(store: Store, *, until: Moment, limit: int) -> int:
    return await store.commit(idempotency.expire(until=until, limit=limit))


async def test_the_first_one_stays_until_its_day_is_over(store: OpenStore) -> None:
    first = await keep(store, "key", at=NOON, answer=b"first")
    second = await keep(store, "key", at=later(DAY - 1), answer=b"second")
    between = await found(store, "key", at=later(DAY - 1))
    third = await keep(store, "key", at=later(DAY), answer=b"third")

    assert (first, second, third) == (True, False, True)
    assert between == b"first"
    assert await found(store, "key", at=later(DAY)) == b"third"


async def test_what_is_over_is_not_found_although_it_is_there(store: OpenStore) -> None:
    await keep(store, "key", at=NOON)

    assert await found(store, "key", at=later(DAY)) is None
    assert await expire(store, until=NOON, limit=10) == 1


async def test_the_oldest_go_first_and_no_more_than_a_slice(store: OpenStore) -> None:
    for number in (3, 1, 4, 2, 5):
        await keep(store, f"key {number}", at=later(number))

    slices = [await expire(store, until=later(4), limit=3) for _ in range(3)]

    assert slices == [3, 1, 0]
    left = [await found(store, f"key {number}", at=later(5)) for number in range(1, 6)]
    assert left == [None, None, None, None, b"sealed"]
