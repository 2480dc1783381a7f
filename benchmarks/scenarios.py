"""The promises in numbers: each scenario runs real processes, and its account must be even."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks import load
from benchmarks.callers import ACCOUNTS
from benchmarks.hearing import SILENT, Hearing, hearing
from benchmarks.meddling import postpone, snapshot_held, take_back
from benchmarks.servers import Server, another, gateway
from benchmarks.speed import webhook

IN_FLIGHT = 64
RATES = (200, 500, 600)
"""Messages a second; the last is what one process must bear (R7)."""

OUTAGE_RATE = 100
WAITING = 1_000_000
WITHDRAWN = 100_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One measured promise, in words: what was seen and what is wanted."""

    goal: str
    what: str
    seen: str
    wanted: str


Scenario = Callable[[Mapping[str, str], int], Iterator[Finding]]


def sustained(environ: Mapping[str, str], seconds: int) -> Iterator[Finding]:
    """R5, R6, R7, R10: so many messages a second, accepted, delivered and marked, and how soon."""
    with gateway(environ) as ours, hearing() as application:
        register(ours, "3001", application.url)
        for rate in RATES:
            number = rate * (seconds if rate == RATES[-1] else min(seconds, 60))
            before, began = application.counts()[1], ours.cpu_seconds()
            said = messages("3001", number, people=2_000, prefix=f"at{rate}")
            sent = send(ours, said, rate=rate)
            application.until(before + number)
            spent = 1_000 * (ours.cpu_seconds() - began) / number
            yield from _pace(sent, application.lags()[-number:], rate, spent)
        taken, different, _ = application.counts()
        seen = f"{different:,} heard, {taken - different} twice, {application.inversions()} early"
        yield Finding("R7, R10", f"the last for {seconds} s", seen, "all, none twice or early")


def _pace(sent: load.Load, lags: Sequence[int], rate: int, spent: float) -> Iterator[Finding]:
    within = ", ".join(f"{share:.1%} {sent.percentile(share):.0f} ms" for share in SHARES)
    slowest = f"slowest {max(sent.latencies) * 1_000:.0f} ms"
    yield Finding(
        "R5", f"to the 200, at {rate}/s", f"{within}, {slowest}", "99% ≤ 100 ms, none > 1 s"
    )
    wanted = f"99% ≤ {50 if rate <= 200 else 100} ms"
    cost = f"{spent:.2f} ms of processor each"
    yield Finding("R6", f"accepted to heard, at {rate}/s", f"{tail(lags)}; {cost}", wanted)


def backlog(environ: Mapping[str, str], seconds: int) -> Iterator[Finding]:
    """R8: one tenant's application is slow and has 10,000 waiting; another's is prompt."""
    number = 10 * seconds
    with gateway(environ) as ours, hearing() as prompt, hearing(seconds=1.0) as slow:
        register(ours, "3001", prompt.url)
        register(ours, "3002", slow.url)
        quiet = lags_of(ours, prompt, messages("3001", number, people=50), rate=10)
        send(ours, messages("3002", 10_000, people=5_000))
        again = messages("3001", number, people=50, prefix="again")
        beside = lags_of(ours, prompt, again, rate=10)
        yield Finding(
            "R8",
            "accepted to heard, beside 10,000 that wait for a slow application",
            f"{tail(beside)}; without it {tail(quiet)}",
            "99% ≤ 500 ms",
        )


def hanging(environ: Mapping[str, str], seconds: int) -> Iterator[Finding]:
    """R9: one application in a hundred hangs until its time is over."""
    pages = [f"31{number:02d}" for number in range(100)]
    with gateway(environ) as ours, hearing() as prompt, hearing(seconds=3_600) as stuck:
        register(ours, pages[0], stuck.url)
        for page in pages[1:]:
            register(ours, page, f"{prompt.url}/{page}")
        quiet: list[int] = []
        beside: list[int] = []
        # By turns, as the machine changes too; what hangs is over before the next round.
        for number in range(ROUNDS):
            for found, among in ((quiet, pages[1:]), (beside, pages)):
                turns = 2 * seconds // ROUNDS
                named = f"{number}of{len(among)}"
                said = [
                    webhook(page, f"{named}_{turn}", "700000000000001")
                    for turn in range(turns)
                    for page in among
                ]
                expected = turns * (len(pages) - 1)
                found.extend(lags_of(ours, prompt, said, rate=200, expected=expected))
            time.sleep(ATTEMPT)
        yield Finding(
            "R9",
            f"accepted to heard, at 200/s, one of 100 applications hanging, {ROUNDS} rounds",
            f"{tail(beside)}; without it {tail(quiet)}",
            "99% ≤ 1.2 of without",
        )


def outage(environ: Mapping[str, str], seconds: int) -> Iterator[Finding]:
    """R11: an application is down for so long at 100/s, and comes back."""
    number = OUTAGE_RATE * seconds
    with gateway(environ) as ours, hearing(status=503) as application:
        register(ours, "3001", application.url)
        send(ours, messages("3001", number, people=1_000), rate=OUTAGE_RATE)
        refused = application.counts()[2]
        back = time.monotonic()
        application.become(200)
        application.until(number, seconds=900)
        moments = application.moments()
        first = min(moments)
        by_second = Counter(int(moment - first) for moment in moments)
        gently = sum(by_second[second] for second in range(60))
        yield Finding(
            "R11",
            f"down for {seconds} s at {OUTAGE_RATE}/s, {number:,} waiting",
            f"{refused} attempts while down; back after {first - back:.0f} s, {gently / 60:.0f}/s "
            f"in the first minute, {max(by_second.values())} in the fullest second, drained "
            f"{max(moments) - back:.0f} s after it came back, {application.inversions()} early",
            "first minute ≤ 100/s, drained ≤ 900 s",
        )


