"""A database as it is after two months: full of messages that were delivered."""

from __future__ import annotations

import time
from collections.abc import Mapping

from benchmarks.meddling import ask, change
from benchmarks.servers import API_KEY

_DAY = 86_400_000
_DAYS = 60

# For each table what a row is; `n` counts, `age` is when it was, `filler` some bytes.
_ROWS = {
    "messages (id, direction, api_key, account_id, provider, account_external_id, address, "
    "content, sent_at, received_at)": (
        "'old-' || n, 'inbound', '{key}', 1, 'messenger', '3001', 'p' || n % 20000, {filler}, "
        "{age}, {age}"
    ),
    "deliveries (id, kind, message_id, api_key, account_id, person, state, accepted_at, "
    "finished_at, body)": (
        "'old-' || n, 'inbound', 'old-' || n, '{key}', 1, 'p' || n % 20000, 'delivered', {age}, "
        "{age}, {filler}"
    ),
    "attempts (delivery_id, tried, started_at, milliseconds, outcome, status)": (
        "'old-' || n, 1, {age}, 5, 'delivered', 200"
    ),
    "provider_message_ids (provider, routing_key, event_key, message_id, digest, repeats, "
    "received_at)": "'messenger', '3001', 'old-' || n, 'old-' || n, {filler}, 0, {age}",
}


def grow_old(environ: Mapping[str, str], number: int) -> None:
    """Put so many delivered messages of the last sixty days into a gateway's database."""
    now = int(time.time()) * 1_000
    is_postgres = "JACKFIELD_DATABASE_URL" in environ
    words = {
        "key": API_KEY,
        "filler": "decode(repeat('7b', 300), 'hex')" if is_postgres else "zeroblob(300)",
        "age": f"{now} - ({number} - n) * ({_DAYS * _DAY} / {number})",
    }
    counting = f"SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {number}"  # noqa: S608 -- our own
    for table, row in _ROWS.items():
        change(
            environ,
            f"WITH RECURSIVE c(n) AS ({counting}) "  # noqa: S608 -- our own
            f"INSERT INTO {table} SELECT {row.format(**words)} FROM c",
        )


def left(environ: Mapping[str, str]) -> int:
    """Return how many of them are still there."""
    return ask(environ, "SELECT count(*) FROM deliveries WHERE id LIKE 'old-%'")
