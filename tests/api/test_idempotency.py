"""A POST with an Idempotency-Key has one effect, however often it is sent (ruling R24)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from databases import look
from external_accounts import BASE, ERRORS, NUMBER, PAGE, faults
from gateway import Answer, Client, Doors, application, opened, public_key
from jackfield.http_side import http_side
from jackfield.storage.tables import accounts, applications, idempotency_keys
from jackfield.units import Result, Unit
from standing_in import StandIn
from world import Clock

APPLICATIONS = "/v2/applications"
MESSENGER = BASE + "/messenger"
LINKS = MESSENGER + "/12345678/applications"
KEY = "0d4f9a52-6c0b-4a0e-9a55-1f1f6f0f7f10"
DESK = {"name": "Desk", "keys": {"public_key": public_key()}}


async def once(caller: Client, path: str, body: object, *, key: str = KEY) -> Answer:
    return await caller.post(path, body, idempotency_key=key)


def same(answer: Answer) -> tuple[int, bytes, str | None, str | None]:
    """Return what a repeat has in common with the first answer."""
    headers = answer.headers
    return answer.status, answer.body, headers.get("etag"), headers.get("content-type")


def as_told(answer: Answer) -> tuple[int, dict[str, Any]]:
    """Return a refusal's status and body, once its instance is the request's own."""
    body = answer.json
    assert body.pop("instance") == answer.headers["x-request-id"]
    return answer.status, body


async def page(caller: Client) -> str:
    """Make a Page and an application for it, and return the application's id."""
    assert (await caller.post(MESSENGER, PAGE)).status == 201
    return await application(caller)


async def test_a_repeated_creation_of_an_account_gets_the_first_answer(doors: Doors) -> None:
    caller = await doors.tenant()

    first = await once(caller, MESSENGER, PAGE)
    again = await once(caller, MESSENGER, PAGE)

    assert (first.status, first.headers["etag"]) == (201, '"1"')
    assert same(again) == same(first)
    assert await doors.count(accounts) == 1


async def test_a_repeated_link_gets_the_first_answer_whatever_happened_since(
    doors: Doors,
) -> None:
    caller = await doors.tenant()
    number = await page(caller)

    first = await once(caller, LINKS, {"application": number})
    await caller.ask("PATCH", MESSENGER + "/12345678", body={"applications": [], "name": "New"})
    again = await once(caller, LINKS, {"application": number})

    assert (first.status, first.json["applications"]) == (200, [number])
    assert same(again) == same(first)
    assert await doors.count(accounts, application_id=None, version=3) == 1


async def test_a_repeated_creation_of_an_application_gets_its_private_key_again(
    doors: Doors,
) -> None:
    caller = await doors.tenant()

    first = await once(caller, APPLICATIONS, {"name": "Desk"})
    again = await once(caller, APPLICATIONS + "/", {"name": "Desk"})

    assert same(again) == same(first)
    assert load_pem_private_key(again.json["keys"]["private_key"].encode(), password=None)
    assert await doors.count(applications) == 1


async def test_a_kept_answer_is_sealed(doors: Doors, database_url: str) -> None:
    caller = await doors.tenant()

    await once(caller, APPLICATIONS, {"name": "Desk"})
    await once(caller, MESSENGER, PAGE)

    rows = await look(database_url, "SELECT * FROM idempotency_keys")
    told = b"".join(bytes(value) for row in rows for value in row if isinstance(value, bytes))
    assert len(rows) == 2
    assert len(told) > 1000
    assert b"PRIVATE" not in told
    assert PAGE["access_token"].encode() not in told


async def test_a_repeat_says_so_and_has_an_id_of_its_own(sqlite_doors: Doors) -> None:
    caller = await sqlite_doors.tenant()

    answers = [await once(caller, MESSENGER, PAGE) for _ in range(3)]

    replayed = [answer.headers.get("idempotent-replayed") for answer in answers]
    assert replayed == [None, "true", "true"]
    assert len({answer.headers["x-request-id"] for answer in answers}) == 3


async def test_a_key_with_another_body_is_refused_and_has_no_effect(doors: Doors) -> None:
    caller = await doors.tenant()
    await once(caller, MESSENGER, PAGE)
    await once(caller, APPLICATIONS, DESK)

    account = await once(caller, MESSENGER, PAGE | {"external_id": "2"})
    desk = await once(caller, APPLICATIONS, DESK | {"name": "Counter"})

    detail = "This Idempotency-Key was used with another body: take a new key for a new request."
    assert as_told(account) == (
        422,
        {
            "type": ERRORS + "IdempotencyKeyReused",
            "title": "Idempotency key reused",
            "detail": detail,
        },
    )
    assert as_told(desk) == (
        422,
        {
            "type": "https://developer.nexmo.com/api-errors#idempotency-key-reused",
            "title": "Idempotency Key Reused",
            "detail": detail,
        },
    )
    assert (await doors.count(accounts), await doors.count(applications)) == (1, 1)


