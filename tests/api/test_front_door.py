"""What every answer carries, and where every failure ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import msgspec
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.testing import capture_logs

from jackfield.api.front_door import FrontDoor
from jackfield.api.http import ClientGone, Request, Response, endpoint
from jackfield.problems import NotFound, Unavailable

Ask = Callable[..., Awaitable[Response]]
Served = Callable[[ASGIApp], AbstractAsyncContextManager[int]]


def door(failure: Exception | None = None) -> FrontDoor:
    async def handler(request: Request) -> Response:
        if failure is not None:
            raise failure
        return Response(body=request.id.encode())

    return FrontDoor(endpoint(handler))


def id_of(answer: Response) -> str:
    return dict(answer.headers)[b"x-request-id"].decode()


async def test_every_request_has_its_own_id(ask: Ask) -> None:
    first, second = await ask(door(), "GET", "/"), await ask(door(), "GET", "/")

    assert first.body.decode() == id_of(first)
    assert id_of(first) != id_of(second)


@pytest.mark.parametrize("failure", [None, NotFound(), RuntimeError()])
async def test_every_answer_is_kept_from_being_sniffed(
    ask: Ask, failure: Exception | None
) -> None:
    answer = await ask(door(failure), "GET", "/")

    headers = dict(answer.headers)
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"x-xss-protection"] == b"1; mode=block"
    assert b"strict-transport-security" not in headers


async def test_over_tls_the_client_is_told_to_stay_there(ask: Ask) -> None:
    answer = await ask(door(), "GET", "/", scheme="https")

    told = dict(answer.headers)[b"strict-transport-security"]
    assert told == b"max-age=31536000; includeSubdomains"


async def test_a_problem_is_answered_in_the_words_of_its_path(ask: Ask) -> None:
    answer = await ask(door(Unavailable("Try again.")), "GET", "/beta/chatapp-accounts")

    assert answer.status == 503
    assert msgspec.json.decode(answer.body)["instance"] == id_of(answer)


async def test_a_bug_is_logged_once_and_answered_with_the_id_in_the_log(ask: Ask) -> None:
    with capture_logs() as logs:
        answer = await ask(door(RuntimeError("canary")), "GET", "/v2/applications/1", query=b"k=s")

    assert answer.status == 500
    assert msgspec.json.decode(answer.body)["instance"] == id_of(answer)
    assert b"canary" not in answer.body
    assert logs == [
        {
            "event": "request.failed",
            "request": id_of(answer),
            "method": "GET",
            "path": "/v2/applications/1",
            "exc_info": True,
            "log_level": "error",
        }
    ]


async def test_a_client_that_has_hung_up_is_left_in_peace(ask: Ask) -> None:
    with capture_logs() as logs:
        answer = await ask(door(ClientGone()), "POST", "/")

    assert answer.status == 0
    assert logs == []


async def test_an_answer_that_breaks_off_closes_the_connection(served: Served) -> None:
    async def breaks_off(_: Scope, __: Receive, send: Send) -> None:
        headers = [(b"content-length", b"10")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        raise RuntimeError

    with capture_logs() as logs:
        async with served(FrontDoor(breaks_off)) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            received = await reader.read()
            writer.close()
            await writer.wait_closed()

    assert received.startswith(b"HTTP/1.1 200 OK")
    assert received.endswith(b"\r\n\r\n")
    assert [entry["event"] for entry in logs] == ["request.failed"]


async def test_other_kinds_of_connection_pass_through() -> None:
    seen: list[str] = []

    async def app(scope: Scope, _: Receive, __: Send) -> None:
        seen.append(scope["type"])

    async def unused() -> dict[str, str]:
        return {}

    async def unsent(_: object) -> None: ...

    await FrontDoor(app)({"type": "lifespan"}, unused, unsent)

    assert seen == ["lifespan"]
