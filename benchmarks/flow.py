"""Messages that flow through a gateway at a steady rate, and what was seen of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks import load
from benchmarks.callers import ACCOUNTS
from benchmarks.hearing import Hearing
from benchmarks.servers import Server
from benchmarks.speed import webhook

IN_FLIGHT = 64
ROUNDS = 3
SHARES = (0.5, 0.99, 0.999)


@dataclass(frozen=True, slots=True)
class Finding:
    """One measured promise, in words: what was seen and what is wanted."""

    goal: str
    what: str
    seen: str
    wanted: str


Scenario = Callable[[Mapping[str, str], int], Iterator[Finding]]


def register(ours: Server, page: str, url: str) -> str:
    """Make an application that hears at `url`, and a Page linked to it; return its id."""
    address = {"address": url, "http_method": "POST"}
    capability = {"webhooks": {"inbound_url": address, "status_url": address}}
    wanted = {"name": "Bench", "capabilities": {"messages": capability}}
    status, body = ours.call("POST", "/v2/applications", wanted)
    assert status == 201, body
    application_id: str = json.loads(body)["id"]
    account = {"external_id": page, "access_token": "x", "applications": [application_id]}
    status, body = ours.call("POST", f"{ACCOUNTS}/messenger", account)
    assert status == 201, body
    return application_id


def messages(page: str, number: int, *, people: int, prefix: str = "m") -> list[bytes]:
    """Return so many webhooks of one message each, from so many people in turn."""
    return [webhook(page, f"{prefix}_{n}", f"7{n % people:014d}") for n in range(number)]


def send(ours: Server, requests: Sequence[bytes], *, rate: float = 0) -> load.Load:
    """Send webhooks, at `rate` a second where given; every one must get its 200."""
    # A connection that waits for its turn longer than 5 s is closed by the gateway.
    in_flight = min(IN_FLIGHT, max(4, int(rate))) if rate else IN_FLIGHT
    sent = load.run(ours.port, requests, in_flight=in_flight, rate=rate)
    assert sent.statuses == {200: len(requests)}, sent.statuses
    return sent


def lags_of(
    ours: Server,
    application: Hearing,
    requests: Sequence[bytes],
    *,
    rate: float,
    expected: int | None = None,
) -> list[int]:
    """Send webhooks and return how long each that the application hears was under way."""
    taken, different, _ = application.counts()
    send(ours, requests, rate=rate)
    application.until(different + (expected or len(requests)))
    return application.lags()[taken:]


def tail(lags: Sequence[int]) -> str:
    """Return the median and the tail of some milliseconds, in words."""
    ordered = sorted(lags)
    at = [ordered[min(int(len(ordered) * share), len(ordered) - 1)] for share in SHARES]
    return ", ".join(f"{share:.1%} {each} ms" for share, each in zip(SHARES, at, strict=True))


def within(latencies: Sequence[float]) -> str:
    """Return the median, the tail and the slowest of some seconds, in words."""
    slowest = max(latencies) * 1_000
    return f"{tail([round(each * 1_000) for each in latencies])}, slowest {slowest:.0f} ms"
