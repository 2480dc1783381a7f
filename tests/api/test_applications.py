"""Applications: made and shown, with what has no rule here given back as it came."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from gateway import Doors, public_key

BASE = "/v2/applications"
ERRORS = "https://developer.nexmo.com/api-errors"
GIVEN = {
    "name": "Chat app",
    "keys": {"public_key": public_key()},
    "privacy": {"improve_ai": True},
    "capabilities": {
        "messages": {
            "version": "v0.1",
            "authenticate_inbound_media": False,
            "webhooks": {
                "inbound_url": {"address": "https://app.example/in", "http_method": "POST"},
                "status_url": {"address": "https://app.example/st", "http_method": "POST"},
            },
        },
        "voice": {"webhooks": {"answer_url": {"address": "", "http_method": "GET"}}},
        "network_apis": {"numbers": [1.0, 2, 123456789012345678901234567890, None]},
    },
}


async def test_what_was_given_is_given_back(doors: Doors) -> None:
    caller = await doors.tenant()

    made = await caller.post(BASE, GIVEN)
    shown = await caller.get(f"{BASE}/{made.json['id']}")

    number = made.json["id"]
    assert (made.status, shown.status) == (201, 200)
    assert made.headers["content-type"] == "application/json"
    assert shown.json == made.json
    assert made.json == GIVEN | {"id": number, "_links": {"self": {"href": f"{BASE}/{number}"}}}


async def test_a_name_is_enough_and_brings_a_pair_of_keys(doors: Doors) -> None:
    caller = await doors.tenant()

    made = (await caller.post(BASE + "/", {"name": "Desk"})).json
    shown = (await caller.get(f"{BASE}/{made['id']}")).json

    private = load_pem_private_key(made["keys"]["private_key"].encode(), password=None)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert made["keys"]["public_key"] == public.decode()
    assert shown["keys"] == {"public_key": public.decode()}
    assert made["capabilities"] == {}


async def test_a_private_key_is_not_kept(doors: Doors) -> None:
    caller = await doors.tenant()

    made = (await caller.post(BASE, {"name": "Desk"})).json

    found = await doors.gateway.store.read(doors.gateway.applications.find(made["id"]))
    assert "PRIVATE" not in repr(found)


async def test_version_one_is_heard_unless_asked(sqlite_doors: Doors) -> None:
    caller = await sqlite_doors.tenant()
    webhooks = {"inbound_url": {"address": "https://app.example/in"}}
    body = {"name": "Desk", "capabilities": {"messages": {"webhooks": webhooks}}}

    made = await caller.post(BASE, body)

    assert made.json["capabilities"]["messages"] == {
        "version": "v1",
        "webhooks": {
            "inbound_url": {"address": "https://app.example/in", "http_method": "POST"},
        },
    }


@pytest.mark.parametrize("messages", [{}, {"webhooks": {}}, {"webhooks": None}])
async def test_messages_can_be_heard_without_a_url_yet(
    sqlite_doors: Doors, messages: object
) -> None:
    caller = await sqlite_doors.tenant()

    made = await caller.post(BASE, {"name": "Desk", "capabilities": {"messages": messages}})

    assert made.json["capabilities"] == {"messages": {"version": "v1", "webhooks": {}}}


async def test_what_is_nested_as_deep_as_may_be_is_shown_again(sqlite_doors: Doors) -> None:
    caller = await sqlite_doors.tenant()
    body = b'{"name":"Desk","capabilities":' + b'{"a":' * 31 + b"1" + b"}" * 32

    made = await caller.post(BASE, body)

    assert made.status == 201
    assert (await caller.get(f"{BASE}/{made.json['id']}")).status == 200


@pytest.mark.parametrize("number", ["78d335fa-323d-0114-9c3d-d6f0d48968cf", "x", "a%2Fb"])
async def test_an_application_that_is_not_there_is_named(doors: Doors, number: str) -> None:
    caller = await doors.tenant()

    answer = await caller.get(f"{BASE}/{number}")

    named = number.replace("%2F", "/")
    assert answer.status == 404
    assert answer.json == {
        "type": ERRORS + "#not-found",
        "title": "Not Found",
        "detail": f"ID '{named}' does not exist, or you do not have access",
        "instance": answer.headers["x-request-id"],
    }


async def test_another_tenants_application_is_not_there(doors: Doors) -> None:
    caller, other = await doors.tenant(), await doors.tenant("umbr0002")
    made = await caller.post(BASE, GIVEN)

    answer = await other.get(f"{BASE}/{made.json['id']}")

    assert answer.status == 404
    assert made.json["id"] in answer.json["detail"]