async def test_a_key_counts_for_its_tenant_and_its_path_only(doors: Doors) -> None:
    caller, other = await doors.tenant(), await doors.tenant("umbr0002")

    answers = [
        await once(caller, APPLICATIONS, DESK),
        await once(other, APPLICATIONS, DESK),
        await once(caller, MESSENGER, PAGE),
        await once(caller, BASE + "/whatsapp", NUMBER),
        await once(caller, APPLICATIONS, DESK, key=KEY + "2"),
    ]

    assert [answer.status for answer in answers] == [201] * 5
    assert await doors.count(applications) == 3
    assert await doors.count(accounts) == 2


async def test_what_was_refused_may_be_sent_again_under_the_same_key(doors: Doors) -> None:
    caller = await doors.tenant()
    number = await page(caller)
    await caller.ask("PUT", f"{APPLICATIONS}/{number}", body={"name": "Deaf"})

    refused = await once(caller, LINKS, {"application": number})
    heard = {"name": "Desk", "capabilities": {"messages": {}}}
    await caller.ask("PUT", f"{APPLICATIONS}/{number}", body=heard)
    linked = await once(caller, LINKS, {"application": number})

    assert (refused.status, linked.status) == (403, 200)
    assert "idempotent-replayed" not in linked.headers
    assert await doors.count(idempotency_keys) == 1


@pytest.mark.parametrize(
    "key", ["", "x" * 256, "two words", "tab\t", "ünicode", "\x7f"], ids=ascii
)
async def test_a_key_that_is_none_is_named_and_nothing_is_stored(
    sqlite_doors: Doors, key: str
) -> None:
    caller = await sqlite_doors.tenant()

    account = await once(caller, MESSENGER, PAGE, key=key)
    desk = await once(caller, APPLICATIONS, DESK, key=key)

    assert [fault["name"] for fault in faults(account)] == ["Idempotency-Key"]
    assert "1 to 255 visible ASCII" in account.json["invalid_params"][0]["reason"]
    assert desk.status == 400
    assert [fault["name"] for fault in desk.json["invalid_parameters"]] == ["Idempotency-Key"]
    assert (await sqlite_doors.count(accounts), await sqlite_doors.count(applications)) == (0, 0)


async def test_two_keys_are_none(sqlite_doors: Doors) -> None:
    caller = await sqlite_doors.tenant()
    twice = replace(caller, headers=(*caller.headers, (b"idempotency-key", b"another")))

    answer = await once(twice, MESSENGER, PAGE)

    assert [fault["name"] for fault in faults(answer)] == ["Idempotency-Key"]


async def test_the_longest_key_is_kept_for_the_longest_path(doors: Doors) -> None:
    caller = await doors.tenant()
    number = await application(caller)
    name = "\N{OLD PERSIAN SIGN AURAMAZDAA}" * 128
    await caller.post(MESSENGER, PAGE | {"external_id": name})
    escaped = "".join(f"%{byte:02X}" for byte in name.encode())
    path, key = f"{MESSENGER}/{escaped}/applications", "".join(map(chr, range(33, 127))) * 3

    answers = [await once(caller, path, {"application": number}, key=key[:255]) for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 200]


async def test_a_request_without_the_header_leaves_no_trace(sqlite_doors: Doors) -> None:
    caller = await sqlite_doors.tenant()

    await caller.post(MESSENGER, PAGE)
    await caller.ask("PATCH", MESSENGER + "/12345678", body={}, headers={"idempotency-key": KEY})

    assert await sqlite_doors.count(idempotency_keys) == 0


async def test_a_key_is_forgotten_after_a_day(doors: Doors, database_url: str) -> None:
    clock = Clock()
    tenant = await doors.tenant()
    caller = replace(tenant, asgi=http_side(replace(doors.gateway, clock=clock)))
    for number in range(12):
        await once(caller, APPLICATIONS, DESK, key=f"of-yesterday-{number}")
    first = await once(caller, MESSENGER, PAGE)

    clock.advance(timedelta(hours=24, milliseconds=-1))
    still = await once(caller, MESSENGER, PAGE)
    clock.advance(timedelta(milliseconds=1))
    later = await once(caller, MESSENGER, PAGE)
    other = await once(caller, MESSENGER, PAGE | {"external_id": "2"})

    assert same(still) == same(first)
    assert [fault["name"] for fault in faults(later)] == ["external_id"]
    assert other.status == 201
    kept = await look(database_url, "SELECT count(*) FROM idempotency_keys")
    assert kept == [(3,)]  # of thirteen, one was taken over and ten more were swept out


