"""What lies in the database already: what is due later, what a snapshot keeps, what is old."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.ageing import grow_old, left
from benchmarks.flow import ROUNDS, Finding, lags_of, messages, register, send, tail, within
from benchmarks.hearing import Hearing, hearing
from benchmarks.meddling import postpone, snapshot_held, take_back
from benchmarks.servers import Server, another, gateway

WAITING = 1_000_000
OLD = 1_000_000


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
            lags = lags_of(ours, application, flowing, rate=200)
            beside, without = _throughputs(application, (ours, other))
        yield Finding(
            "R12",
            f"at full speed by turns, a snapshot open for {seconds} s at 200/s before that",
            f"{_rates(beside)}, without {_rates(without)}; at 200/s its last minute: "
            f"{tail(lags[-12_000:])}; slowest of all {max(lags)} ms",
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


def aged(environ: Mapping[str, str], seconds: int) -> Iterator[Finding]:
    """R5: a million old messages are there, and some of them are let go meanwhile.

    By turns with a database that has none, each gateway alone, as the machine changes too.
    """
    places = (environ, another(environ))
    grow_old(environ, OLD)
    number = 200 * seconds // ROUNDS
    latencies: list[list[float]] = [[] for _ in places]
    with hearing() as application:
        for turn in range(ROUNDS):
            for which, place in enumerate(places):
                with gateway(place) as ours:
                    if not turn:
                        register(ours, "3001", application.url)
                    said = messages("3001", number, people=500, prefix=f"{turn}at{which}")
                    expected = application.counts()[1] + number
                    latencies[which].extend(send(ours, said, rate=200).latencies)
                    application.until(expected)
    beside, without = latencies
    yield Finding(
        "R5",
        f"to the 200, at 200/s, beside {OLD:,} old messages that are being let go, by turns",
        f"{within(beside)}; without them {within(without)}; {left(environ):,} are left",
        "99% ≤ 100 ms, none > 1 s",
    )
