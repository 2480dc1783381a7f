"""Applications: made and shown, with what has no rule here given back as it came."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from gateway import Answer, Doors, public_key
from jackfield.storage.tables import applications

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


def faults(answer: Answer) -> list[str]:
    """Return the names in a 400 whose every other member is as the contract has it."""
    body = answer.json
    params = body.pop("invalid_parameters")
    assert answer.status == 400
    assert body == {
        "type": ERRORS + "/application#payload-validation",
        "title": "Bad Request",
        "detail": "The request failed due to validation errors",
        "instance": answer.headers["x-request-id"],
    }
    assert all(set(fault) == {"name", "reason"} for fault in params)
    return [fault["name"] for fault in params]


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


def edwards_key() -> str:
    key = Ed25519PrivateKey.generate().public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def with_key(key: object) -> tuple[object, list[str]]:
    return {"name": "Desk", "keys": {"public_key": key}}, ["keys.public_key"]


def with_messages(messages: object, name: str) -> tuple[object, list[str]]:
    path = f"capabilities.messages{name and '.'}{name}"
    return {"name": "Desk", "capabilities": {"messages": messages}}, [path]


def with_url(**webhook: object) -> Any:  # noqa: ANN401 - a JSON object
    return {"webhooks": {"inbound_url": webhook}}


INBOUND = "webhooks.inbound_url"
BAD_BODIES: dict[str, tuple[object, list[str]]] = {
    "nothing": (b"", ["name"]),
    "no JSON": (b"{", ["body"]),
    "a list": (b"[]", ["body"]),
    "half a character": (rb'{"name":"\ud83d"}', ["body"]),
    "nested too deep to read": (b'{"name":' * 100_000, ["body"]),
    "no name": ({}, ["name"]),
    "a null name": ({"name": None}, ["name"]),
    "an empty name": ({"name": ""}, ["name"]),
    "a long name": ({"name": "x" * 256}, ["name"]),
    "a name that is a number": ({"name": 1}, ["name"]),
    "a NUL in the name": ({"name": "\0"}, ["name"]),
    "keys that are a text": ({"name": "Desk", "keys": "x"}, ["keys"]),
    "a key that is no key": with_key("x"),
    "an empty key": with_key(""),
    "a key that is a number": with_key(7),
    "a key of another kind": with_key(edwards_key()),
    "a short key": with_key(public_key(bits=1024)),
    "a NUL behind the key": with_key(public_key() + "\0"),
    "privacy that is true": ({"name": "Desk", "privacy": "yes"}, ["privacy"]),
    "a NUL in privacy": ({"name": "Desk", "privacy": {"a": ["\0"]}}, ["privacy"]),
    "capabilities that are a list": ({"name": "Desk", "capabilities": []}, ["capabilities"]),
    "a NUL in a capability's name": (
        {"name": "Desk", "capabilities": {"a": {"b\0": 1}}},
        ["capabilities"],
    ),
    "capabilities nested too deep to keep": (
        b'{"name":"Desk","capabilities":' + b'{"a":' * 32 + b"1" + b"}" * 33,
        ["capabilities"],
    ),
    "messages that are a text": with_messages("v1", ""),
    "another version": with_messages({"version": "v2"}, "version"),
    "a version that is a number": with_messages({"version": 1}, "version"),
    "a null version": with_messages({"version": None}, "version"),
    "webhooks that are a list": with_messages({"webhooks": []}, "webhooks"),
    "a webhook that is a text": with_messages({"webhooks": {"inbound_url": "x"}}, INBOUND),
    "a webhook without address": with_messages(with_url(), INBOUND + ".address"),
    "an address that is a number": with_messages(with_url(address=1), INBOUND + ".address"),
    "an address that is no URL": with_messages(with_url(address="app"), INBOUND + ".address"),
    "an address of a file": with_messages(
        with_url(address="file:///etc/passwd"), INBOUND + ".address"
    ),
    "an address with a password": with_messages(
        with_url(address="https://a:b@app.example/"), INBOUND + ".address"
    ),
    "another verb": with_messages(
        with_url(address="https://app.example/", http_method="GET"), INBOUND + ".http_method"
    ),
    "everything": (
        {
            "keys": {"public_key": "x"},
            "capabilities": {"messages": {"version": 2} | with_url(http_method="PUT")},
        },
        [
            "name",
            "keys.public_key",
            "capabilities.messages.version",
            "capabilities.messages.webhooks.inbound_url.address",
            "capabilities.messages.webhooks.inbound_url.http_method",
        ],
    ),
}


@pytest.mark.parametrize(("body", "names"), BAD_BODIES.values(), ids=BAD_BODIES)
async def test_what_cannot_be_used_is_named_and_not_stored(
    sqlite_doors: Doors, body: object, names: list[str]
) -> None:
    caller = await sqlite_doors.tenant()

    answer = await caller.post(BASE, body)

    assert faults(answer) == names
    assert await sqlite_doors.count(applications) == 0


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
