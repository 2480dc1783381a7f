"""The Application API speaks JSON and says so; the External Accounts API is tolerant."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from external_accounts import BASE as ACCOUNTS
from external_accounts import PAGE
from gateway import Answer, Doors, application, public_key
from jackfield.api.http import Request, Response
from jackfield.api.media_types import NotAcceptable, speaking_json
from jackfield.auth import Caller
from jackfield.storage.tables import applications

BASE = "/v2/applications"
ERRORS = "https://developer.nexmo.com/api-errors"
DESK = {"name": "Desk", "keys": {"public_key": public_key()}}
FORM = "application/x-www-form-urlencoded"


def told(answer: Answer) -> tuple[int, dict[str, Any]]:
    body = answer.json
    assert body.pop("instance") == answer.headers["x-request-id"]
    return answer.status, body


@pytest.mark.parametrize(
    "content_type", [FORM, "text/plain", "multipart/form-data; boundary=x", "json", "text/json"]
)
async def test_a_body_of_another_kind_is_refused_and_changes_nothing(
    sqlite_doors: Doors, content_type: str
) -> None:
    caller = await sqlite_doors.tenant()
    number = await application(caller)
    headers = {"content-type": content_type}

    answers = [
        await caller.ask("POST", BASE, body=DESK, headers=headers),
        await caller.ask("PUT", f"{BASE}/{number}", body=DESK | {"name": "X"}, headers=headers),
    ]

    for answer in answers:
        assert told(answer) == (
            415,
            {
                "type": ERRORS + "#content-type-header",
                "title": "Invalid Content-Type header",
                "detail": "Invalid Content-Type header provided. "
                "Must be one of the following: 'application/json'",
            },
        )
    assert await sqlite_doors.count(applications, name="Desk", version=1) == 1


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=UTF-8", "application/vnd.acme+json", ""],
)
async def test_json_by_any_of_its_names_is_taken(sqlite_doors: Doors, content_type: str) -> None:
    caller = await sqlite_doors.tenant()

    answer = await caller.post(BASE, DESK, content_type=content_type)

    assert answer.status == 201


async def test_an_empty_body_may_be_of_any_kind(sqlite_doors: Doors) -> None:
    caller = await sqlite_doors.tenant()
    number = await application(caller)

    answers = [
        await caller.get(BASE, content_type="application/json"),
        await caller.get(BASE, content_type=FORM),
        await caller.post(BASE, b"", content_type=FORM),
        await caller.ask(
            "DELETE", f"{BASE}/{number}", headers={"content-type": "application/json"}
        ),
    ]

    assert [answer.status for answer in answers] == [200, 200, 400, 204]


async def test_a_body_on_delete_is_not_looked_at(sqlite_doors: Doors) -> None:
    caller = await sqlite_doors.tenant()
    number = await application(caller)

    answer = await caller.ask(
        "DELETE", f"{BASE}/{number}", body=b"a=b", headers={"content-type": FORM}
    )

    assert answer.status == 204


@pytest.mark.parametrize("accept", ["text/html", "application/xml, text/*", "*/*;q=0"])
async def test_who_cannot_read_json_is_told_and_nothing_changes(
    sqlite_doors: Doors, accept: str
) -> None:
    caller = await sqlite_doors.tenant()
    number = await application(caller)
    one, headers = f"{BASE}/{number}", {"accept": accept}

    answers = [
        await caller.ask("POST", BASE, body=DESK, headers=headers),
        await caller.ask("GET", BASE, headers=headers),
        await caller.ask("GET", one, headers=headers),
        await caller.ask("PUT", one, body=DESK | {"name": "X"}, headers=headers),
        await caller.ask("DELETE", one, headers=headers),
    ]

    for answer in answers:
        assert told(answer) == (
            406,
            {
                "type": ERRORS + "#accept-header",
                "title": "Invalid Accept header",
                "detail": "Invalid Accept header provided. "
                "Must be one of the following: 'application/json'",
            },
        )
    assert await sqlite_doors.count(applications, name="Desk", version=1) == 1


def asking(*accept: str) -> Request:
    headers = [(b"accept", each.encode()) for each in accept]

    async def receive() -> Any:  # noqa: ANN401 - an ASGI message
        return {"type": "http.request", "body": b""}

    return Request({"type": "http", "method": "GET", "path": "/", "headers": headers}, receive)


async def _answer(_: Request, __: Caller) -> Response:
    return Response()


async def is_answered(*accept: str) -> bool:
    try:
        await speaking_json(_answer)(asking(*accept), Caller("acme0001"))
    except NotAcceptable:
        return False
    return True


@pytest.mark.parametrize(
    ("accept", "is_taken"),
    [
        ((), True),
        (("",), True),
        (("*/*",), True),
        (("*",), True),
        (("application/json",), True),
        (("Application/JSON;charset=utf-8",), True),
        (("application/*",), True),
        (("text/html, */*;q=0.1",), True),
        (("text/html", "application/json;q=0.001"), True),
        (("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",), True),
        (("application/json;q=0",), False),
        (("application/json;q=0.000, */*",), False),
        (("application/*;q=0, */*",), False),
        (("application/json, */*;q=0",), True),
        (("application/problem+json",), False),
        (("text/html,application/xhtml+xml",), False),
        (("nonsense",), False),
    ],
)
async def test_the_most_specific_range_decides(accept: tuple[str, ...], *, is_taken: bool) -> None:
    assert await is_answered(*accept) is is_taken


@given(st.lists(st.text(st.characters(max_codepoint=255)), max_size=3))
async def test_no_accept_header_is_a_fault_of_ours(lines: list[str]) -> None:
    others = await is_answered(*lines)
    with_json = await is_answered(*lines, "application/json")

    assert others in {True, False}
    assert with_json


async def test_who_is_not_known_hears_nothing_of_it(sqlite_doors: Doors) -> None:
    stranger = sqlite_doors.anybody()

    answer = await stranger.ask("POST", BASE, body=DESK, headers={"accept": "text/html"})

    assert answer.status == 401


@pytest.mark.parametrize(
    "headers", [{"content-type": FORM}, {"accept": "text/html"}, {"accept": "*/*;q=0"}]
)
async def test_the_external_accounts_api_takes_what_it_can_read(
    sqlite_doors: Doors, headers: dict[str, str]
) -> None:
    caller = await sqlite_doors.tenant()

    made = await caller.ask("POST", ACCOUNTS + "/messenger", body=PAGE, headers=headers)
    listed = await caller.ask("GET", ACCOUNTS, headers=headers)

    assert (made.status, listed.status) == (201, 200)
    assert listed.headers["content-type"] == "application/json"
