"""However much there is, what is asked for often reads a slice of it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing

import pytest_asyncio

from jackfield.storage.dialects import Prepared
from planning import Session, Step, built, session_like_ours, statements, steps_of
from postgres_databases import PostgresDatabases

WALKS = {"Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Index Scan"}

FILL = """
INSERT INTO tenants (api_key, name, inbound_url, version, created_at)
  SELECT 'acme' || n, 'n', 'https://a.test/' || nullif(n % 2, 0), 1, 1 FROM numbers;
INSERT INTO applications
  (id, api_key, name, webhook_version, inbound_url, document, version, created_at)
  SELECT 'app' || n, owner, 'n', 'v1', 'https://a.test/' || n, '', 1, 1 FROM numbers;
INSERT INTO provider_apps (kind, name, serves_all, created_at)
  SELECT 'meta', 'app' || n, 0, 1 FROM numbers;
INSERT INTO accounts
  (provider, external_id, routing_key, api_key, standing, application_id, link_version,
   releasing, version, created_at)
  SELECT 'messenger', 'e' || n, 'e' || n, owner, 'vouched', 'app' || n, 1, 0, 1, 1 FROM numbers;
INSERT INTO messages
  (id, direction, api_key, account_id, provider, account_external_id, address, content,
   sent_at, received_at)
  SELECT 'm' || n, 'inbound', owner, n, 'messenger', 'e' || n, 'p' || n % 100, '', n, n
  FROM numbers;
INSERT INTO deliveries (id, kind, message_id, api_key, account_id, person, state, accepted_at)
  SELECT 'd' || n, 'inbound', 'm' || n, owner, n % 500, 'p' || n % 100,
    (ARRAY['held', 'dead', 'delivered', 'pending'])[1 + n % 4], n FROM numbers;
INSERT INTO pending
  (kind, subject, shard, conversation, due_at, since, tries, lane, account_id)
  SELECT 'deliver', 'd' || n, 0, n % 500, n, n, n % 2, n % 40, n % 500 FROM numbers;
INSERT INTO attempts (delivery_id, tried, started_at, milliseconds, outcome)
  SELECT 'd' || n, 1, n, 5, 'delivered' FROM numbers;
INSERT INTO provider_message_ids
  (provider, routing_key, event_key, message_id, digest, repeats, received_at)
  SELECT 'messenger', 'e' || n, 'k' || n, 'm' || n, '', 0, n FROM numbers;
INSERT INTO destinations (api_key, url, breaker, failures)
  SELECT owner, 'https://a.test/' || n, 'closed', 0 FROM numbers;
INSERT INTO contacts (account_id, address, person)
  SELECT n % 500, 'a' || n, 'p' || n FROM numbers;
INSERT INTO inbound_bodies (kind, provider, routing_key, reason, body, digest, received_at)
  SELECT (ARRAY['unknown', 'unread'])[1 + n % 2], 'messenger', 'e' || n, 'r', '',
    sha256(n::text::bytea), n FROM numbers;
INSERT INTO idempotency_keys (api_key, method, path, key, request_digest, created_at)
  SELECT owner, 'POST', '/', 'k' || n, '', n FROM numbers;
"""
LARGE = set(re.findall(r"INSERT INTO (\w+)", FILL))

# What is to read all there is: counts for the auditor and the operator's figures.
SURVEYS = {
    "books._DEAD",
    "books._HELD",
    "books._KEPT",
    "books._OPEN",
    "books._PENDING",
    "books._SETTLE",
    "waiting._AGAIN",
    "waiting._ENDPOINTS",
    "waiting._FIRST",
    "waiting._TROUBLED_APPLICATIONS",
    "waiting._TROUBLED_TENANTS",
}
# Asked when somebody changes where a tenant's messages go, or deletes an application.
RARE = {"own_url._RELEASE_HELD", "withdrawal_marks._ARRIVE_BEHIND"}
# Accounts being released, by their mark.
SMALL = {"held._RELEASING"}
# Pages for an operator of every tenant's; what was kept, which has few kinds; an erasure's walk.
PAGES = {
    "destination_pages._page()",
    "overview._account_page(provider)",
    "kept_pieces._PAGE",
    "kept_pieces._SPAN",
    "kept_pieces._UNKNOWN",
    "waiting._OLDEST_KEPT",
    "kept_traces._PIECES",
}


@pytest_asyncio.fixture
async def large(postgres_databases: PostgresDatabases) -> AsyncIterator[Session]:
    """A session like ours on tables of many rows each."""
    url = await postgres_databases.take()
    connection = await session_like_ours(url)
    await connection.execute(
        "CREATE TEMPORARY TABLE numbers AS "
        "SELECT n, 'acme' || 1 + n % 200 AS owner FROM generate_series(1, 20000) n"
    )
    await connection.execute(FILL)
    await connection.execute("ANALYZE")
    yield connection
    await connection.close()
    await postgres_databases.throw_away(url)


async def test_what_is_asked_often_reads_a_slice_however_much_there_is(large: Session) -> None:
    asked = [*statements(), *built()]

    whole = {
        name
        for name, prepared in asked
        for step in await steps_of(large, prepared)
        if reads_all(step)
    }

    assert {"deliveries._OUTGOING", "rebinding._span(True)"} <= {name for name, _ in asked}
    assert SURVEYS <= whole <= SURVEYS | SMALL | RARE | PAGES


def reads_all(step: Step) -> bool:
    """Whether it may read much more of a large table than it gives."""
    is_large = step.kind == "Bitmap Index Scan" or step.table in LARGE
    is_narrow = " = " in step.condition or {"<", ">"} <= set(step.condition)
    gives_all = not step.is_filtered and (step.is_limited or bool(step.condition))
    return step.kind in WALKS and is_large and not (is_narrow or gives_all)


def test_nor_does_sqlite_walk_over_a_table_without_an_index(sqlite_url: str) -> None:
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as database:
        whole = {name for name, prepared in statements() if walks(database, prepared)}

    assert whole <= SURVEYS | SMALL


def walks(database: sqlite3.Connection, prepared: Prepared) -> bool:
    text = prepared.sqlite[0]
    unknown = dict.fromkeys(re.findall(r":(\w+)", text))
    plan = database.execute(f"EXPLAIN QUERY PLAN {text}", unknown)
    return any(what in {f"SCAN {table}" for table in LARGE} for *_, what in plan)
