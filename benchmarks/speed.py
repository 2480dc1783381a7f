"""The figures over HTTP: S1 reads, S5 writes, S6 accepts, S7 delivers, each beside its floor."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median

from benchmarks import callers, load, reads
from benchmarks.callers import ACCOUNTS
from benchmarks.figures import Figure
from benchmarks.reads import rate
from benchmarks.servers import (
    APP_SECRET,
    BASIC,
    JSON,
    PAGE,
    SILENT_PAGE,
    Server,
    gateway,
    heard,
    receiver,
)

IN_FLIGHT = 64
ROUNDS = 3
MESSAGES, PEOPLE = 5_000, 2_000
WEBHOOK = "/webhooks/meta/bench"


def measure(engine: str, environ: Mapping[str, str], *, goals: Sequence[str]) -> list[Figure]:
    """Measure `goals` on one engine; rounds of ours and of the floor take turns."""
    figures: list[Figure] = []
    with gateway(_floor_environ(environ), module=FLOOR) as floor:
        with receiver() as application, gateway(environ) as ours:
            hearing = _furnish(ours, application, page=PAGE)
            figures += reads.measure(ours, goals=goals)
            figures += [_creates(ours, floor)] if "S5" in goals else []
            figures += [_links(ours, floor, hearing)] if "S5" in goals else []
            figures += [_deliveries(ours, floor, application)] if "S7" in goals else []
        if "S6" in goals:
            # One attempt that hangs is all that is dispatched, so accepting has the processor.
            alone = {**environ, "JACKFIELD_IN_FLIGHT": "1"}
            with receiver(silent=True) as application, gateway(alone) as ours:
                _furnish(ours, application, page=SILENT_PAGE)
                figures.append(_accepts(ours, floor))
    return [replace(figure, what=f"{figure.what}, {engine}") for figure in figures]


FLOOR = "benchmarks.accept_only"


def _floor_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the floor: it reads the same rows, and writes none."""
    data = environ["JACKFIELD_DATA"]
    url = environ.get("JACKFIELD_DATABASE_URL", f"sqlite:///{data}/jackfield.sqlite3")
    return {**environ, "JACKFIELD_DATA": f"{data}-floor", "JACKFIELD_DATABASE_URL": url}


def _furnish(ours: Server, application: Server, *, page: str) -> callers.Application:
    """Make the application that hears and the Page it is linked to."""
    made = callers.application(ours, url=f"http://127.0.0.1:{application.port}/inbound")
    callers.account(ours, page, linked_to=[made.id])
    return made


def _creates(ours: Server, floor: Server) -> Figure:
    rates, floors = [], []
    for turn in range(ROUNDS):
        sent = [_create(f"{turn}{number:09d}") for number in range(3_000)]
        rates.append(rate(ours, sent, status=201))
        floors.append(rate(floor, sent, status=201))
    return Figure("S5", "create an account, 64 in flight", median(rates), median(floors), 0.5)


def _links(ours: Server, floor: Server, application: callers.Application) -> Figure:
    """Link accounts that the rounds of `_creates` made, each once."""
    rates, floors = [], []
    for turn in range(ROUNDS):
        sent = [_link(f"{turn}{number:09d}", application.id) for number in range(2_000)]
        rates.append(rate(ours, sent))
        floors.append(rate(floor, sent))
    return Figure("S5", "link an account, 64 in flight", median(rates), median(floors), 0.5)


def _deliveries(ours: Server, floor: Server, application: Server) -> Figure:
    delivered, floors = [], []
    for turn in range(ROUNDS):
        sent = _webhooks(PAGE, f"d_{turn}")
        before, _ = heard(application)
        began = time.perf_counter()
        rate(ours, sent, status=200)
        _until_heard(application, before + len(sent))
        delivered.append(len(sent) / (time.perf_counter() - began))
        floors.append(rate(floor, sent, status=200))
    number, different = heard(application)
    remarks = f"{number - different} duplicates"
    what = "inbound to delivered and marked"
    return Figure("S7", what, median(delivered), median(floors), 0.2, remarks)


def _accepts(ours: Server, floor: Server) -> Figure:
    accepted, floors = [], []
    for turn in range(ROUNDS):
        sent = _webhooks(SILENT_PAGE, f"a_{turn}")
        accepted.append(rate(ours, sent, status=200))
        floors.append(rate(floor, sent, status=200))
    paced = load.run(ours.port, _webhooks(SILENT_PAGE, "p"), in_flight=IN_FLIGHT, rate=500)
    remarks = (
        f"at 500/s p50 {paced.percentile(0.5):.1f} ms, p99 {paced.percentile(0.99):.1f} ms, "
        f"p99.9 {paced.percentile(0.999):.1f} ms"
    )
    what = "inbound accepted and committed"
    return Figure("S6", what, median(accepted), median(floors), 0.5, remarks)


def _webhooks(page: str, prefix: str) -> list[bytes]:
    return [webhook(page, f"{prefix}_{n}", f"7{n % PEOPLE:014d}") for n in range(MESSAGES)]


def _until_heard(application: Server, number: int) -> None:
    for _ in range(6_000):
        if heard(application)[0] >= number:
            return
        time.sleep(0.01)
    raise SystemExit(f"only {heard(application)[0]} of {number} messages were delivered in time")


def _create(external_id: str) -> bytes:
    body = json.dumps({"external_id": external_id, "access_token": "a-token"}).encode()
    return load.request("POST", f"{ACCOUNTS}/messenger", headers=BASIC | JSON, body=body)


def _link(external_id: str, application_id: str) -> bytes:
    target = f"{ACCOUNTS}/messenger/{external_id}/applications"
    body = json.dumps({"application": application_id}).encode()
    return load.request("POST", target, headers=BASIC | JSON, body=body)


def webhook(page: str, mid: str, person: str) -> bytes:
    """Return one signed webhook with one Messenger text message."""
    message = {
        "sender": {"id": person},
        "recipient": {"id": page},
        "timestamp": 1_795_000_000_001,
        "message": {"mid": mid, "text": "Is the blue one still there? " * 4},
    }
    entry = {"id": page, "time": 1_795_000_000_123, "messaging": [message]}
    body = json.dumps({"object": "page", "entry": [entry]}).encode()
    digest = hmac.digest(APP_SECRET.encode(), body, "sha256").hex()
    signed = JSON | {"X-Hub-Signature-256": f"sha256={digest}"}
    return load.request("POST", WEBHOOK, headers=signed, body=body)
