"""A flood of wrong secrets, and what it does to those who come with right ones."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping
from statistics import median

from benchmarks import callers, load
from benchmarks.figures import Amount
from benchmarks.servers import API_KEY, gateway

CALLERS = 32
GUESSED = "200000000000009"
RATE, SECONDS, ROUNDS = 200, 4, 3


def measure(engine: str, environ: Mapping[str, str]) -> Amount:
    """Compare the 99th percentile of callers at work, quiet and in the flood, taking turns.

    The secret that is guessed at is theirs, and somebody chose it: each wrong one costs argon2id.
    """
    ratios, quiet_tails, flood_tails = [], [], []
    answers: Counter[int] = Counter()
    with gateway(environ) as ours:
        callers.account(ours, GUESSED)
        asked = [callers.show(GUESSED)] * (RATE * SECONDS)
        load.run(ours.port, asked[:CALLERS], in_flight=CALLERS)
        for _ in range(ROUNDS):
            quiet = load.run(ours.port, asked, in_flight=CALLERS, rate=RATE)
            loud, flood = load.run_beside(
                ours.port, asked, _guesses(), in_flight=CALLERS, rate=RATE
            )
            assert quiet.statuses == loud.statuses == {200: len(asked)}, loud.statuses
            quiet_tails.append(quiet.percentile(0.99))
            flood_tails.append(loud.percentile(0.99))
            ratios.append(flood_tails[-1] / quiet_tails[-1])
            answers += flood.statuses
    told = ", ".join(f"{number:,} times {status}" for status, number in sorted(answers.items()))
    return Amount(
        "flood",
        f"99% of valid callers at {RATE}/s, {engine}; wrong secrets got {told}",
        f"{median(ratios):.1f} times ({median(quiet_tails):.1f} → {median(flood_tails):.1f} ms)",
        "≤ 3 times",
    )


def _guesses() -> Iterator[bytes]:
    while True:
        pair = f"{API_KEY}:{secrets.token_hex(8)}".encode()
        yield callers.show(GUESSED, headers={"Authorization": "Basic " + b64encode(pair).decode()})