@dataclass
class Gate(StandIn):
    """The real store; what is committed waits until the gate opens."""

    is_open: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0

    async def commit(self, work: Unit[Result]) -> Result:
        self.waiting += 1
        await self.is_open.wait()
        return await self.store.commit(work)

    async def seen(self, number: int) -> None:
        """Return when so many wait."""
        async with asyncio.timeout(20):
            while self.waiting < number:
                await asyncio.sleep(0.005)


def gated(doors: Doors, caller: Client) -> tuple[Gate, Client]:
    """Return a gate, and the same caller of a gateway that commits through it."""
    gate = Gate(doors.gateway.store)
    return gate, replace(caller, asgi=http_side(replace(doors.gateway, store=gate)))


async def test_while_the_first_runs_another_is_told_so(doors: Doors) -> None:
    gate, caller = gated(doors, await doors.tenant())
    first = asyncio.create_task(once(caller, MESSENGER, PAGE))
    await gate.seen(1)

    async with asyncio.timeout(20):
        second = await once(caller, MESSENGER, PAGE)
        other = await once(caller, MESSENGER, PAGE | {"name": "Another body"})
    gate.is_open.set()
    answer = await first
    third = await once(caller, MESSENGER, PAGE)

    assert as_told(second) == (
        409,
        {
            "type": ERRORS + "IdempotencyKeyInUse",
            "title": "Idempotency key in use",
            "detail": "The first request with this Idempotency-Key is still running: "
            "send it again shortly.",
        },
    )
    assert other.status == 409
    assert answer.status == 201
    assert same(third) == same(answer)


@pytest.mark.parametrize(("path", "body"), [(MESSENGER, PAGE), (APPLICATIONS, {"name": "Desk"})])
async def test_of_many_at_once_one_has_an_effect(doors: Doors, path: str, body: object) -> None:
    gate, caller = gated(doors, await doors.tenant())
    asking = [asyncio.create_task(once(caller, path, body)) for _ in range(12)]
    await gate.seen(1)
    await asyncio.sleep(0.1)  # so that whoever is let through is in the same batch

    gate.is_open.set()
    answers = await asyncio.gather(*asking)
    last = await once(caller, path, body)

    assert {answer.status for answer in answers} <= {201, 409}
    assert {same(answer) for answer in answers if answer.status == 201} == {same(last)}
    assert await doors.count(accounts) + await doors.count(applications) == 1


@dataclass
class Processes:
    """Two gateways on one database; `caller` asks the first one past the gates."""

    doors: Doors
    caller: Client
    gated: list[tuple[Gate, Client]]

    async def ask_both(self, path: str, body: object) -> list[Answer]:
        """Ask both at once, so that neither sees the other's answer before it commits."""
        asking = [asyncio.create_task(once(caller, path, body)) for _, caller in self.gated]
        for gate, _ in self.gated:
            await gate.seen(1)
        for gate, _ in self.gated:
            gate.is_open.set()
        return await asyncio.gather(*asking)


@pytest.fixture
async def processes(postgres_url: str) -> AsyncIterator[Processes]:
    async with opened(postgres_url) as here, opened(postgres_url) as there:
        caller = await here.tenant()
        yield Processes(here, caller, [gated(doors, caller) for doors in (here, there)])


def one_is_a_repeat(answers: list[Answer]) -> bool:
    replayed = Counter(answer.headers.get("idempotent-replayed") for answer in answers)
    return len(set(map(same, answers))) == 1 and replayed == {None: 1, "true": 1}


async def test_of_two_processes_one_creates_the_account(processes: Processes) -> None:
    answers = await processes.ask_both(MESSENGER, PAGE)

    assert one_is_a_repeat(answers)
    assert await processes.doors.count(accounts) == 1


async def test_of_two_processes_one_creates_the_application(processes: Processes) -> None:
    answers = await processes.ask_both(APPLICATIONS, {"name": "Desk"})

    assert one_is_a_repeat(answers)
    assert await processes.doors.count(applications) == 1


async def test_of_two_processes_one_links(processes: Processes) -> None:
    number = await page(processes.caller)

    answers = await processes.ask_both(LINKS, {"application": number})

    assert one_is_a_repeat(answers)
    assert await processes.doors.count(accounts, version=2, link_version=2) == 1
