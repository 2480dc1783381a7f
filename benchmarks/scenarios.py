"""The promises in numbers: each scenario runs real processes, and its account must be even."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from benchmarks import load
from benchmarks.burdens import aged, crowd, snapshot
from benchmarks.flow import Finding, Scenario, messages, register, send, tail, within
from benchmarks.hearing import SILENT, hearing
from benchmarks.misbehaviour import backlog, hanging, outage, withdrawal
from benchmarks.servers import gateway

RATES = (200, 500, 600)
"""Messages a second; the last is what one process must bear (R7)."""

RESTARTS = 7


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
    yield Finding(
        "R5", f"to the 200, at {rate}/s", within(sent.latencies), "99% ≤ 100 ms, none > 1 s"
    )
    wanted = f"99% ≤ {50 if rate <= 200 else 100} ms"
    cost = f"{spent:.2f} ms of processor each"
    yield Finding("R6", f"accepted to heard, at {rate}/s", f"{tail(lags)}; {cost}", wanted)


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


SCENARIOS: Mapping[str, Scenario] = {
    "sustained": sustained,
    "backlog": backlog,
    "hanging": hanging,
    "outage": outage,
    "withdrawal": withdrawal,
    "crowd": crowd,
    "restart": restart,
    "aged": aged,
    "snapshot": snapshot,
}
