"""Why an application got something again: each repeat has a named cause, or is a fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, Protocol

from ledger.final_store import FinalStore
from ledger.logs import End, Generation, ProviderLog, Request

IN_FLIGHT: Final = "in flight at the kill"


class _Logs(Protocol):
    @property
    def provider(self) -> ProviderLog: ...
    @property
    def store(self) -> FinalStore: ...
    @property
    def generations(self) -> Mapping[int, Generation]: ...
    @property
    def in_flight(self) -> int: ...


def causes(
    requests: Sequence[Request],
    store: FinalStore,
    generations: Mapping[int, Generation],
) -> Iterator[tuple[Request, str | None]]:
    """Yield each request of one event that was repeated, and why; None where nobody knows."""
    for request, following in pairwise(requests):
        yield request, _cause(request, following, store, generations[request.generation])


def _cause(
    request: Request, following: Request, store: FinalStore, life: Generation
) -> str | None:
    if not request.manner.is_acceptance:
        return f"the application: {request.manner}"
    outcomes = {
        attempt.outcome
        for attempt in store.attempts.get(request.webhook_id, ())
        if life.began <= attempt.began <= life.ended
    }
    # What began in that life and is recorded as delivered was not in flight when it ended. Where
    # the same life also recorded a failure, it may have been the repeat that was delivered.
    has_failed = outcomes != {"delivered"} and following.generation == request.generation
    if "delivered" in outcomes and not has_failed:
        return None
    if life.end is End.KILLED and following.generation > request.generation:
        return IN_FLIGHT
    return life.excuse


def too_many(
    logs: _Logs, heard: Mapping[str, Sequence[Request]]
) -> Iterator[tuple[Generation, str]]:
    """Yield each life that had more in flight than its limit, or twice in one conversation."""
    by_life: Counter[int] = Counter()
    by_conversation: Counter[tuple[int, tuple[str, str]]] = Counter()
    for name, requests in heard.items():
        conversation = logs.provider.said[name].event.conversation
        for request, cause in causes(requests, logs.store, logs.generations):
            if cause == IN_FLIGHT:
                by_life[request.generation] += 1
                by_conversation[request.generation, conversation] += 1
    for number, count in by_life.items():
        if count > logs.in_flight:
            yield logs.generations[number], f"{count} were in flight at one kill"
    for (number, conversation), count in by_conversation.items():
        if count > 1:
            yield logs.generations[number], f"{count} of {conversation} were in flight at once"
