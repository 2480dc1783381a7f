"""What waits is found by the index that was made for it, whatever a planner believes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from databases import open_store
from planning import Session, Step, session_like_ours, statements, steps_of

FIRST_COLUMN = {
    "pk_pending": "number",
    "ix_pending_conversation": "conversation",
    "ix_pending_account": "account_id",
    "ix_pending_first": "lane",
    "ix_pending_again": "lane",
}

# What is to read all there is, what may when an application goes, and where all begins.
COUNTS = {"books._PENDING", "books._OPEN", "books._SETTLE", "waiting._FIRST", "waiting._AGAIN"}
RARE = {"withdrawal_marks._ARRIVE_BEHIND"}
BEGINS = {
    ("lanes._LANES", "ix_pending_first"),
    ("lanes._LANES", "ix_pending_again"),
    ("giving_up._LAST", "pk_pending"),
}


@pytest_asyncio.fixture
async def busy(postgres_url: str) -> AsyncIterator[Session]:
    """A session like ours; `pending` holds five waiting rows and thousands of dead ones."""
    store = await open_store(postgres_url)
    await store.close()
    connection = await session_like_ours(postgres_url)
    reader = await asyncpg.connect(postgres_url)
    async with reader.transaction(isolation="repeatable_read"):
        await reader.fetch("SELECT 1 FROM pending")
        await connection.execute(
            "INSERT INTO pending "
            "(kind, subject, shard, conversation, due_at, since, tries, lane, account_id) "
            "SELECT 'deliver', 'd' || g, 0, g % 2000, g, 0, 0, 1, 1 "
            "FROM generate_series(1, 60000) g"
        )
        await connection.execute("DELETE FROM pending WHERE number > 5")
        yield connection
    await reader.close()
    await connection.close()


@pytest.mark.parametrize(
    ("analysed", "vacuumed"), [(1, None), (0, None), (2, 0), (5, 0), (5, 1), (None, 5), (None, 0)]
)
async def test_no_statement_reads_what_was_done_with_to_find_what_waits(
    busy: Session, analysed: int | None, vacuumed: int | None
) -> None:
    """Whatever waited when its rows were last described, and when they were last counted."""
    for left, describe in ((analysed, "ANALYZE pending"), (vacuumed, "VACUUM pending")):
        if left is not None:
            await busy.execute("DELETE FROM pending WHERE number > $1", left)
            await busy.execute(describe)

    found = [
        (name, step)
        for name, prepared in statements()
        if re.search(r"\bpending\b(?!')", prepared.postgres[0])
        for step in await steps_of(busy, prepared)
        if of_what_waits(step)
    ]

    astray = {(name, step.index) for name, step in found if not is_narrow(step)}
    assert {"deliveries._DONE", "deliveries._OUTGOING", "lanes._DUE"} <= {
        name for name, _ in found
    }
    assert {(name, index) for name, index in astray if name not in COUNTS | RARE} == BEGINS


def of_what_waits(step: Step) -> bool:
    return "Scan" in step.kind and (step.table == "pending" or "pending" in step.index)


def is_narrow(step: Step) -> bool:
    """Whether it reads of an index only what has the value that its first column is asked for."""
    if step.kind == "Bitmap Heap Scan":
        return True  # its index is another's
    first = FIRST_COLUMN.get(step.index)
    return first is not None and f"({first} " in step.condition
