"""The books agree whatever happens, and differ as soon as something is lost or made up."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from business import ACTS, Business
from databases import change, look, open_store
from jackfield.balance import Balance
from jackfield.storage import books
from jackfield.storage.opening import OpenStore
from jackfield.units import alone
from world import World

OVERDUE = ["hear two", "let time pass", "outlive"]
LONG_AGO = ["hear strange things", "give up", *["let time pass"] * 8, "let go"]
LATELY = ["hear two", "hear again", "hear strange things", "deliver", "give up"]
ALL_TWICE = [*ACTS, *reversed(list(ACTS)), *OVERDUE, *LONG_AGO, *LATELY]


@pytest.fixture
async def business(store: OpenStore) -> Business:
    return await Business(await World(store).open(), store).open()


async def test_the_books_agree_after_everything_that_may_happen(business: Business) -> None:
    differences = []
    for name in ALL_TWICE:
        await ACTS[name](business)
        differences.append((name, (await business.balance()).difference))

    balance = await business.balance()
    assert differences == [(name, 0) for name in ALL_TWICE]
    # Every term was used, so none of them agrees for want of anything to count.
    assert [name for name, count in balance.terms.items() if not count] == ["adjusted"]


NOT_WHOLE = """
SELECT 'to be done, but nothing pending' FROM pending WHERE NOT EXISTS (
    SELECT 1 FROM deliveries WHERE id = pending.subject AND state = 'pending')
UNION ALL SELECT 'pending, but not to be done' FROM deliveries WHERE state = 'pending'
    AND NOT EXISTS (SELECT 1 FROM pending WHERE subject = deliveries.id)
UNION ALL SELECT 'without its message' FROM deliveries WHERE NOT EXISTS (
    SELECT 1 FROM messages WHERE id = deliveries.message_id)
UNION ALL SELECT 'an attempt of nothing' FROM attempts WHERE NOT EXISTS (
    SELECT 1 FROM deliveries WHERE id = attempts.delivery_id)
UNION ALL SELECT 'a message that would come again' FROM messages WHERE NOT EXISTS (
    SELECT 1 FROM provider_message_ids WHERE message_id = messages.id)
"""
"""What must never be, whatever retention let go meanwhile."""


@settings(max_examples=25, deadline=None)
@given(names=st.lists(st.sampled_from(sorted(ACTS)), max_size=12))
def test_the_books_agree_in_whatever_order_it_happens(
    sqlite_template: Path, names: list[str]
) -> None:
    async def go_through() -> tuple[list[int], list[tuple[object, ...]]]:
        with TemporaryDirectory() as directory:
            path = Path(directory) / "jackfield.sqlite3"
            shutil.copy(sqlite_template, path)
            store = await open_store(f"sqlite:///{path}")
            business = await Business(await World(store).open(), store).open()
            differences = []
            for name in names:
                await ACTS[name](business)
                differences.append((await business.balance()).difference)
            await store.close()
            return differences, await look(f"sqlite:///{path}", NOT_WHOLE)

    differences, not_whole = asyncio.run(go_through())

    assert differences == [0] * len(names)
    assert not_whole == []


DEFECTS = {
    "a pending row is gone": (
        "DELETE FROM pending WHERE number = (SELECT min(number) FROM pending)",
        1,
    ),
    "a pending row is doubled": (
        """INSERT INTO pending (kind, subject, shard, conversation, since, tries)
        SELECT kind, subject, shard, conversation, since, tries FROM pending
        WHERE number = (SELECT min(number) FROM pending)""",
        -1,
    ),
    "a held delivery came from nowhere": (
        """INSERT INTO deliveries
        (id, kind, message_id, api_key, account_id, person, state, accepted_at)
        SELECT 'made-up', kind, message_id, api_key, account_id, person, 'held', accepted_at
        FROM deliveries WHERE number = (SELECT min(number) FROM deliveries)""",
        -1,
    ),
    "a held one counts as delivered": (
        """UPDATE deliveries SET state = 'delivered'
        WHERE number = (SELECT min(number) FROM deliveries WHERE state = 'held')""",
        1,
    ),
    "a dead one is in no state": (
        """UPDATE deliveries SET state = 'nowhere'
        WHERE number = (SELECT min(number) FROM deliveries WHERE state = 'dead')""",
        1,
    ),
    "a dead one is gone": (
        """DELETE FROM deliveries
        WHERE number = (SELECT min(number) FROM deliveries WHERE state = 'dead')""",
        1,
    ),
    "an unread piece is gone": ("DELETE FROM inbound_bodies WHERE kind = 'unread'", 1),
    "an unknown one is of another kind": (
        "UPDATE inbound_bodies SET kind = 'misplaced' WHERE kind = 'unknown'",
        1,
    ),
}


@pytest.mark.parametrize("defect", sorted(DEFECTS))
async def test_what_is_lost_or_made_up_is_found(
    business: Business, database_url: str, defect: str
) -> None:
    for name in ("hear two", "hear strange things", "give up"):
        await ACTS[name](business)
    before = await business.balance()
    statement, difference = DEFECTS[defect]

    await change(database_url, statement)

    assert before.difference == 0
    assert (await business.balance()).difference == difference


async def test_books_that_begin_late_begin_with_what_is_there(
    business: Business, store: OpenStore, database_url: str
) -> None:
    for name in ALL_TWICE:
        await ACTS[name](business)
    await change(database_url, "DELETE FROM totals WHERE name IN ('accepted', 'delivered')")
    assert not await store.read(books.are_open())

    await store.commit(alone(books.open_books()))
    first = await business.balance()
    await ACTS["hear two"](business)
    await store.commit(alone(books.open_books()))
    again = await business.balance()

    assert await store.read(books.are_open())
    assert (first.difference, first.accepted) == (0, 0)
    assert first.adjusted > 0
    assert (again.difference, again.accepted, again.adjusted) == (0, 4, first.adjusted)


async def test_books_of_a_new_database_begin_with_nothing(store: OpenStore) -> None:
    await store.commit(alone(books.open_books()))

    nothing = Balance(**dict.fromkeys(Balance.__slots__, 0))
    assert await store.survey(books.balance()) == nothing


async def test_a_difference_that_is_settled_is_one_no_more(
    business: Business, store: OpenStore, database_url: str
) -> None:
    await store.commit(alone(books.open_books()))
    await ACTS["hear two"](business)
    await change(database_url, "DELETE FROM pending")
    found = await business.balance()

    await store.commit(alone(books.settle()))
    settled = await business.balance()
    await change(database_url, "DELETE FROM deliveries WHERE state = 'held'")
    await store.commit(alone(books.settle()))

    assert (found.difference, settled.difference, settled.adjusted) == (2, 0, -2)
    assert (await business.balance()).adjusted == -4
    assert await look(database_url, "SELECT scope FROM totals WHERE name = 'adjusted'") == [("",)]


def test_a_balance_says_its_equation() -> None:
    balance = Balance(**{name: n for n, name in enumerate(Balance.__slots__, start=1)})

    assert str(balance) == (
        "accepted 1 + adjusted 2 = delivered 3 + discarded 4 + reread 5 + pending 6 + held 7 "
        "+ dead 8 + unread 9 + unknown 10 + differs 11"
    )
    assert balance.difference == 1 + 2 - sum(range(3, 12))
