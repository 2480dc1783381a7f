"""Deleting an account, taking its link, and which version of it is meant."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from external_accounts import BASE, CONFLICT, ERRORS, NO_ACCESS, faults, page
from gateway import Doors, application
from jackfield.storage.tables import accounts

PAGE_PATH = BASE + "/messenger/12345678"
CANNOT_UNLINK = {
    "type": ERRORS + "Forbidden",
    "title": "Forbidden",
    "detail": "Cannot unlink application",
}
NOT_LINKED = CONFLICT | {"detail": "Unable to unlink application"}
NOBODYS = "78d335fa-323d-0114-9c3d-d6f0d48968cf"


# Deleting ----------------------------------------------------------------------------------


async def test_a_deleted_account_is_gone_and_its_link_with_it(doors: Doors) -> None:
    caller = await doors.tenant()
    desk = await application(caller)
    await page(caller, applications=[desk])

    answers = [await caller.ask("DELETE", PAGE_PATH) for _ in range(2)]

    assert [(answer.status, answer.body) for answer in answers] == [(204, b""), (404, b"")]
    assert "content-type" not in answers[0].headers
    assert (await caller.get(PAGE_PATH)).status == 404
    assert await doors.count(accounts, application_id=desk) == 0
    assert (await caller.get(BASE)).json["total_items"] == 0


async def test_another_tenants_account_cannot_be_deleted(doors: Doors) -> None:
    owner, other = await doors.tenant(), await doors.tenant("umbr0002")
    made = await page(owner)

    answer = await other.ask("DELETE", PAGE_PATH)

    assert (answer.status, answer.json) == (403, NO_ACCESS)
    assert (await owner.get(PAGE_PATH)).json == made.json


@pytest.mark.parametrize("target", ["/messenger/1", "/whatsapp/12345678", "/pigeon/12345678"])
async def test_what_is_not_there_cannot_be_deleted(doors: Doors, target: str) -> None:
    caller = await doors.tenant()
    await page(caller)

    answer = await caller.ask("DELETE", BASE + target)

    assert (answer.status, answer.body) == (404, b"")
    assert (await caller.get(PAGE_PATH)).status == 200


async def test_of_two_deletions_at_once_one_deletes(doors: Doors) -> None:
    caller = await doors.tenant()
    await page(caller)
    await page(caller, "another")

    answers = await asyncio.gather(*(caller.ask("DELETE", PAGE_PATH) for _ in range(4)))

    assert Counter(answer.status for answer in answers) == {204: 1, 404: 3}
    assert (await caller.get(BASE)).json["total_items"] == 1


async def test_an_account_can_be_made_again(doors: Doors) -> None:
    owner, other = await doors.tenant(), await doors.tenant("umbr0002")
    await page(owner, applications=[await application(owner)])
    await owner.ask("DELETE", PAGE_PATH)

    answer = await page(other, name="Another shop")

    assert answer.status == 201
    assert (answer.json["applications"], answer.json["name"]) == ([], "Another shop")


@pytest.mark.parametrize("body", [b"{}", b"no JSON", {"application": "x"}])
async def test_a_body_is_not_looked_at(sqlite_doors: Doors, body: object) -> None:
    caller = await sqlite_doors.tenant()
    desk = await application(caller)
    await page(caller, applications=[desk])

    unlinked = await caller.ask("DELETE", f"{PAGE_PATH}/applications/{desk}", body=body)
    deleted = await caller.ask("DELETE", PAGE_PATH, body=body)

    assert (unlinked.status, deleted.status) == (204, 204)


# Unlinking ---------------------------------------------------------------------------------


async def test_an_unlinked_account_can_be_linked_again(doors: Doors) -> None:
    caller = await doors.tenant()
    first, second = await application(caller), await application(caller)
    await page(caller, applications=[first])

    answer = await caller.ask("DELETE", f"{PAGE_PATH}/applications/{first}")
    shown = await caller.get(PAGE_PATH)
    linked = await caller.post(PAGE_PATH + "/applications", {"application": second})

    assert (answer.status, answer.body) == (204, b"")
    assert (shown.json["applications"], shown.headers["etag"]) == ([], '"2"')
    assert (linked.status, linked.json["applications"]) == (200, [second])


@pytest.mark.parametrize("named", ["nobody's", "not linked"])
@pytest.mark.parametrize("is_linked", [True, False])
async def test_what_is_not_linked_cannot_be_unlinked(
    doors: Doors, named: str, *, is_linked: bool
) -> None:
    caller = await doors.tenant()
    applications = [await application(caller)] if is_linked else []
    await page(caller, applications=applications)
    wanted = NOBODYS if named == "nobody's" else await application(caller)

    answer = await caller.ask("DELETE", f"{PAGE_PATH}/applications/{wanted}")

    assert (answer.status, answer.json) == (409, NOT_LINKED)
    assert (await caller.get(PAGE_PATH)).json["applications"] == applications


async def test_another_tenants_application_cannot_be_unlinked(doors: Doors) -> None:
    caller, other = await doors.tenant(), await doors.tenant("umbr0002")
    await page(caller)
    theirs = await application(other)

    answer = await caller.ask("DELETE", f"{PAGE_PATH}/applications/{theirs}")

    assert (answer.status, answer.json) == (403, CANNOT_UNLINK)


@pytest.mark.parametrize("target", ["/messenger/1", "/messenger/999", "/pigeon/12345678"])
async def test_an_account_that_is_not_the_callers_cannot_be_unlinked(
    doors: Doors, target: str
) -> None:
    caller, other = await doors.tenant(), await doors.tenant("umbr0002")
    theirs = await application(other)
    await page(other, "999", applications=[theirs])

    answer = await caller.ask("DELETE", f"{BASE}{target}/applications/{theirs}")

    assert (answer.status, answer.body) == (404, b"")
    assert await doors.count(accounts, application_id=theirs) == 1


async def test_of_eight_unlinks_at_once_one_unlinks(doors: Doors) -> None:
    caller = await doors.tenant()
    desk = await application(caller)
    await page(caller, applications=[desk])

    answers = await asyncio.gather(
        *(caller.ask("DELETE", f"{PAGE_PATH}/applications/{desk}") for _ in range(8))
    )

    assert Counter(answer.status for answer in answers) == {204: 1, 409: 7}
    assert (await caller.get(PAGE_PATH)).headers["etag"] == '"2"'


# The version that is meant -----------------------------------------------------------------

STALE = {
    "type": ERRORS + "PreconditionFailed",
    "title": "Precondition failed",
    "detail": "It was changed since you read it: read it again, then decide.",
}
FRESH = ['"2"', "*", ' "9" , "2"', 'W/"2", "2"', '"1","2","3"', '"a,b", "2"']
OLD = ['"1"', 'W/"2"', "2", '"02"', '"3", W/"2"', '""', "", '"x"', '"2', '2"', '"' + "9" * 5000]


@pytest.mark.parametrize("version", FRESH)
async def test_a_change_of_the_version_that_is_meant_is_made(
    sqlite_doors: Doors, version: str
) -> None:
    caller = await sqlite_doors.tenant()
    await page(caller)
    await caller.ask("PATCH", PAGE_PATH, body={"name": "Second version"})

    answer = await caller.ask(
        "PATCH", PAGE_PATH, body={"name": "x"}, headers={"if-match": version}
    )

    assert (answer.status, answer.headers["etag"]) == (200, '"3"')


@pytest.mark.parametrize("version", OLD)
async def test_a_change_of_another_version_is_not_made(sqlite_doors: Doors, version: str) -> None:
    caller = await sqlite_doors.tenant()
    await page(caller)
    await caller.ask("PATCH", PAGE_PATH, body={"name": "Second version"})

    answer = await caller.ask(
        "PATCH", PAGE_PATH, body={"name": "x"}, headers={"if-match": version}
    )

    instance = answer.headers["x-request-id"]
    assert (answer.status, answer.json) == (412, STALE | {"instance": instance})
    assert (await caller.get(PAGE_PATH)).json["name"] == "Second version"


@pytest.mark.parametrize("change", ["patch", "delete", "link", "unlink"])
async def test_every_change_minds_the_version(doors: Doors, change: str) -> None:
    caller = await doors.tenant()
    desk = await application(caller)
    made = await page(caller, applications=[desk] if change == "unlink" else [])
    asked: dict[str, tuple[str, str, object]] = {
        "patch": ("PATCH", "", {"name": "x"}),
        "delete": ("DELETE", "", b""),
        "link": ("POST", "/applications", {"application": desk}),
        "unlink": ("DELETE", f"/applications/{desk}", b""),
    }
    method, rest, body = asked[change]

    old = await caller.ask(method, PAGE_PATH + rest, body=body, headers={"if-match": '"7"'})
    between = await caller.get(PAGE_PATH)
    fresh = await caller.ask(
        method, PAGE_PATH + rest, body=body, headers={"if-match": made.headers["etag"]}
    )

    assert (old.status, between.json) == (412, made.json)
    assert fresh.status in {200, 204}


async def test_of_swaps_of_one_version_at_once_one_is_made(doors: Doors) -> None:
    caller = await doors.tenant()
    desks = [await application(caller) for _ in range(6)]
    await page(caller)

    answers = await asyncio.gather(
        *(
            caller.ask(
                "PATCH", PAGE_PATH, body={"applications": [desk]}, headers={"if-match": '"1"'}
            )
            for desk in desks
        )
    )

    assert Counter(answer.status for answer in answers) == {200: 1, 412: 5}
    told = next(answer.json for answer in answers if answer.status == 200)
    assert (await caller.get(PAGE_PATH)).json == told


async def test_a_version_of_what_is_not_there_or_anothers_tells_nothing(doors: Doors) -> None:
    owner, other = await doors.tenant(), await doors.tenant("umbr0002")
    await page(owner)

    missing = await other.ask("DELETE", BASE + "/messenger/1", headers={"if-match": '"7"'})
    foreign = await other.ask("DELETE", PAGE_PATH, headers={"if-match": '"7"'})

    assert (missing.status, missing.body) == (404, b"")
    assert (foreign.status, foreign.json) == (403, NO_ACCESS)


async def test_a_change_that_cannot_be_read_is_a_fault_before_it_is_stale(
    sqlite_doors: Doors,
) -> None:
    caller = await sqlite_doors.tenant()
    await page(caller)

    answer = await caller.ask("PATCH", PAGE_PATH, body={"name": 7}, headers={"if-match": '"7"'})

    assert [fault["name"] for fault in faults(answer)] == ["name"]
