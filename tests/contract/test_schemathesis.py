"""Schemathesis asks what the document describes, and finds no answer that it does not describe."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from auth.signing import claims_of, public_pem, signed
from contract.installed import partners, serving
from due import due
from external_accounts import page
from gateway import APP_SECRET, SECRET, VERIFY_TOKEN, Doors, opened
from jackfield.api import openapi
from jackfield.api.front_door import FrontDoor
from jackfield.deliveries import Attempt, Outcome
from jackfield.storage import deliveries

HERE = Path(__file__).parent
SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
# All but the one that it has its questions from.
OPERATIONS = {
    operation["operationId"]: f"{method.upper()} {path}"
    for path, methods in openapi.document()["paths"].items()
    for method, operation in methods.items()
    if path != "/openapi.json"
}
ACCOUNTS = ("--include-tag", "External Accounts")
SCHEMES = {
    "basic": 'basic = { username = "${API_KEY}", password = "${API_SECRET}" }',
    "bearer": 'bearer = { bearer = "${TOKEN}" }',
}


@dataclass(frozen=True)
class Found:
    """What Schemathesis found: its own summary, and everything it printed."""

    code: int
    summary: Any
    words: str

    @property
    def failures(self) -> set[str]:
        """The kinds of failure there were."""
        return {each["type"] for each in self.summary["failures"]}

    def accepted(self, operation: str) -> int:
        """Return how many requests of an operation were answered with success."""
        rates = self.summary["valid_rates"].get(operation, {})
        return sum(int(phase["accepted"]) for phase in rates.values())


async def world(doors: Doors) -> dict[str, str]:
    """Make what there is to ask about; return what a caller has to know."""
    caller = await doors.tenant()
    await doors.provider_app()
    await partners(doors)
    body = {
        "name": "Desk",
        "keys": {"public_key": public_pem()},
        "capabilities": {"messages": {}},
    }
    calling, linkable = [(await caller.post("/v2/applications", body)).json["id"] for _ in "12"]
    assert (await page(caller, "20000001", applications=[linkable])).status == 201
    assert (await page(caller, "20000002")).status == 201
    url = {"address": "https://desk.example/in", "http_method": "POST"}
    body["capabilities"] = {"messages": {"webhooks": {"inbound_url": url}}}
    heard = (await caller.post("/v2/applications", body)).json["id"]
    return {
        "HEARD": heard,
        "DELIVERY": await given_up(doors, heard),
        "API_KEY": "acme0001",
        "API_SECRET": SECRET,
        "TOKEN": signed(claims_of(calling)),
        "APPLICATION": calling,
        "LINKABLE": linkable,
        "PUBLIC_KEY": public_pem(),
        "APP_SECRET": APP_SECRET,
        "VERIFY_TOKEN": VERIFY_TOKEN,
    }


async def given_up(doors: Doors, application_id: str) -> str:
    """Return the id of a delivery to an application that came to nothing."""
    gateway = doors.gateway
    delivery_id = await gateway.afterwards.trials.send(application_id, api_key="acme0001")
    (item,) = await due(gateway.store, gateway.clock())
    attempt = Attempt(1, gateway.clock(), 20, Outcome.FAILED, status=500)
    await gateway.store.commit(deliveries.give_up(item, attempt, now=gateway.clock()))
    return delivery_id


async def ask(url: str, *options: str, scheme: str, known: Mapping[str, str], home: Path) -> Found:
    """Let it ask a server about every operation that `options` leave."""
    config = home / "schemathesis.toml"
    said = (HERE / "schemathesis.toml").read_text()
    for name, value in known.items():
        said = said.replace(f'"${{{name}}}"', json.dumps(value))
    config.write_text(f"{said}\n[auth.openapi]\n{SCHEMES[scheme]}\n")
    report = home / "report.json"
    process = await asyncio.create_subprocess_exec(
        SCHEMATHESIS,
        "--no-color",
        f"--config-file={config}",
        "run",
        f"{url}/openapi.json",
        "--report=json",
        f"--report-json-path={report}",
        *options,
        cwd=home,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(HERE), **known},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(900):
            words, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert report.exists(), words.decode()
    return Found(process.returncode or 0, json.loads(report.read_text()), words.decode())


@pytest.mark.slow
async def test_every_answer_is_as_documented_and_none_is_a_fault_of_ours(
    database_url: str, tmp_path: Path
) -> None:
    async with opened(database_url) as doors:
        known = await world(doors)
        async with serving(doors.asgi) as url:
            found = await ask(url, scheme="basic", known=known, home=tmp_path)

    assert found.code == 0, found.words
    assert found.summary["operations"]["tested"] == len(OPERATIONS)
    assert [name for name, each in OPERATIONS.items() if not found.accepted(each)] == []


@pytest.mark.slow
async def test_to_an_application_with_a_token_the_answers_are_as_documented_too(
    database_url: str, tmp_path: Path
) -> None:
    phases = "--phases=examples,fuzzing,stateful"
    async with opened(database_url) as doors:
        known = await world(doors)
        async with serving(doors.asgi) as url:
            found = await ask(url, phases, *ACCOUNTS, scheme="bearer", known=known, home=tmp_path)

    assert found.code == 0, found.words
    assert found.accepted(OPERATIONS["GetAllAccounts"])
    assert found.accepted(OPERATIONS["CreateMessengerAccount"])


def with_other_words(app: ASGIApp) -> ASGIApp:
    """Return `app`, but for one letter of what it says of faulty parameters."""

    async def lying(scope: Scope, receive: Receive, send: Send) -> None:
        async def change(message: Message) -> None:
            body = message.get("body", b"").replace(b"didn't", b"didnot")
            await send({**message, "body": body} if "body" in message else message)

        # The document itself stays as it is, or they would agree.
        await app(scope, receive, change if scope["path"] != "/openapi.json" else send)

    return lying


def with_a_bug(app: ASGIApp) -> ASGIApp:
    """Return `app`, but for one path where it fails; the answer itself is as documented."""

    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/beta/chatapp-accounts" and b"page_size" in scope["query_string"]:
            raise RuntimeError("planted")
        await app(scope, receive, send)

    return FrontDoor(failing)


@pytest.mark.parametrize(
    ("plant", "kind"),
    [(with_other_words, "JsonSchemaError"), (with_a_bug, "ServerError")],
)
async def test_a_planted_fault_is_found(
    sqlite_url: str, tmp_path: Path, plant: Callable[[ASGIApp], ASGIApp], kind: str
) -> None:
    only = ("--include-operation-id=GetAllAccounts", "--phases=coverage", "--max-failures=1")
    async with opened(sqlite_url) as doors:
        known = await world(doors)
        async with serving(plant(doors.asgi)) as url:
            found = await ask(url, *only, scheme="basic", known=known, home=tmp_path)

    assert found.code == 1
    assert kind in found.failures, found.words
