"""Applications: listed page by page, replaced whole, and deleted with what hangs on them."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from gateway import Answer, Client, Doors, application, public_key
from jackfield.storage.tables import accounts, applications

BASE = "/v2/applications"
ERRORS = "https://developer.nexmo.com/api-errors"
UNKNOWN = "78d335fa-323d-0114-9c3d-d6f0d48968cf"
PAGE = {"external_id": "12345678", "access_token": "EAAB-token"}
GIVEN: dict[str, Any] = {
    "name": "Chat app",
    "keys": {"public_key": public_key()},
    "privacy": {"improve_ai": True},
    "capabilities": {
        "messages": {
            "version": "v1",
            "authenticate_inbound_media": False,
            "webhooks": {"inbound_url": {"address": "https://app.example/in"}},
        },
        "voice": {"webhooks": {"answer_url": {"address": "", "http_method": "GET"}}},
    },
}


def refused(answer: Answer, status: int, kind: str, title: str, detail: str) -> dict[str, Any]:
    """Return what else is in an answer whose usual members are as the contract has them."""
    body: dict[str, Any] = answer.json
    assert answer.status == status
    assert answer.headers["content-type"] == "application/json"
    assert {name: body.pop(name) for name in ("type", "title", "detail", "instance")} == {
        "type": ERRORS + kind,
        "title": title,
        "detail": detail,
        "instance": answer.headers["x-request-id"],
    }
    return body


def is_not_there(answer: Answer, number: str) -> bool:
    detail = f"ID '{number}' does not exist, or you do not have access"
    return refused(answer, 404, "#not-found", "Not Found", detail) == {}


def faulty(answer: Answer, kind: str) -> list[str]:
    """Return the names of what a 400 refuses."""
    detail = "The request failed due to validation errors"
    rest = refused(answer, 400, f"/application#{kind}", "Bad Request", detail)
    assert set(rest) == {"invalid_parameters"}
    assert all(set(fault) == {"name", "reason"} for fault in rest["invalid_parameters"])
    return [fault["name"] for fault in rest["invalid_parameters"]]


async def put(caller: Client, number: str, body: object) -> Answer:
    return await caller.ask("PUT", f"{BASE}/{number}", body=body)


async def delete(caller: Client, number: str) -> Answer:
    return await caller.ask("DELETE", f"{BASE}/{number}")


async def linked(caller: Client, number: str) -> list[str]:
    """Make an account linked to an application, and return what it is linked to."""
    path = "/beta/chatapp-accounts/messenger"
    made = await caller.post(path, PAGE | {"applications": [number]})
    assert made.status == 201
    return await links(caller)


async def links(caller: Client) -> list[str]:
    shown = await caller.get(f"/beta/chatapp-accounts/messenger/{PAGE['external_id']}")
    return list(shown.json.get("applications", []))


@pytest.mark.parametrize("slash", ["", "/"])
async def test_no_applications_are_one_empty_page(doors: Doors, slash: str) -> None:
    caller = await doors.tenant()

    answer = await caller.get(BASE + slash)

    only = {"href": f"{BASE}?page_size=10&page=1"}
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == {
        "page_size": 10,
        "page": 1,
        "total_items": 0,
        "total_pages": 1,
        "_embedded": {"applications": []},
        "_links": {"self": only, "first": only, "last": only},
    }


async def test_pages_hold_the_callers_applications_in_the_order_they_were_made(
    doors: Doors,
) -> None:
    caller, other = await doors.tenant(), await doors.tenant("umbr0002")
    made = [await application(caller) for _ in range(5)]
    await application(other)

    answers = [await caller.get(f"{BASE}?page_size=2&page={page}") for page in (1, 2, 3, 9)]

    bodies = [answer.json for answer in answers]
    numbers = [[each["id"] for each in body["_embedded"]["applications"]] for body in bodies]
    assert numbers == [made[:2], made[2:4], made[4:], []]
    assert {(body["total_items"], body["total_pages"]) for body in bodies} == {(5, 3)}
    pages = [
        {name: link["href"].rpartition("=")[2] for name, link in body["_links"].items()}
        for body in bodies
    ]
    assert pages == [
        {"self": "1", "first": "1", "last": "3", "next": "2"},
        {"self": "2", "first": "1", "last": "3", "prev": "1", "next": "3"},
        {"self": "3", "first": "1", "last": "3", "prev": "2"},
        {"self": "9", "first": "1", "last": "3", "prev": "3"},
    ]


async def test_following_next_shows_each_application_once_as_it_is_shown_alone(
    doors: Doors,
) -> None:
    caller = await doors.tenant()
    made = [await application(caller) for _ in range(4)]

    target, seen = f"{BASE}?page_size=3", []
    while target:
        body = (await caller.get(target)).json
        seen += body["_embedded"]["applications"]
        target = body["_links"].get("next", {}).get("href", "")

    assert seen == [(await caller.get(f"{BASE}/{number}")).json for number in made]


async def test_a_page_has_at_most_a_hundred(sqlite_doors: Doors) -> None:
    caller = await sqlite_doors.tenant()

    fits = await caller.get(f"{BASE}?page_size=100&page={2**53 - 1}")
    does_not = await caller.get(f"{BASE}?page_size=101&page={2**53}")

    assert (fits.status, fits.json["page_size"]) == (200, 100)
    assert faulty(does_not, "list-validation") == ["page", "page_size"]


async def test_a_replaced_application_is_what_was_put(doors: Doors) -> None:
    caller = await doors.tenant()
    number = await application(caller)

    changed = await put(caller, number, GIVEN)
    shown = await caller.get(f"{BASE}/{number}")

    wanted = GIVEN | {"id": number, "_links": {"self": {"href": f"{BASE}/{number}"}}}
    url = {"address": "https://app.example/in", "http_method": "POST"}
    messages = GIVEN["capabilities"]["messages"] | {"webhooks": {"inbound_url": url}}
    wanted["capabilities"] = GIVEN["capabilities"] | {"messages": messages}
    assert changed.status == shown.status == 200
    assert changed.json == shown.json == wanted


async def test_what_is_left_out_is_taken_away(doors: Doors) -> None:
    caller = await doors.tenant()
    number = (await caller.post(BASE, GIVEN)).json["id"]

    changed = await put(caller, number, {"name": "Desk"})

    assert changed.json == {
        "id": number,
        "name": "Desk",
        "keys": {},
        "capabilities": {},
        "_links": {"self": {"href": f"{BASE}/{number}"}},
    }


async def test_an_empty_keys_brings_a_new_pair_shown_once(doors: Doors) -> None:
    caller = await doors.tenant()
    number = await application(caller)

    changed = (await put(caller, number, {"name": "Desk", "keys": {}})).json
    shown = (await caller.get(f"{BASE}/{number}")).json

    private = load_pem_private_key(changed["keys"]["private_key"].encode(), password=None)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert public.decode() != public_key()
    assert shown["keys"] == {"public_key": public.decode()}


async def test_a_version_is_raised_only_by_what_differs(doors: Doors) -> None:
    caller = await doors.tenant()
    number = (await caller.post(BASE, GIVEN)).json["id"]

    await put(caller, number, GIVEN)
    after_the_same = await doors.count(applications, id=number, version=1)
    await put(caller, number, GIVEN | {"name": "Desk"})

    assert after_the_same == 1
    assert await doors.count(applications, id=number, version=2) == 1


async def test_what_cannot_be_used_is_named_and_changes_nothing(sqlite_doors: Doors) -> None:
    caller = await sqlite_doors.tenant()
    number = (await caller.post(BASE, GIVEN)).json["id"]
    before = (await caller.get(f"{BASE}/{number}")).json

    body = {"keys": {"public_key": "x"}, "capabilities": {"messages": {"version": "v2"}}}
    named = faulty(await put(caller, number, body), "payload-validation")
    broken = faulty(await put(caller, number, b"{"), "payload-validation")

    assert named == ["name", "keys.public_key", "capabilities.messages.version"]
    assert broken == ["body"]
    assert (await caller.get(f"{BASE}/{number}")).json == before


async def test_without_its_messages_capability_an_application_has_no_links(doors: Doors) -> None:
    caller = await doors.tenant()
    number = await application(caller)
    before = await linked(caller, number)

    await put(caller, number, {"name": "Still heard", "capabilities": {"messages": {}}})
    between = await links(caller)
    await put(caller, number, {"name": "Voice only", "capabilities": {"voice": {}}})

    assert before == between == [number]
    assert await links(caller) == []
    assert await doors.count(accounts, version=2, link_version=2) == 1


async def test_a_deleted_application_is_not_there_and_neither_is_its_link(doors: Doors) -> None:
    caller = await doors.tenant()
    number, stays = await application(caller), await application(caller)
    before = await linked(caller, number)

    answer = await delete(caller, number)

    assert before == [number]
    assert (answer.status, answer.body) == (204, b"")
    assert await links(caller) == []
    assert is_not_there(await caller.get(f"{BASE}/{number}"), number)
    assert is_not_there(await delete(caller, number), number)
    listed = (await caller.get(BASE)).json
    assert [each["id"] for each in listed["_embedded"]["applications"]] == [stays]
    assert listed["total_items"] == 1


@pytest.mark.parametrize("number", [UNKNOWN, "x", "a%2Fb", "%E2%82%AC"])
async def test_what_is_not_there_can_be_neither_replaced_nor_deleted(
    doors: Doors, number: str
) -> None:
    caller = await doors.tenant()

    answers = [await put(caller, number, GIVEN), await delete(caller, number)]

    named = {"a%2Fb": "a/b", "%E2%82%AC": "€"}.get(number, number)
    assert all(is_not_there(answer, named) for answer in answers)


async def test_another_tenants_application_can_be_neither_replaced_nor_deleted(
    doors: Doors,
) -> None:
    caller, other = await doors.tenant(), await doors.tenant("umbr0002")
    number = (await caller.post(BASE, GIVEN)).json["id"]
    before = (await caller.get(f"{BASE}/{number}")).json

    answers = [await put(other, number, {"name": "Mine"}), await delete(other, number)]

    assert all(is_not_there(answer, number) for answer in answers)
    assert (await caller.get(f"{BASE}/{number}")).json == before


@pytest.mark.parametrize(
    ("method", "target"),
    [("GET", ""), ("GET", "/"), ("POST", ""), *[(m, "/x") for m in ("GET", "PUT", "DELETE")]],
)
async def test_who_is_not_known_learns_nothing(
    sqlite_doors: Doors, method: str, target: str
) -> None:
    stranger = sqlite_doors.anybody()

    answer = await stranger.ask(method, BASE + target, body=b"{")

    detail = "You did not provide correct credentials."
    assert refused(answer, 401, "#unauthorized", "Invalid credentials supplied", detail) == {}


@pytest.mark.parametrize(
    ("method", "target", "allowed"),
    [
        ("PUT", "", "GET, HEAD, POST"),
        ("DELETE", "/", "GET, HEAD, POST"),
        ("POST", "/x", "DELETE, GET, HEAD, PUT"),
        ("PATCH", "/x", "DELETE, GET, HEAD, PUT"),
    ],
)
async def test_another_verb_is_told_which_there_are(
    sqlite_doors: Doors, method: str, target: str, allowed: str
) -> None:
    caller = await sqlite_doors.tenant()

    answer = await caller.ask(method, BASE + target)

    words = f"Use one of: {allowed}."
    assert refused(answer, 405, "#wrong-verb", "Method Not Allowed", words) == {}
    assert answer.headers["allow"] == allowed
