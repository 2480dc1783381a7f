"""An application's ETag is its version, and If-Match keeps a change from going over another."""

from __future__ import annotations

import asyncio

import pytest

from gateway import Answer, Client, Doors, application, public_key
from jackfield.storage.tables import applications

BASE = "/v2/applications"
STALE = {
    "type": "https://developer.nexmo.com/api-errors#precondition-failed",
    "title": "Precondition Failed",
    "detail": "It was changed since you read it: read it again, then decide.",
}


def described(name: str) -> dict[str, object]:
    return {"name": name, "keys": {"public_key": public_key()}}


async def put(caller: Client, number: str, name: str, *, if_match: str | None = None) -> Answer:
    headers = {} if if_match is None else {"if-match": if_match}
    return await caller.ask("PUT", f"{BASE}/{number}", body=described(name), headers=headers)


async def delete(caller: Client, number: str, *, if_match: str) -> Answer:
    return await caller.ask("DELETE", f"{BASE}/{number}", headers={"if-match": if_match})


async def test_every_answer_with_an_application_has_its_version(doors: Doors) -> None:
    caller = await doors.tenant()

    made = await caller.post(BASE, described("Desk"))
    number = made.json["id"]
    same = await put(caller, number, "Desk")
    changed = await put(caller, number, "Counter")
    shown = await caller.get(f"{BASE}/{number}")

    tags = [answer.headers["etag"] for answer in (made, same, changed, shown)]
    assert tags == ['"1"', '"1"', '"2"', '"2"']


async def test_a_change_goes_over_no_change_it_has_not_seen(doors: Doors) -> None:
    caller = await doors.tenant()
    number = (await caller.post(BASE, described("Desk"))).json["id"]

    answers = await asyncio.gather(
        *[put(caller, number, f"Desk {each}", if_match='"1"') for each in range(5)]
    )

    assert sorted(answer.status for answer in answers) == [200, 412, 412, 412, 412]
    (winner,) = [answer for answer in answers if answer.status == 200]
    assert (await caller.get(f"{BASE}/{number}")).body == winner.body


@pytest.mark.parametrize("if_match", ['"2"', '"1"x', 'W/"1"', "1", "", '"01"'])
async def test_what_names_another_version_changes_nothing(
    sqlite_doors: Doors, if_match: str
) -> None:
    caller = await sqlite_doors.tenant()
    number = (await caller.post(BASE, described("Desk"))).json["id"]

    answers = [
        await put(caller, number, "Counter", if_match=if_match),
        await delete(caller, number, if_match=if_match),
    ]

    for answer in answers:
        body = answer.json
        assert body.pop("instance") == answer.headers["x-request-id"]
        assert (answer.status, body) == (412, STALE)
    assert await sqlite_doors.count(applications, name="Desk", version=1) == 1


@pytest.mark.parametrize("if_match", ['"1"', "*", '"7", "1"'])
async def test_what_names_its_version_is_done(doors: Doors, if_match: str) -> None:
    caller = await doors.tenant()
    one, other = await application(caller), await application(caller)

    changed = await put(caller, one, "Counter", if_match=if_match)
    deleted = await delete(caller, other, if_match=if_match)

    assert (changed.status, changed.headers["etag"]) == (200, '"2"')
    assert deleted.status == 204


async def test_who_has_no_such_application_is_told_that_first(sqlite_doors: Doors) -> None:
    caller, other = await sqlite_doors.tenant(), await sqlite_doors.tenant("umbr0002")
    number = await application(caller)

    answers = [
        await put(other, number, "Mine", if_match='"9"'),
        await delete(other, number, if_match='"9"'),
    ]

    assert [answer.status for answer in answers] == [404, 404]
