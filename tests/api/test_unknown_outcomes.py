"""Where COMMIT gave no answer, a write looks again by key before it answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from databases import look
from doubtful import Doubtful
from external_accounts import BASE, NUMBER, PAGE
from gateway import Answer, Client, Doors, application, opened
from jackfield.http_side import http_side
from line import Line

APPLICATIONS = "/v2/applications"
ONE = BASE + "/messenger/12345678"
DESK = {"name": "Desk", "capabilities": {"messages": {}}}
LOST = "Nothing was stored: send it again."
UNKNOWN = "It is not known whether this was stored: look what is there before you send it again."
KEYED = "It is not known whether this was stored: send it again with the same Idempotency-Key."


@dataclass(frozen=True)
class Case:
    """One write: what must be there before, and how it is asked for."""

    before: Callable[[Client], Awaitable[str]]
    ask: Callable[[Client, str], Awaitable[Answer]]
    status: int


async def nothing(_: Client) -> str:
    return ""


async def a_page(caller: Client) -> str:
    """Put a Page there, and an application it may be linked to; return that one's id."""
    assert (await caller.post(BASE + "/messenger", PAGE)).status == 201
    return await application(caller)


async def a_linked_page(caller: Client) -> str:
    number = await a_page(caller)
    assert (await caller.post(ONE + "/applications", {"application": number})).status == 200
    return number


async def a_number(caller: Client) -> str:
    assert (await caller.post(BASE + "/whatsapp", NUMBER)).status == 201
    return ""


TOKEN = {"credentials": {"access_token": "another-token"}}
CASES = {
    "create an account": Case(
        nothing, lambda caller, _: caller.post(BASE + "/messenger", PAGE), 201
    ),
    "create a linked account": Case(
        application,
        lambda caller, number: caller.post(BASE + "/messenger", PAGE | {"applications": [number]}),
        201,
    ),
    "link": Case(
        a_page,
        lambda caller, number: caller.post(ONE + "/applications", {"application": number}),
        200,
    ),
    "unlink": Case(
        a_linked_page,
        lambda caller, number: caller.ask("DELETE", f"{ONE}/applications/{number}"),
        204,
    ),
    "rename": Case(
        a_page, lambda caller, _: caller.ask("PATCH", ONE, body={"name": "Another"}), 200
    ),
    "swap": Case(
        a_page,
        lambda caller, number: caller.ask("PATCH", ONE, body={"applications": [number]}),
        200,
    ),
    "delete an account": Case(a_linked_page, lambda caller, _: caller.ask("DELETE", ONE), 204),
    "create an application": Case(
        nothing, lambda caller, _: caller.post(APPLICATIONS, {"name": "Desk"}), 201
    ),
    "replace an application": Case(
        application,
        lambda caller, number: caller.ask("PUT", f"{APPLICATIONS}/{number}", body=DESK),
        200,
    ),
    "delete an application": Case(
        a_linked_page,
        lambda caller, number: caller.ask("DELETE", f"{APPLICATIONS}/{number}"),
        204,
    ),
}
EVERY = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def doubting(doors: Doors, caller: Client, doubtful: Doubtful) -> Client:
    """Return the same caller of a gateway on a doubtful store."""
    return replace(caller, asgi=http_side(replace(doors.gateway, store=doubtful)))


async def everything(database_url: str) -> list[tuple[Any, ...]]:
    accounts = await look(database_url, "SELECT * FROM accounts ORDER BY id")
    applications = await look(database_url, "SELECT * FROM applications ORDER BY number")
    return accounts + applications


def sorry(answer: Answer) -> str:
    """Return what a 503 says."""
    assert answer.status == 503
    assert answer.headers["retry-after"] == "1"
    return str(answer.json["detail"])


@EVERY
async def test_what_was_stored_after_all_is_answered_as_ever(
    doors: Doors, database_url: str, case: Case
) -> None:
    caller = await doors.tenant()
    number = await case.before(caller)
    before = await everything(database_url)

    answer = await case.ask(doubting(doors, caller, Doubtful(doors.gateway.store)), number)

    assert answer.status == case.status
    assert await everything(database_url) != before
    if answer.body and "external_id" in answer.json:
        shown = await caller.get(ONE)
        assert (answer.body, answer.headers["etag"]) == (shown.body, shown.headers["etag"])
    elif answer.body:
        shown = (await caller.get(f"{APPLICATIONS}/{answer.json['id']}")).json
        assert answer.json | {"keys": shown["keys"]} == shown


@EVERY
async def test_what_was_not_stored_is_not_claimed(
    doors: Doors, database_url: str, case: Case
) -> None:
    caller = await doors.tenant()
    number = await case.before(caller)
    before = await everything(database_url)
    doubtful = Doubtful(doors.gateway.store, commits=False)

    answer = await case.ask(doubting(doors, caller, doubtful), number)
    rows = await everything(database_url)
    again = await case.ask(caller, number)

    assert sorry(answer) == LOST
    assert rows == before
    assert again.status == case.status


