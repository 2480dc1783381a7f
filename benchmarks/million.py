"""S4, S10, S11: what a million accounts, and as many deliveries that wait, cost."""

from __future__ import annotations

import http.client
import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from statistics import median

from rich.progress import Progress

from benchmarks import callers, reads
from benchmarks.bulk import external_id, fill
from benchmarks.figures import Amount, Figure
from benchmarks.servers import BASIC, Server, databases, free_port, gateway, prepare, started

FEW = 1_000
ROUNDS, NUMBER, PAGES = 3, 5_000, 1_000
FURTHEST_PAGE, WINDOW = 10_000, 100
MEGABYTE = 1 << 20


@dataclass(slots=True)
class Findings:
    """What was measured on one engine."""

    figures: list[Figure] = field(default_factory=list)
    amounts: list[Amount] = field(default_factory=list)


def measure(engine: str, *, goals: Sequence[str], many: int) -> Findings:
    """Build two databases, one with `many` accounts and one with a thousand, and compare."""
    found = Findings()
    with _filled(engine, FEW) as little, _filled(engine, many) as large:
        if "S11" in goals:
            found.amounts += _starts(engine, little, large, many)
        with gateway(little) as small, gateway(large) as big:
            if "S4" in goals:
                found.figures += _rates(engine, small, big, many)
                found.amounts.append(_walk(engine, big, many))
            if "S10" in goals:
                found.amounts += _memory(engine, small, big, many)
    return found


@contextmanager
def _filled(engine: str, accounts: int) -> Iterator[dict[str, str]]:
    with databases([engine]) as available:
        for _, environ in available:
            prepare(environ)
            with Progress(transient=True) as progress:
                task = progress.add_task(f"{accounts:,} accounts, {engine}", total=2 * accounts)
                fill(
                    environ,
                    of_accounts=accounts,
                    waiting=accounts,
                    told=partial(progress.advance, task),
                )
            yield environ


def _rates(engine: str, small: Server, big: Server, many: int) -> Iterator[Figure]:
    """S4: accounts picked at random, and the first page, from each in turn."""
    pick = random.Random(7).randrange  # noqa: S311 -- the same accounts each time
    kinds: list[tuple[str, Callable[[int], Sequence[bytes]]]] = [
        ("GET always the same one", lambda _: [callers.show(external_id(7))] * NUMBER),
        (
            # A thousand are all remembered on SQLite, a million are not.
            "GET one of them at random",
            lambda among: [callers.show(external_id(pick(among))) for _ in range(NUMBER)],
        ),
        ("a page of twenty", lambda _: [callers.listing()] * PAGES),
    ]
    for what, requests in kinds:
        rates, floors = [], []
        for _ in range(ROUNDS):
            rates.append(reads.rate(big, requests(many)))
            floors.append(reads.rate(small, requests(FEW)))
        named = f"{what}, {many:,} as against {FEW:,}, {engine}"
        yield Figure("S4", named, median(rates), median(floors), 0.90)


def _walk(engine: str, big: Server, many: int) -> Amount:
    """S4: follow `next`; the slowest hundred pages as against the first page."""
    connection = http.client.HTTPConnection("127.0.0.1", big.port, timeout=30)
    target = f"{callers.ACCOUNTS}?page_size=20"
    first = median(_page(connection, target)[0] for _ in range(WINDOW))
    windows: list[float] = []
    times: list[float] = []
    page: dict[str, object] = {}
    for _ in range(min(FURTHEST_PAGE, many // 20) - 1):
        spent, page = _page(connection, target)
        times.append(spent)
        if len(times) == WINDOW:
            windows.append(median(times))
            times.clear()
        links = page["_links"]
        assert isinstance(links, dict)
        target = "/" + links["next"]["href"].split("/", 3)[3]
    connection.close()
    assert page["total_items"] == many, page["total_items"]
    return Amount(
        "S4",
        f"`next` to page {FURTHEST_PAGE:,}, medians of {WINDOW} pages, {engine}",
        f"slowest {max(windows) / first:.2f} times, last {windows[-1] / first:.2f} times page 1 "
        f"({1_000 * first:.2f} ms)",
        "≤ 1.5 times",
    )


def _page(connection: http.client.HTTPConnection, target: str) -> tuple[float, dict[str, object]]:
    began = time.perf_counter()
    connection.request("GET", target, headers=BASIC)
    answer = connection.getresponse()
    body = answer.read()
    spent = time.perf_counter() - began
    assert answer.status == 200, body
    page: dict[str, object] = json.loads(body)
    return spent, page


def _starts(
    engine: str, little: Mapping[str, str], large: Mapping[str, str], many: int
) -> Iterator[Amount]:
    """S11: from the start of the process to its first answer."""
    for environ, accounts in ((little, FEW), (large, many)):
        spent = median(_start(environ) for _ in range(ROUNDS))
        what = f"start to ready on {accounts:,} accounts, {engine}"
        yield Amount("S11", what, f"{spent:.2f} s", "≤ 2 s")


def _start(environ: Mapping[str, str]) -> float:
    port = free_port()
    command = [sys.executable, "-m", "jackfield", "serve", "--port", str(port)]
    began = time.perf_counter()
    with started(command, port=port, environ=environ) as server:
        status, body = server.call("GET", "/readyz")
        assert status == 200, body
        return time.perf_counter() - began


def _memory(engine: str, small: Server, big: Server, many: int) -> Iterator[Amount]:
    """S10: what is resident once everything was asked for at least once."""
    kinds = ((small, FEW, "≤ 120 MB"), (big, many, "≤ 300 MB"))
    for server, accounts, wanted in kinds:
        reads.rate(server, [callers.show(external_id(n)) for n in range(min(accounts, 10_000))])
        what = f"resident, {accounts:,} accounts and as many waiting, {engine}"
        seen = server.process.memory_info().rss / MEGABYTE
        yield Amount("S10", what, f"{seen:.0f} MB", wanted)
