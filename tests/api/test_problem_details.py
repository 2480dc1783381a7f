"""The exact words in which each API tells what went wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from starlette.types import Scope

from jackfield.api.http import Response, TooSlow, WrongMethod
from jackfield.api.problem_details import answer
from jackfield.problems import (
    Conflict,
    Forbidden,
    Invalid,
    InvalidParameter,
    NotFound,
    OutcomeUnknown,
    Problem,
    Stale,
    TooLarge,
    Unauthenticated,
    Unavailable,
)

ACCOUNT = "/beta/chatapp-accounts/messenger/12345678"
APPLICATION = "/v2/applications/78d335fa"
WEBHOOK = "/webhooks/meta/main"
DELIVERY = "/v1/deliveries/78d335fa"

MESSAGES = "https://www.nexmo.com/messages/Errors#"
ERRORS = "https://developer.nexmo.com/api-errors"


def asked(path: str, *, method: str = "POST") -> Scope:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "state": {"request_id": "abc123"},
    }


def said(error: Exception, path: str, *, method: str = "POST") -> tuple[int, dict[str, Any]]:
    response = answer(error, asked(path, method=method))
    return response.status, msgspec.json.decode(response.body)


def header(response: Response, name: bytes) -> bytes | None:
    return dict(response.headers).get(name)


def faulty() -> Invalid:
    return Invalid(
        InvalidParameter("external_id", "Missing `external_id` field"),
        InvalidParameter("name", "Too long"),
    )


def kinds(root: type[Problem] = Problem) -> Iterator[type[Problem]]:
    for kind in root.__subclasses__():
        yield kind
        yield from kinds(kind)


def test_an_account_that_does_not_validate() -> None:
    status, body = said(faulty(), ACCOUNT)

    assert status == 400
    assert body == {
        "type": MESSAGES + "InvalidParams",
        "title": "Your request parameters didn't validate.",
        "detail": "Found errors validating 2 of your submitted parameters.",
        "instance": "abc123",
        "invalid_params": [
            {"name": "external_id", "reason": "Missing `external_id` field"},
            {"name": "name", "reason": "Too long"},
        ],
    }


def test_a_body_without_parameters_to_blame_says_what_is_wrong() -> None:
    _, body = said(Invalid(detail="The body is not JSON"), ACCOUNT)

    assert body["detail"] == "The body is not JSON"
    assert body["invalid_params"] == []


ACCOUNT_ANSWERS: list[tuple[Problem, int, dict[str, str]]] = [
    (
        Unauthenticated("unknown key"),
        401,
        {
            "title": "Unauthorised",
            "detail": "Request header 'Authorization' missing / Invalid Token",
        },
    ),
    (
        Forbidden(),
        403,
        {"title": "Wrong authentication - You are not authorised to access this resource"},
    ),
    (
        Forbidden("Cannot link application"),
        403,
        {
            "type": MESSAGES + "Forbidden",
            "title": "Forbidden",
            "detail": "Cannot link application",
        },
    ),
    (
        Conflict("Unable to link application", title="Application conflict"),
        409,
        {
            "type": MESSAGES + "Conflict",
            "title": "Application conflict",
            "detail": "Unable to link application",
        },
    ),
    (
        Stale(),
        412,
        {
            "type": MESSAGES + "PreconditionFailed",
            "title": "Precondition failed",
            "detail": "It was changed since you read it: read it again, then decide.",
            "instance": "abc123",
        },
    ),
    (
        TooLarge("At most 4 bytes."),
        413,
        {
            "type": MESSAGES + "TooLarge",
            "title": "Request too large",
            "detail": "At most 4 bytes.",
            "instance": "abc123",
        },
    ),
    (
        OutcomeUnknown("Look again."),
        503,
        {
            "type": MESSAGES + "Unavailable",
            "title": "Service unavailable",
            "detail": "Look again.",
            "instance": "abc123",
        },
    ),
]


@pytest.mark.parametrize(
    ("problem", "status", "body"), ACCOUNT_ANSWERS, ids=lambda value: type(value).__name__
)
def test_accounts_answer_in_the_published_words(
    problem: Problem, status: int, body: dict[str, str]
) -> None:
    assert said(problem, ACCOUNT) == (status, body)


def test_an_account_that_is_not_there_is_an_empty_answer() -> None:
    assert answer(NotFound("no such page"), asked(ACCOUNT)) == Response(status=404)


def test_below_our_own_paths_what_is_not_there_is_explained() -> None:
    assert said(NotFound("Look elsewhere."), DELIVERY) == (
        404,
        {
            "type": MESSAGES + "NotFound",
            "title": "Not found",
            "detail": "Look elsewhere.",
            "instance": "abc123",
        },
    )
    assert "`/docs`" in said(NotFound(), "/v1/nothing")[1]["detail"]


def test_the_collection_speaks_like_its_members() -> None:
    assert answer(NotFound(), asked("/beta/chatapp-accounts")).body == b""
    assert answer(NotFound(), asked("/beta/chatapp-accounts-of-ours")).body != b""


@pytest.mark.parametrize(
    ("method", "page"), [("POST", "payload"), ("PUT", "payload"), ("GET", "list")]
)
def test_an_application_that_does_not_validate(method: str, page: str) -> None:
    status, body = said(faulty(), APPLICATION, method=method)

    assert status == 400
    assert body == {
        "type": f"{ERRORS}/application#{page}-validation",
        "title": "Bad Request",
        "detail": "The request failed due to validation errors",
        "instance": "abc123",
        "invalid_parameters": [
            {"name": "external_id", "reason": "Missing `external_id` field"},
            {"name": "name", "reason": "Too long"},
        ],
    }


def test_an_application_asked_for_with_wrong_credentials() -> None:
    assert said(Unauthenticated(), APPLICATION) == (
        401,
        {
            "type": ERRORS + "#unauthorized",
            "title": "Invalid credentials supplied",
            "detail": "You did not provide correct credentials.",
            "instance": "abc123",
        },
    )


def test_an_application_that_is_not_there_is_named() -> None:
    status, body = said(NotFound(), "/v2/applications/a%2Fb{count}")

    assert status == 404
    assert body["type"] == ERRORS + "#not-found"
    assert body["detail"] == "ID 'a/b{count}' does not exist, or you do not have access"


def test_our_own_paths_speak_problem_json() -> None:
    response = answer(Unauthenticated("The signature is wrong."), asked(WEBHOOK))

    assert header(response, b"content-type") == b"application/problem+json"
    assert msgspec.json.decode(response.body) == {
        "title": "Unauthorized",
        "detail": "The signature is wrong.",
        "status": 401,
        "instance": "abc123",
    }


@pytest.mark.parametrize("path", [ACCOUNT, APPLICATION])
def test_the_published_apis_speak_plain_json(path: str) -> None:
    response = answer(Forbidden(), asked(path))

    assert header(response, b"content-type") == b"application/json"


@pytest.mark.parametrize("path", [ACCOUNT, APPLICATION, WEBHOOK, DELIVERY])
def test_a_wrong_method_is_told_the_right_ones(path: str) -> None:
    response = answer(WrongMethod(["GET", "HEAD"]), asked(path))

    assert response.status == 405
    assert header(response, b"allow") == b"GET, HEAD"


@pytest.mark.parametrize("path", [ACCOUNT, APPLICATION, WEBHOOK, DELIVERY])
def test_who_is_not_known_is_told_how_to_log_in(path: str) -> None:
    assert header(answer(Unauthenticated(), asked(path)), b"www-authenticate")


@pytest.mark.parametrize("path", [ACCOUNT, APPLICATION, WEBHOOK, DELIVERY])
def test_a_fault_of_ours_is_not_explained(path: str) -> None:
    status, body = said(RuntimeError("canary"), path)

    assert status == 500
    assert body["instance"] == "abc123"
    assert "canary" not in str(body)


def test_a_body_left_unread_ends_its_connection() -> None:
    assert header(answer(TooSlow(), asked(ACCOUNT)), b"connection") == b"close"


def test_who_came_at_a_bad_time_is_told_to_come_again() -> None:
    assert header(answer(Unavailable(), asked(WEBHOOK)), b"retry-after") == b"1"


@pytest.mark.parametrize("path", [ACCOUNT, APPLICATION, WEBHOOK, DELIVERY])
def test_every_problem_has_its_words_in_every_dialect(path: str) -> None:
    problems = [WrongMethod(["GET"]), *(kind() for kind in kinds() if kind is not WrongMethod)]

    statuses = {type(problem): answer(problem, asked(path)).status for problem in problems}

    ours = {kind for kind, status in statuses.items() if status == 500}
    assert {kind.__name__ for kind in ours} == {"_Bug"}