@EVERY
async def test_who_cannot_look_says_so(sqlite_doors: Doors, case: Case) -> None:
    caller = await sqlite_doors.tenant()
    number = await case.before(caller)
    doubtful = Doubtful(sqlite_doors.gateway.store, is_blind=True)

    answer = await case.ask(doubting(sqlite_doors, caller, doubtful), number)

    assert sorry(answer) == UNKNOWN


async def test_a_private_key_is_shown_although_the_commit_was_not_answered(
    sqlite_doors: Doors,
) -> None:
    caller = await sqlite_doors.tenant()
    doubting_one = doubting(sqlite_doors, caller, Doubtful(sqlite_doors.gateway.store))

    answer = await doubting_one.post(APPLICATIONS, {"name": "Desk"})

    assert answer.json["keys"]["private_key"].startswith("-----BEGIN")


async def test_a_change_that_raises_no_version_is_found_by_what_it_sealed(doors: Doors) -> None:
    caller = await doors.tenant()
    await a_number(caller)
    path = BASE + "/whatsapp/447700900123"
    doubtful = Doubtful(doors.gateway.store)

    answer = await doubting(doors, caller, doubtful).ask("PATCH", path, body=TOKEN)

    assert (answer.status, answer.headers["etag"]) == (200, '"1"')


async def test_a_write_that_was_refused_is_not_taken_for_one_that_stands(doors: Doors) -> None:
    caller = await doors.tenant()
    number = await a_linked_page(caller)
    doubting_one = doubting(doors, caller, Doubtful(doors.gateway.store))

    answers = [
        await doubting_one.post(BASE + "/messenger", PAGE),
        await doubting_one.post(ONE + "/applications", {"application": number}),
    ]

    assert [sorry(answer) for answer in answers] == [LOST, LOST]


async def test_what_somebody_changed_since_is_known_to_nobody(doors: Doors) -> None:
    caller = await doors.tenant()
    number = await a_page(caller)

    async def rename() -> None:
        await caller.ask("PATCH", ONE, body={"name": "Quicker"})

    doubtful = Doubtful(doors.gateway.store, afterwards=rename)
    answer = await doubting(doors, caller, doubtful).post(
        ONE + "/applications", {"application": number}
    )

    assert sorry(answer) == UNKNOWN


async def test_an_account_made_anew_by_somebody_else_is_not_the_deleted_one(doors: Doors) -> None:
    caller = await doors.tenant()
    await a_page(caller)

    async def make_anew() -> None:
        await caller.post(BASE + "/messenger", PAGE)

    doubtful = Doubtful(doors.gateway.store, afterwards=make_anew)
    answer = await doubting(doors, caller, doubtful).ask("DELETE", ONE)

    assert answer.status == 204


@pytest.mark.parametrize("commits", [True, False])
async def test_with_a_key_the_answer_itself_is_looked_for(doors: Doors, *, commits: bool) -> None:
    caller = await doors.tenant()
    doubtful = Doubtful(doors.gateway.store, commits=commits)

    async def ask(one: Client) -> Answer:
        return await one.post(APPLICATIONS, {"name": "Desk"}, idempotency_key="key")

    answer = await ask(doubting(doors, caller, doubtful))
    again = await ask(caller)

    assert again.status == 201
    assert ("idempotent-replayed" in again.headers) is commits
    if commits:
        assert (answer.status, answer.body) == (201, again.body)
    else:
        assert sorry(answer) == LOST
    listed = (await caller.get(APPLICATIONS)).json
    assert listed["total_items"] == 1


async def test_who_has_a_key_and_cannot_look_is_told_to_send_it_again(
    sqlite_doors: Doors,
) -> None:
    caller = await sqlite_doors.tenant()
    doubtful = Doubtful(sqlite_doors.gateway.store, is_blind=True)

    answer = await doubting(sqlite_doors, caller, doubtful).post(
        APPLICATIONS, {"name": "Desk"}, idempotency_key="key"
    )

    assert sorry(answer) == KEYED


@pytest.mark.parametrize("lost", ["request", "answer"])
async def test_a_line_cut_at_commit_costs_no_truth(postgres_url: str, lost: str) -> None:
    async with Line(postgres_url) as line, opened(line.url) as doors:
        caller = await doors.tenant()
        line.cut_at(b"COMMIT\0", is_forwarded=lost == "answer")

        answer = await caller.post(BASE + "/messenger", PAGE)
        shown = await caller.get(ONE)

    if lost == "answer":
        assert (answer.status, answer.body) == (201, shown.body)
    else:
        assert sorry(answer) == LOST
        assert shown.status == 404