def withdrawal(environ: Mapping[str, str], seconds: int) -> Iterator[Finding]:
    """R8: 100,000 wait for an application, or an account, that goes; another tenant goes on."""
    del seconds  # the number of messages is what counts
    with gateway(environ) as ours, hearing() as prompt, hearing(status=503) as down:
        register(ours, "3001", prompt.url)
        application_id = register(ours, "3002", down.url)
        for change, target in (
            ("an application deleted", f"/v2/applications/{application_id}"),
            ("its account deleted", f"{ACCOUNTS}/messenger/3002"),
        ):
            send(ours, messages("3002", WITHDRAWN, people=5_000, prefix=change[:6].strip("a ")))
            said = messages("3001", 500, people=50, prefix=change)
            with ThreadPoolExecutor() as beside:
                sent = beside.submit(send, ours, said, rate=100)
                time.sleep(1)
                began = time.monotonic()
                status, body = ours.call("DELETE", target)
                took = 1_000 * (time.monotonic() - began)
                assert status == 204, body
                waited = sent.result()
            yield Finding(
                "R8",
                f"{change}, with {WITHDRAWN:,} waiting for it",
                f"answered after {took:.0f} ms; another tenant's slowest 200 "
                f"{1_000 * max(waited.latencies):.0f} ms",
                "none > 1 s",
            )


def crowd(environ: Mapping[str, str], seconds: int) -> Iterator[Finding]:
    """R12, S10: a million things are due later, beside what is due now."""
    number = 200 * seconds // ROUNDS
    quiet: list[int] = []
    beside: list[int] = []
    with hearing() as application:
        with gateway(environ) as ours:
            register(ours, "3001", application.url)
        for turn in range(ROUNDS):  # by turns, as the machine changes too
            for found in (quiet, beside):
                if found is beside:
                    postpone(environ, WAITING)
                with gateway(environ) as ours:
                    named = f"{turn}of{'quiet' if found is quiet else 'beside'}"
                    said = messages("3001", number, people=500, prefix=named)
                    found.extend(lags_of(ours, application, said, rate=200))
                    resident = ours.process.memory_info().rss / 1e6
            take_back(environ)
        yield Finding(
            "R12",
            f"accepted to heard, at 200/s, beside {WAITING:,} due later, {ROUNDS} rounds",
            f"{tail(beside)}; without them {tail(quiet)}",
            "99% ≤ 1.2 of without",
        )
        yield Finding("S10", f"with {WAITING:,} pending", f"{resident:.0f} MB", "≤ 300 MB")


def snapshot(environ: Mapping[str, str], seconds: int) -> Iterator[Finding]:
    """R12: somebody keeps a snapshot open while messages flow, so that nothing is cleaned up.

    A second gateway has a database of its own, on the same server, that nobody looks at; by
    turns, as the machine changes too.
    """
    with (
        gateway(environ) as ours,
        gateway(another(environ)) as other,
        hearing() as application,
    ):
        for server in (ours, other):
            register(server, "3001", application.url)
        with snapshot_held(environ):
            flowing = messages("3001", 200 * seconds, people=2_000, prefix="flowing")
            last = lags_of(ours, application, flowing, rate=200)[-12_000:]
            beside, without = _throughputs(application, (ours, other))
        yield Finding(
            "R12",
            f"at full speed by turns, a snapshot open for {seconds} s at 200/s before that",
            f"{_rates(beside)}, without {_rates(without)}; its last minute at 200/s: {tail(last)}",
            "≥ 0.90 of without",
        )


def _throughputs(
    application: Hearing, servers: Sequence[Server], *, number: int = 20_000
) -> list[list[float]]:
    """Return for each gateway how many messages a second it brings at full speed, by turns."""
    rates: list[list[float]] = [[] for _ in servers]
    for turn in range(ROUNDS):
        for place, server in enumerate(servers):
            expected = application.counts()[1] + number
            began = time.monotonic()
            send(server, messages("3001", number, people=2_000, prefix=f"{turn}at{place}"))
            application.until(expected)
            rates[place].append(number / (time.monotonic() - began))
    return rates


def _rates(found: Sequence[float]) -> str:
    return " ".join(f"{rate:.0f}" for rate in found) + "/s"


def restart(environ: Mapping[str, str], seconds: int) -> Iterator[Finding]:
    """R4: killed while messages wait, it is started again; how soon is the first one heard."""
    del seconds  # the number of kills is what counts
    found = []
    with hearing(status=SILENT) as application:
        for turn in range(RESTARTS):
            with gateway(environ) as ours:
                if not turn:
                    register(ours, "3001", application.url)
                application.become(SILENT)
                send(ours, messages("3001", 1, people=1, prefix=f"turn{turn}"))
                time.sleep(0.3)
                ours.process.kill()
                application.become(200)
            heard = application.counts()[0]
            began = time.monotonic()
            with gateway(environ):
                while application.counts()[0] == heard:
                    time.sleep(0.01)
                found.append(application.moments()[-1] - began)
    yield Finding(
        "R4",
        f"from starting the process to the first delivery, {RESTARTS} kills",
        f"median {sorted(found)[len(found) // 2]:.1f} s, slowest {max(found):.1f} s",
        "≤ 1 s after it started",
    )


RESTARTS = 7
ROUNDS = 3
ATTEMPT = 20
"""Seconds that an attempt can last, and some more."""

SHARES = (0.5, 0.99, 0.999)

SCENARIOS: Mapping[str, Scenario] = {
    "sustained": sustained,
    "backlog": backlog,
    "hanging": hanging,
    "outage": outage,
    "withdrawal": withdrawal,
    "crowd": crowd,
    "restart": restart,
    "snapshot": snapshot,
}


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
