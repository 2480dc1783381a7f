"""What applications do to the messages of others: they are slow, hang, are down, or go."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from benchmarks.callers import ACCOUNTS
from benchmarks.flow import ROUNDS, Finding, lags_of, messages, register, send, tail
from benchmarks.hearing import hearing
from benchmarks.servers import gateway
from benchmarks.speed import webhook

OUTAGE_RATE = 100
BESIDE_RATE = 10
WITHDRAWN = 100_000
ATTEMPT = 20
"""Seconds that an attempt can last, and some more."""


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
    """R9, R11: an application is down for so long at 100/s, and comes back; another goes on."""
    minute, number = OUTAGE_RATE * 60, OUTAGE_RATE * seconds
    rate = OUTAGE_RATE + BESIDE_RATE
    with gateway(environ) as ours, hearing() as application, hearing() as prompt:
        register(ours, "3001", application.url)
        register(ours, "3002", prompt.url)
        quiet = lags_of(ours, prompt, _of_both("up", 60), rate=rate, expected=BESIDE_RATE * 60)
        application.until(minute)
        application.become(503)
        beside = lags_of(
            ours, prompt, _of_both("down", seconds), rate=rate, expected=BESIDE_RATE * seconds
        )
        refused = application.counts()[2]
        back = time.monotonic()
        application.become(200)
        application.until(minute + number, seconds=900)
        moments = application.moments()[minute:]
        first = min(moments)
        by_second = Counter(int(moment - first) for moment in moments)
        gently = sum(by_second[second] for second in range(60))
        yield Finding(
            "R9",
            f"accepted to heard by another application, while one is down for {seconds} s",
            f"{tail(beside)}; before that {tail(quiet)}",
            "99% ≤ 1.2 of before",
        )
        yield Finding(
            "R11",
            f"down for {seconds} s at {OUTAGE_RATE}/s, {number:,} waiting",
            f"{refused} attempts while down; back after {first - back:.0f} s, {gently / 60:.0f}/s "
            f"in the first minute, {max(by_second.values())} in the fullest second, drained "
            f"{max(moments) - back:.0f} s after it came back, {application.inversions()} early",
            "first minute ≤ 100/s, drained ≤ 900 s",
        )


def _of_both(prefix: str, seconds: int) -> list[bytes]:
    """Return what is said to both applications in so many seconds, the other's among the one's."""
    one = messages("3001", OUTAGE_RATE * seconds, people=1_000, prefix=prefix)
    other = messages("3002", BESIDE_RATE * seconds, people=100, prefix=f"beside{prefix}")
    share = OUTAGE_RATE // BESIDE_RATE
    return [
        each
        for number, beside in enumerate(other)
        for each in (*one[number * share : (number + 1) * share], beside)
    ]


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
