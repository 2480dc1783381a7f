"""The account at the end of a run: sent, acknowledged, received and stored must agree.

lost = K - (R + pending + dead + held + unread + unknown) = 0. Corrupted, unexpected, inversions
and duplicates that nobody can explain are 0 too. It trusts nobody: what the store calls
delivered, an application must have accepted.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ledger import duplicates, order
from ledger.final_store import FinalStore
from ledger.logs import Generation, ProviderLog, Request, Said
from ledger.manners import TRAP
from ledger.traffic import TOKEN, Event, Fate


class Checker(StrEnum):
    """What an account may find; each has a planted defect that it must find."""

    LOST = "lost"
    CORRUPTED = "corrupted"
    UNEXPECTED = "unexpected"
    INVERSION = "inversions"
    UNEXPLAINED = "unexplained"
    STUCK = "stuck"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that must not be, and the seed of the run that it belongs to."""

    checker: Checker
    seed: int
    what: str


@dataclass(slots=True)
class Account:
    """Counts for each seed, and what was found."""

    tallies: defaultdict[int, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    findings: list[Finding] = field(default_factory=list)

    def found(self, checker: Checker, seed: int, what: str) -> None:
        """Note a finding."""
        self.findings.append(Finding(checker, seed, what))
        self.tallies[seed][checker] += 1

    def total(self) -> Counter[str]:
        """Return the counts of all seeds together."""
        return sum(self.tallies.values(), Counter())


@dataclass(frozen=True, slots=True)
class Logs:
    """Everything that an account is made from."""

    provider: ProviderLog
    requests: Sequence[Request]
    store: FinalStore
    generations: Mapping[int, Generation]
    in_flight: int
    is_reader_broken: bool = False
    """Whether a fault made the reader break on some events: those are kept as unread."""

    def heard(self) -> dict[str, list[Request]]:
        """Return the requests of every event that is known, in the order they came."""
        heard: dict[str, list[Request]] = {}
        for request in self.requests:
            if (name := event_of(request)) in self.provider.said:
                heard.setdefault(name, []).append(request)
        return heard


def close(logs: Logs) -> Account:
    """Make the account."""
    account = Account()
    heard = logs.heard()
    places: dict[str, str] = {}
    for said in logs.provider.said.values():
        account.tallies[said.event.seed]["sent"] += 1
        place = places[said.event.id] = _place(said.event, heard.get(said.event.id, ()), logs)
        if said.acknowledged is not None:
            _check_place(said.event, place, logs, account)
    for request in logs.requests:
        _check_request(request, logs, account)
    for name, requests in heard.items():
        _check_same(logs.provider.said[name].event, requests, account)
    _check_rivals(logs, heard, account)
    _count_duplicates(logs, heard, account)
    for name in (aside := logs.store.aside()):
        account.tallies[logs.provider.said[name].event.seed]["aside"] += 1
    excluded = aside.union(*logs.store.kept.values())
    for said in order.overtaken(logs.provider, heard, places, excluded=excluded):
        account.found(Checker.INVERSION, said.event.seed, f"{said.event.id} overtook another")
    return account


def event_of(request: Request) -> str:
    """Return the id of the event that a request is about, or what stands in its place."""
    text = request.document.get("text")
    found = TOKEN.match(text.encode()) if isinstance(text, str) else None
    return found[0].decode() if found else ""


def _place(event: Event, requests: Sequence[Request], logs: Logs) -> str:
    """Return where an event is: what an application accepted is `delivered`, or `lost`."""
    if any(request.is_accepted for request in requests):
        return "delivered"
    for delivery in logs.store.deliveries.get(event.id, ()):
        match delivery.state:
            case "held" | "dead":
                return delivery.state
            case "pending" if delivery.is_to_be_done:
                return "paused" if delivery.is_paused else "pending"
    for kind, events in logs.store.kept.items():
        if event.id in events:
            return kind
    return Checker.LOST


def _check_place(event: Event, place: str, logs: Logs, account: Account) -> None:
    tally = account.tallies[event.seed]
    tally["acknowledged"] += 1
    if place == Checker.LOST:
        account.found(Checker.LOST, event.seed, f"{event.id}, {event.fate}")
        return
    tally[place] += 1
    if place == "delivered" and event.id not in logs.store.deliveries:
        tally["let go"] += 1
    if place == "pending":
        account.found(Checker.STUCK, event.seed, f"{event.id} is still pending")
    is_readable = event.fate is Fate.HEARD and not logs.is_reader_broken
    if is_readable and place in {"unread", "unknown"}:
        account.found(Checker.CORRUPTED, event.seed, f"{event.id} is {place}")


def _check_request(request: Request, logs: Logs, account: Account) -> None:
    said = logs.provider.said.get(event_of(request))
    seed = logs.generations[request.generation].seed
    if request.application == TRAP:
        account.found(Checker.UNEXPECTED, seed, "a redirect was followed")
        return
    if said is None or said.event.fate not in {Fate.HEARD, Fate.DIFFERS}:
        what = "nobody sent it" if said is None else f"{said.event.id} is {said.event.fate}"
        account.found(Checker.UNEXPECTED, seed, f"{request.application} received: {what}")
        return
    for fault in (*request.faults, *_differences(request, said.event)):
        account.found(Checker.CORRUPTED, said.event.seed, f"{said.event.id}: {fault}")


def _differences(request: Request, event: Event) -> Iterator[str]:
    told = request.document
    if told.get("text") != event.text:
        yield "the text is another"
    if told.get("to") != event.page.external_id or told.get("from") != event.shown_as:
        yield f"it is shown as from {told.get('from')} to {told.get('to')}"
    if request.application != event.page.application:
        yield f"{request.application} received it, and not {event.page.application}"


def _check_same(event: Event, requests: Sequence[Request], account: Account) -> None:
    """Every repeat has the same id, the same message and the same bytes."""
    first = requests[0]
    for request in requests[1:]:
        if request.webhook_id != first.webhook_id:
            account.found(Checker.UNEXPLAINED, event.seed, f"{event.id} has two deliveries")
        elif request.body != first.body:
            account.found(Checker.CORRUPTED, event.seed, f"{event.id} came with other bytes")


def _check_rivals(logs: Logs, heard: Mapping[str, object], account: Account) -> None:
    """Of several contents under one key one is heard, and one only."""
    seen: dict[tuple[str, str], Event] = {}
    for name in heard:
        event = logs.provider.said[name].event
        key = event.page.routing_key, event.key
        if key in seen:
            what = f"{seen[key].id} and {event.id} were heard"
            account.found(Checker.UNEXPECTED, event.seed, what)
        seen[key] = event


def _count_duplicates(
    logs: Logs, heard: Mapping[str, Sequence[Request]], account: Account
) -> None:
    for name, requests in heard.items():
        said: Said = logs.provider.said[name]
        for request, cause in duplicates.causes(requests, logs.store, logs.generations):
            seed = logs.generations[request.generation].seed
            account.tallies[seed]["duplicates"] += 1
            if cause is None:
                what = f"{name} of {said.event.conversation} was repeated"
                account.found(Checker.UNEXPLAINED, seed, what)
            else:
                account.tallies[seed]["explained"] += 1
                account.tallies[seed][f"because: {cause}"] += 1
    for generation, what in duplicates.too_many(logs, heard):
        account.found(Checker.UNEXPLAINED, generation.seed, what)
