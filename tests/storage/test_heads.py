"""What waits is found by the index that was made for it, whatever a planner believes."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import asyncpg
import pytest_asyncio

import jackfield.storage
from databases import open_store
from jackfield.storage.dialects import Prepared

FIRST_COLUMN = {
    "pk_pending": "number",
    "ix_pending_conversation": "conversation",
    "ix_pending_account_id": "account_id",
    "ix_pending_first": "lane",
    "ix_pending_again": "lane",
}

# What is to read all there is, or is where all begins.
COUNTS = {"books._PENDING", "books._OPEN", "books._SETTLE", "waiting._FIRST", "waiting._AGAIN"}
BEGINS = {
    ("lanes._LANES", "ix_pending_first"),
    ("lanes._LANES", "ix_pending_again"),
    ("giving_up._LAST", "pk_pending"),
}


@pytest_asyncio.fixture
async def mistaken(postgres_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A session like ours, to which `pending` is almost empty and holds thousands of dead rows."""
    store = await open_store(postgres_url)
    await store.close()
    settings = {"enable_seqscan": "off", "plan_cache_mode": "force_generic_plan"}
    connection = await asyncpg.connect(postgres_url, server_settings=settings)
    reader = await asyncpg.connect(postgres_url)
    async with reader.transaction(isolation="repeatable_read"):
        await reader.fetch("SELECT 1 FROM pending")
        await connection.execute(
            "INSERT INTO pending "
            "(kind, subject, shard, conversation, due_at, since, tries, lane, account_id) "
            "SELECT 'deliver', 'd' || g, 0, g % 20, g, 0, 0, 1, 1 FROM generate_series(1, 5000) g"
        )
        await connection.execute("DELETE FROM pending WHERE number > 1")
        await connection.execute("ANALYZE pending")
        yield connection
    await reader.close()
    await connection.close()


async def test_no_statement_reads_what_was_done_with_to_find_what_waits(
    mistaken: asyncpg.Connection[asyncpg.Record],
) -> None:
    found = [
        (name, scan)
        for name, prepared in statements()
        for scan in scans_of(await plan_of(mistaken, prepared))
    ]

    astray = {(name, scan.get("Index Name")) for name, scan in found if not is_narrow(scan)}
    assert {"deliveries._DONE", "deliveries._OUTGOING", "lanes._DUE"} <= {
        name for name, _ in found
    }
    assert {(name, index) for name, index in astray if name not in COUNTS} == BEGINS


def statements() -> Iterator[tuple[str, Prepared]]:
    """Give every statement that speaks of what waits, by its module's and its own name."""
    for module in pkgutil.iter_modules(jackfield.storage.__path__):
        if module.ispkg:
            continue
        there = vars(importlib.import_module(f"jackfield.storage.{module.name}"))
        for name, value in there.items():
            for prepared in prepared_in(value):
                if re.search(r"\bpending\b(?!')", prepared.postgres[0]):
                    yield f"{module.name}.{name}", prepared


def prepared_in(value: object) -> Iterator[Prepared]:
    if isinstance(value, Prepared):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from prepared_in(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from prepared_in(one)


async def plan_of(connection: asyncpg.Connection[asyncpg.Record], prepared: Prepared) -> Any:  # noqa: ANN401 -- JSON
    text, order, _ = prepared.postgres
    await connection.execute(f"PREPARE it AS {text}")
    nulls = f"({', '.join(['NULL'] * len(order))})" if order else ""
    plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE it{nulls}")
    await connection.execute("DEALLOCATE it")
    return json.loads(plan)


def scans_of(plan: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 -- JSON
    if isinstance(plan, Mapping):
        if "Scan" in str(plan.get("Node Type")) and (
            plan.get("Relation Name") == "pending" or "pending" in str(plan.get("Index Name"))
        ):
            yield plan
        for value in plan.values():
            yield from scans_of(value)
    elif isinstance(plan, Sequence) and not isinstance(plan, str):
        for one in plan:
            yield from scans_of(one)


def is_narrow(scan: Mapping[str, Any]) -> bool:
    """Whether it reads of an index only what has the value that its first column is asked for."""
    if scan["Node Type"] == "Bitmap Heap Scan":
        return True  # its index is another's
    first = FIRST_COLUMN.get(scan.get("Index Name", ""))
    return first is not None and f"({first} " in scan.get("Index Cond", "")
