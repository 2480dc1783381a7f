"""What a provider sends is proved, stored whole, and only then acknowledged."""

from __future__ import annotations

import asyncio
import itertools
import signal
import sys
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.routing import Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.testing import capture_logs

from gateway import VERIFY_TOKEN, Answer, Client, Doors, application, opened, signature
from jackfield.api.front_door import FrontDoor
from jackfield.api.provider_webhooks import BODY_LIMIT, ProviderWebhooks
from jackfield.api.raw_path import RawPaths, RawRoute
from jackfield.clock import now
from jackfield.crashpoints import Crashpoint
from jackfield.messages import Reading
from jackfield.metrics import Metrics
from jackfield.problems import OutcomeUnknown, Unavailable
from jackfield.providers import WEBHOOKS, meta
from jackfield.providers.contract import Webhook
from jackfield.storage import arrivals, provider_apps
from jackfield.storage.tables import deliveries, inbound_bodies, messages, provider_message_ids
from jackfield.units import Result, Store, Unit

TESTS = Path(__file__).parent.parent
DYING = TESTS / "dying_gateway.py"
PATH = "/webhooks/meta/main"
ACCOUNTS = "/beta/chatapp-accounts"
_numbers = itertools.count(1)


def said(text: str, *, to: str, by: str = "700000000000007") -> dict[str, Any]:
    """Return one person's message as it stands in a Page's callback."""
    return {
        "sender": {"id": by},
        "recipient": {"id": to},
        "timestamp": 1795000000001,
        "message": {"mid": f"m_{next(_numbers)}", "text": text},
    }


def body_of(*entries: Mapping[str, object]) -> bytes:
    return msgspec.json.encode({"object": "page", "entry": entries})


def entry(page: str, *items: object) -> dict[str, object]:
    return {"id": page, "time": 1795000000123, "messaging": items}


async def heard(doors: Doors, body: bytes, path: str = PATH) -> Answer:
    return await doors.anybody().post(path, body, x_hub_signature_256=signature(body))


async def counted(doors: Doors, line: str) -> bool:
    """Say whether the metrics have exactly this line."""
    answer = await doors.anybody(address="127.0.0.1").get("/metrics")
    return line in answer.body.decode().splitlines()


async def page(doors: Doors, page_id: str, *, api_key: str = "acme0001") -> None:
    """Make a tenant with a linked page."""
    caller = await doors.tenant(api_key)
    desk = await application(caller, webhooks={"inbound_url": {"address": "https://a.example/"}})
    made = await caller.post(
        ACCOUNTS + "/messenger",
        {"external_id": page_id, "access_token": "t", "applications": [desk]},
    )
    assert made.status == 201


# The handshake -----------------------------------------------------------------------------


async def test_a_handshake_is_answered_with_its_challenge(doors: Doors) -> None:
    await doors.provider_app()
    token = VERIFY_TOKEN.replace(" ", "+")

    answer = await doors.anybody().get(
        f"{PATH}?hub.mode=subscribe&hub.verify_token={token}&hub.challenge=%3Cb%3E1158"
    )

    assert (answer.status, answer.body) == (200, b"<b>1158")
    assert answer.headers["content-type"] == "text/plain"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "hub.mode=subscribe&hub.challenge=1",
        "hub.mode=subscribe&hub.verify_token=&hub.challenge=1",
        "hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=1",
        f"hub.verify_token={VERIFY_TOKEN.replace(' ', '+')}&hub.challenge=1",
    ],
)
async def test_a_wrong_handshake_is_forbidden(sqlite_doors: Doors, query: str) -> None:
    await sqlite_doors.provider_app()

    assert (await sqlite_doors.anybody().get(f"{PATH}?{query}")).status == 403


@pytest.mark.parametrize("path", ["/webhooks/meta/other", "/webhooks/else/main"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_path_of_no_provider_app_is_not_there(
    doors: Doors, path: str, method: str
) -> None:
    await doors.provider_app()

    answer = await doors.anybody().ask(method, path, body=b"{}")

    assert answer.status == 404


# What may come in --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"x_hub_signature_256": ""},
        {"x_hub_signature_256": "sha256=" + "0" * 64},
        {"x_hub_signature_256": signature(b"another body")},
        {"x_hub_signature_256": signature(b"{}", secret="another secret")},
        {"x_hub_signature": signature(b"{}")},
    ],
)
async def test_an_unproved_body_is_refused_counted_and_forgotten(
    sqlite_doors: Doors, header: Mapping[str, str]
) -> None:
    await sqlite_doors.provider_app()

    answer = await sqlite_doors.anybody().post(PATH, b"{}", **header)

    assert answer.status == 401
    assert await counted(sqlite_doors, "jackfield_webhook_signature_failures_total 1.0")
    assert await sqlite_doors.count(inbound_bodies) == 0


