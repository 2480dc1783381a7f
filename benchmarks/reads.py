"""S1 to S3: one account and a page of them, by secret and by token, beside a fixed file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks import callers, load
from benchmarks.figures import Figure
from benchmarks.servers import Server, static_file

IN_FLIGHT = 64
ROUNDS = 3
NUMBER, TOKENS, PAGES = 10_000, 2_000, 2_000
ONE, NEW, MANY = "S1", "S2", "S3"

Requests = Callable[[], Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of question, and what share of the floor its rate shall be."""

    goal: str
    what: str
    wanted: float
    requests: Requests


def measure(ours: Server, *, goals: Sequence[str]) -> Iterator[Figure]:
    """Measure `goals`; each round of ours has one of the file's beside it."""
    application = callers.application(ours)
    for number in range(20):
        callers.account(ours, f"21{number:013d}")
    seen = application.bearer()

    def new() -> Sequence[bytes]:
        return [callers.show(headers=application.bearer()) for _ in range(TOKENS)]

    kinds = [
        Kind(ONE, "GET one account, Basic", 0.20, lambda: [callers.show()] * NUMBER),
        Kind(ONE, "GET one, a token seen", 0.20, lambda: [callers.show(headers=seen)] * NUMBER),
        Kind(NEW, "GET one, a new token each", 0.10, new),
        Kind(MANY, "a page of twenty accounts", 0.10, lambda: [callers.listing()] * PAGES),
    ]
    with static_file() as floor:
        for kind in kinds:
            if kind.goal in goals:
                yield _beside(floor, ours, kind)


def _beside(floor: Server | None, ours: Server, kind: Kind) -> Figure:
    rates: list[float] = []
    ratios: list[float] = []
    for _ in range(ROUNDS):
        sent = kind.requests()
        rates.append(rate(ours, sent))
        if floor is not None:
            # The same bytes come in, so that what the client does is the same too.
            ratios.append(rates[-1] / rate(floor, sent))
    remarks = "" if ratios else "nginx is not installed, so there is no floor"
    floor_rate = median(rates) / median(ratios) if ratios else None
    return Figure(kind.goal, kind.what, median(rates), floor_rate, kind.wanted, remarks)


def rate(server: Server, sent: Sequence[bytes], *, status: int = 200) -> float:
    """Return how many of these requests a second are answered, each with `status`."""
    result = load.run(server.port, sent, in_flight=IN_FLIGHT)
    assert result.statuses == {status: len(sent)}, result.statuses
    return result.rate
