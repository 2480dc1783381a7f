"""What the database says at the end, read past the gateway: where every event is."""

from __future__ import annotations

from dataclasses import dataclass, field

from databases import look
from ledger.traffic import TOKEN

_WHERE = """
FROM messages m
JOIN deliveries d ON d.message_id = m.id
LEFT JOIN pending w ON w.subject = d.id
LEFT JOIN applications a ON a.id = d.application_id
LEFT JOIN destinations u ON u.api_key = d.api_key AND u.url = a.inbound_url
"""
_DELIVERIES = f"SELECT m.content, d.id, d.state, w.number, d.aside_at, u.paused_at {_WHERE}"
_KEPT = "SELECT kind, body FROM inbound_bodies"
_OLD_PIECES = f"{_KEPT} WHERE kind IN ('unknown', 'differs') AND received_at < "
_ATTEMPTS = "SELECT delivery_id, started_at, outcome FROM attempts"
_PENDING = f"SELECT count(w.number) {_WHERE} WHERE u.paused_at IS NULL"
_RELEASING = "SELECT count(*) FROM accounts WHERE releasing = 1"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery: whether anything will still happen to it, and by itself, and in order."""

    id: str
    state: str
    is_to_be_done: bool = False
    is_paused: bool = False
    is_aside: bool = False


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

    def remember(self, earlier: FinalStore) -> None:
        """Take over attempts and kept pieces that were there earlier and may rightly be gone."""
        for kind, events in earlier.kept.items():
            self.kept.setdefault(kind, set()).update(events)
        for delivery_id, attempts in earlier.attempts.items():
            self.attempts.setdefault(delivery_id, []).extend(attempts)

    def aside(self) -> set[str]:
        """Return the events that were set aside: no order is promised for them."""
        return {
            event
            for event, deliveries in self.deliveries.items()
            if any(delivery.is_aside for delivery in deliveries)
        }


async def read(database_url: str) -> FinalStore:
    """Return what the database says; nothing may write to it meanwhile."""
    store = FinalStore()
    for content, number, state, pending, aside_at, paused_at in await look(
        database_url, _DELIVERIES
    ):
        found = Delivery(
            number,
            state,
            is_to_be_done=pending is not None,
            is_paused=paused_at is not None,
            is_aside=aside_at is not None,
        )
        token = TOKEN.search(bytes(content))
        store.deliveries.setdefault(token[0].decode() if token else number, []).append(found)
    store.kept.update(await _kept(database_url, _KEPT))
    store.attempts.update(await attempts(database_url))
    return store


async def attempts(database_url: str) -> dict[str, list[Attempt]]:
    """Return all attempts there are, by the delivery's id."""
    found: dict[str, list[Attempt]] = {}
    for delivery_id, began, outcome in await look(database_url, _ATTEMPTS):
        found.setdefault(delivery_id, []).append(Attempt(began, outcome))
    return found


async def old_pieces(database_url: str, *, before: int) -> dict[str, set[str]]:
    """Return the events in kept pieces that came before then and need not be kept any longer.

    What could not be read is none of them: it waits for somebody who can, however old it is.
    """
    return await _kept(database_url, f"{_OLD_PIECES}{before}")


async def waiting(database_url: str) -> int:
    """Return how much goes on by itself: what is pending, and accounts that release."""
    ((pending, releasing),) = await look(database_url, f"SELECT ({_PENDING}), ({_RELEASING})")
    return int(pending + releasing)


async def _kept(database_url: str, query: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for kind, body in await look(database_url, query):
        tokens = TOKEN.findall(bytes(body))
        found.setdefault(kind, set()).update(token.decode() for token in tokens)
    return found