async def test_a_large_body_is_refused_before_its_signature_is_looked_at(
    sqlite_doors: Doors,
) -> None:
    await sqlite_doors.provider_app()
    largest = b"x" * BODY_LIMIT

    fits = await sqlite_doors.anybody().post(PATH, largest)
    does_not = await sqlite_doors.anybody().post(PATH, largest + b"x")

    assert (fits.status, does_not.status) == (401, 413)
    assert await counted(sqlite_doors, "jackfield_webhook_signature_failures_total 1.0")


# What becomes of it ------------------------------------------------------------------------


async def test_a_message_is_stored_before_it_is_acknowledged(doors: Doors) -> None:
    await doors.provider_app()
    await page(doors, "200000000000001")
    body = body_of(entry("200000000000001", said("hello", to="200000000000001")))

    answer = await heard(doors, body)

    assert (answer.status, answer.body) == (200, b"")
    assert await doors.count(messages) == 1
    assert await doors.count(deliveries, held_because="claimed") == 1


def crowd(count: int) -> list[dict[str, object]]:
    """Return entries for three pages with trouble in between, `count` good messages in all."""
    pages = ["200000000000001", "200000000000002", "200000000000003"]
    entries: list[dict[str, object]] = []
    for number in range(count):
        to = pages[number % 3]
        entries.append(entry(to, said(f"{number}", to=to, by=str(7000 + number % 7))))
        if number % 150 == 75:
            entries.append(entry(to, {"sender": {"id": number + 0.5}, "message": []}))
    entries.insert(20, {"id": "200000000000001", "messaging": "none"})
    entries.insert(40, entry("999", said("who?", to="999")))
    return entries


async def test_of_a_crowd_everybody_is_heard_once(database_url: str) -> None:
    async with opened(database_url, ownership="trust") as doors:
        await doors.provider_app()
        await page(doors, "200000000000001")
        await page(doors, "200000000000002", api_key="umbr0002")
        caller = await doors.tenant("init0003")
        await caller.post(
            ACCOUNTS + "/messenger", {"external_id": "200000000000003", "access_token": "t"}
        )
        body = body_of(*crowd(400))

        answers = [await heard(doors, body), await heard(doors, body)]

        assert [answer.status for answer in answers] == [200, 200]
        assert await doors.count(messages) == 400
        assert await doors.count(messages, api_key="acme0001") == 134
        assert await doors.count(messages, api_key="umbr0002") == 133
        assert await doors.count(deliveries, state="pending") == 267
        assert await doors.count(deliveries, held_because="unlinked") == 133
        assert await doors.count(provider_message_ids, repeats=1) == 400
        assert await doors.count(inbound_bodies, kind="unread") == 4
        assert await doors.count(inbound_bodies, kind="unknown") == 1
        line = 'jackfield_ingest_total{channel="messenger",result="repeated"} 400.0'
        assert await counted(doors, line)
        assert await counted(doors, "jackfield_duplicates_suppressed_total 400.0")


async def test_an_app_serves_only_the_tenants_it_was_granted_to(doors: Doors) -> None:
    await doors.provider_app("main", for_all=False)
    await page(doors, "200000000000001")
    body = body_of(entry("200000000000001", said("hello", to="200000000000001")))

    answer = await heard(doors, body)

    assert answer.status == 200
    assert await doors.count(messages) == 0
    assert await doors.count(inbound_bodies, kind="unknown") == 1


@pytest.mark.parametrize(
    "body",
    [b"", b"no JSON", b"[]", b"\xff", b'{"object":7}', b'{"object":"zebra","entry":[]}'],
)
async def test_a_proved_body_that_cannot_be_read_is_kept_whole(doors: Doors, body: bytes) -> None:
    await doors.provider_app()

    answer = await heard(doors, body)

    assert answer.status == 200
    assert await doors.count(inbound_bodies, kind="unread", body=body) == 1
    assert await counted(doors, 'jackfield_ingest_total{channel="meta",result="unread"} 1.0')


async def test_receipts_are_counted_and_leave_nothing(sqlite_doors: Doors) -> None:
    await sqlite_doors.provider_app()
    item = {
        "sender": {"id": "7"},
        "recipient": {"id": "2"},
        "timestamp": 1795000000001,
        "read": {"watermark": 1795000000001},
    }

    answer = await heard(sqlite_doors, body_of(entry("2", item)))

    assert answer.status == 200
    assert await sqlite_doors.count(inbound_bodies) == 0
    assert await counted(
        sqlite_doors, 'jackfield_ingest_total{channel="meta",result="ignored"} 1.0'
    )


# When something breaks ---------------------------------------------------------------------


class BrokenReader:
    """A webhook whose reader breaks its promise not to raise."""

    KIND = meta.KIND
    PROVIDERS = meta.PROVIDERS
    verify = staticmethod(meta.verify)
    challenge = staticmethod(meta.challenge)

    @staticmethod
    def read(body: bytes) -> Reading:
        raise ZeroDivisionError(body)


