"""Below /v1, what is not known is refused by its name: passed over, it would mean too much."""

from __future__ import annotations

from typing import Any

import pytest

from api.test_delivery_paths import BASE, INBOUND, desk_of, give_up
from databases import look
from external_accounts import PAGE, faults
from gateway import Answer, Doors
from jackfield.api import openapi
from jackfield.api.bodies import MOST_UNKNOWN
from json_schemas import resolved

LISTS = (BASE, "/v1/destinations")
OURS = [
    (method, path, operation)
    for path, methods in openapi.document()["paths"].items()
    for method, operation in methods.items()
    if path.startswith("/v1/")
]
ORDERS = [(path, operation) for method, path, operation in OURS if method == "post"]


def unknown(answer: Answer) -> list[str]:
    """Return the names that are said to be unknown."""
    return [each["name"] for each in faults(answer) if "is not known" in each["reason"]]


def sent(operation: dict[str, Any]) -> dict[str, Any]:
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    found: dict[str, Any] = resolved(openapi.document(), schema)
    return found


async def test_nothing_is_sent_again_where_members_are_misspelt(
    doors: Doors, database_url: str
) -> None:
    desk = await desk_of(doors)
    await give_up(database_url)
    members = {"dryRun": True, "form": "2030-01-01", "account": "nope", "state": "dead"}

    answer = await desk.tenant.post(BASE + "/replay", members)

    assert unknown(answer) == ["dryRun", "form", "account"]
    assert faults(answer)[0]["reason"].startswith("`dryRun` is not known here; known are: ")
    assert "dry_run" in faults(answer)[0]["reason"]
    assert await look(database_url, "SELECT count(*) FROM pending") == [(0,)]


async def test_an_order_in_the_query_is_not_passed_over(doors: Doors, database_url: str) -> None:
    desk = await desk_of(doors)
    await give_up(database_url)

    answer = await desk.tenant.post(BASE + "/replay?dry_run=true", {"state": "dead"})

    assert unknown(answer) == ["dry_run"]
    assert "in the body" in faults(answer)[0]["reason"]
    assert await look(database_url, "SELECT count(*) FROM pending") == [(0,)]


@pytest.mark.parametrize(("path", "operation"), ORDERS, ids=[path for path, _ in ORDERS])
async def test_every_order_knows_what_the_document_names_and_nothing_else(
    sqlite_doors: Doors, path: str, operation: dict[str, Any]
) -> None:
    tenant = await sqlite_doors.tenant()
    schema = sent(operation)
    # Of no type that anything has, so that nothing is done.
    named = {name: ["?"] for name in schema["properties"]}

    answer = await tenant.post(path + "?first=1", {**named, "second": 1, "": None})

    assert unknown(answer) == ["first", "second", ""]
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("path", LISTS)
async def test_every_list_knows_what_the_document_names_and_nothing_else(
    sqlite_doors: Doors, path: str
) -> None:
    tenant = await sqlite_doors.tenant()
    told = openapi.document()["paths"][path]["get"]["parameters"]
    named = "&".join(f"{each['name']}=" for each in told)

    answer = await tenant.get(f"{path}?{named}&limit=5&State=dead&tenant=beta")

    assert unknown(answer) == ["limit", "State", "tenant"]


async def test_one_delivery_is_shown_to_whoever_asks_nothing_else(sqlite_doors: Doors) -> None:
    desk = await desk_of(sqlite_doors)
    (newest, *_) = await desk.ids()

    answer = await desk.tenant.get(f"{BASE}/{newest}?fields=id")

    assert unknown(answer) == ["fields"]


async def test_a_test_is_not_sent_elsewhere_than_its_caller_means(
    doors: Doors, database_url: str
) -> None:
    desk = await desk_of(doors)
    path = f"/v1/applications/{desk.application}/test"

    refused = await desk.tenant.post(path, {"to": "https://trial.example/in"})
    unreadable = await desk.tenant.post(path, b"to=https://trial.example/in")
    empty = [await desk.tenant.post(path, body) for body in (b"", b"{}")]

    assert unknown(refused) == ["to"]
    assert [each["name"] for each in faults(unreadable)] == ["body"]
    assert [answer.status for answer in empty] == [202, 202]
    counted = "SELECT count(*) FROM deliveries WHERE kind = 'test'"
    assert await look(database_url, counted) == [(2,)]


async def test_a_body_full_of_what_is_not_known_is_not_told_all_of_it(
    sqlite_doors: Doors,
) -> None:
    tenant = await sqlite_doors.tenant()
    members = {f"m{n}": n for n in range(50_000)}

    answer = await tenant.post("/v1/destinations/pause", {"url": INBOUND, **members})

    assert unknown(answer) == list(members)[:MOST_UNKNOWN]


async def test_the_published_apis_still_pass_over_what_they_do_not_know(
    sqlite_doors: Doors,
) -> None:
    tenant = await sqlite_doors.tenant()

    account = await tenant.post("/beta/chatapp-accounts/messenger", PAGE | {"more": 1})
    application = await tenant.post("/v2/applications", {"name": "Desk", "more": 1})
    lists = ("/beta/chatapp-accounts", "/v2/applications")
    listed = [await tenant.get(f"{path}?limit=5") for path in lists]

    assert (account.status, application.status) == (201, 201)
    assert [answer.status for answer in listed] == [200, 200]
