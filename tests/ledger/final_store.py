"""What the database says at the end, read past the gateway: where every event is."""

from __future__ import annotations

from dataclasses import dataclass, field

from databases import look
from ledger.traffic import TOKEN

_DELIVERIES = """
SELECT m.content, d.id, d.state, w.number
FROM messages m
JOIN deliveries d ON d.message_id = m.id
LEFT JOIN pending w ON w.subject = d.id
"""
_KEPT = "SELECT kind, body FROM inbound_bodies"
_ATTEMPTS = "SELECT delivery_id, started_at, outcome FROM attempts"
_WAITING = """
SELECT (SELECT count(*) FROM pending) + (SELECT count(*) FROM accounts WHERE releasing = 1)
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery; `is_to_be_done` says that something will still happen to it."""

    id: str
    state: str
    is_to_be_done: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt whose outcome was committed; `began` as wall clock milliseconds."""

    began: int
    outcome: str


@dataclass(frozen=True, slots=True)
class FinalStore:
    """The store when everything is over: by the event's id, and attempts by the delivery's."""

    deliveries: dict[str, list[Delivery]] = field(default_factory=dict)
    kept: dict[str, set[str]] = field(default_factory=dict)
    """The events found in what was kept for the operator, by the kind of it."""
    attempts: dict[str, list[Attempt]] = field(default_factory=dict)


async def read(database_url: str) -> FinalStore:
    """Return what the database says; nothing may write to it meanwhile."""
    store = FinalStore()
    for content, number, state, pending in await look(database_url, _DELIVERIES):
        found = Delivery(number, state, is_to_be_done=pending is not None)
        token = TOKEN.search(bytes(content))
        store.deliveries.setdefault(token[0].decode() if token else number, []).append(found)
    for kind, body in await look(database_url, _KEPT):
        found_there = store.kept.setdefault(kind, set())
        found_there.update(token.decode() for token in TOKEN.findall(bytes(body)))
    for delivery_id, began, outcome in await look(database_url, _ATTEMPTS):
        store.attempts.setdefault(delivery_id, []).append(Attempt(began, outcome))
    return store


async def waiting(database_url: str) -> int:
    """Return how much is still to be done; an account that releases what it held counts too."""
    ((number,),) = await look(database_url, _WAITING)
    return int(number)