class WatchedStore:
    """The real store; before it commits, it does what the test wants."""

    def __init__(self, store: Store, before_commit: Callable[[], Awaitable[None]]) -> None:
        self._store = store
        self._before_commit = before_commit

    async def commit(self, work: Unit[Result]) -> Result:
        await self._before_commit()
        return await self._store.commit(work)

    async def read(self, work: Unit[Result]) -> Result:
        return await self._store.read(work)

    async def recall(self, work: Unit[Result]) -> Result:
        return await self._store.recall(work)


def webhooks_of(
    doors: Doors,
    *,
    store: Store | None = None,
    arrived: Callable[[Collection[int]], None] = lambda _: None,
    webhooks: Mapping[str, Webhook] = WEBHOOKS,
) -> Client:
    """Return who calls these webhooks alone, with parts of the test's own."""
    made = ProviderWebhooks(
        store or doors.gateway.store,
        provider_apps=provider_apps,
        arrivals=arrivals,
        keyring=doors.gateway.keys,
        clock=now,
        metrics=Metrics(),
        arrived=arrived,
        webhooks=webhooks,
    )
    route = RawRoute("POST", "/webhooks/{kind}/{name}", made.accept)
    return Client(FrontDoor(Router([RawPaths([route])])))


def noting(asgi: ASGIApp, note: Callable[[], None]) -> ASGIApp:
    """Return `asgi`, which says when it begins to answer."""

    async def noted(scope: Scope, receive: Receive, send: Send) -> None:
        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                note()
            await send(message)

        await asgi(scope, receive, watched)

    return noted


async def test_a_reader_that_breaks_costs_no_message(doors: Doors) -> None:
    await doors.provider_app()
    body = body_of(entry("1", said("a private word", to="1")))
    woken: list[bool] = []
    caller = webhooks_of(
        doors, webhooks={"meta": BrokenReader()}, arrived=lambda _: woken.append(True)
    )

    with capture_logs() as logged:
        answer = await caller.post(PATH, body, x_hub_signature_256=signature(body))

    assert answer.status == 200
    assert await doors.count(inbound_bodies, kind="unread", body=body) == 1
    assert [line["event"] for line in logged] == ["webhook.reader_broke"]
    assert "a private word" not in repr(logged)
    assert not woken  # there is nothing to deliver


async def test_nothing_is_said_before_it_is_stored_and_nobody_is_woken(
    sqlite_url: str,
) -> None:
    order: list[str] = []

    async def note() -> None:
        order.append("commit")
        await asyncio.sleep(0)

    async with opened(sqlite_url, ownership="trust") as doors:
        await doors.provider_app()
        await page(doors, "200000000000001")
        watched = WatchedStore(doors.gateway.store, note)
        caller = webhooks_of(doors, store=watched, arrived=lambda _: order.append("woken"))
        body = body_of(entry("200000000000001", said("hello", to="200000000000001")))

        sent = replace(caller, asgi=noting(caller.asgi, lambda: order.append("answered")))
        await sent.post(PATH, body, x_hub_signature_256=signature(body))

    assert order == ["commit", "answered", "woken"]


@pytest.mark.parametrize("problem", [Unavailable, OutcomeUnknown])
async def test_a_store_in_trouble_makes_the_provider_call_again(
    doors: Doors, problem: type[Unavailable]
) -> None:
    async def fail() -> None:
        raise problem("The database cannot be reached.")

    await doors.provider_app()
    caller = webhooks_of(doors, store=WatchedStore(doors.gateway.store, fail))
    body = body_of(entry("1", said("hello", to="1")))

    answer = await caller.post(PATH, body, x_hub_signature_256=signature(body))

    assert answer.status == 503
    assert answer.headers["retry-after"] == "1"
    assert await doors.count(inbound_bodies) == 0


BEFORE = (
    Crashpoint.BODY_HALF_READ,
    Crashpoint.VERIFIED_NOT_QUEUED,
    Crashpoint.READING_EVENTS,
    Crashpoint.INSIDE_TRANSACTION,
)
AFTER = (Crashpoint.COMMITTED_NOT_ANSWERED, Crashpoint.ANSWERED)


@pytest.mark.parametrize("point", BEFORE + AFTER)
async def test_a_killed_gateway_has_stored_all_or_nothing_and_hears_it_once(
    sqlite_url: str, tmp_path: Path, point: Crashpoint
) -> None:
    body = body_of(entry("200000000000001", said("hello", to="200000000000001")))
    (tmp_path / "body").write_bytes(body)
    async with opened(sqlite_url) as doors:
        await doors.provider_app()
        await page(doors, "200000000000001")

    killed = await asyncio.create_subprocess_exec(
        sys.executable, DYING, point, sqlite_url, tmp_path / "body", cwd=TESTS
    )

    assert await killed.wait() == -signal.SIGKILL
    async with opened(sqlite_url) as doors:
        assert await doors.count(messages) == (1 if point in AFTER else 0)
        assert (await heard(doors, body)).status == 200
        assert await doors.count(messages) == 1
