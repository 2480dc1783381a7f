"""Routing on the path as it was sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse
from starlette.routing import Match, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from jackfield.api.http import Request, Response, WrongMethod, endpoint, json_response
from jackfield.api.raw_path import RawPaths, RawRoute

Ask = Callable[..., Awaitable[Response]]
Served = Callable[[ASGIApp], AbstractAsyncContextManager[int]]

ACCOUNTS = "/beta/chatapp-accounts"


async def show(request: Request) -> Response:
    return json_response({"method": request.method, **request.parameters})


def saying(word: str) -> ASGIApp:
    async def say(_: Request) -> Response:
        return Response(body=word.encode())

    return endpoint(say)


def table() -> RawPaths:
    return RawPaths(
        [
            RawRoute("GET", ACCOUNTS + "/?", saying("list")),
            RawRoute("GET", ACCOUNTS + "/ping", saying("ping")),
            RawRoute("POST", ACCOUNTS + "/{provider}", endpoint(show)),
            RawRoute("GET", ACCOUNTS + "/{provider}/{external_id}", endpoint(show)),
            RawRoute("PATCH", ACCOUNTS + "/{provider}/{external_id}", endpoint(show)),
            RawRoute("POST", ACCOUNTS + "/{owner}/{page}/applications", endpoint(show)),
        ]
    )


def scope(path: str | bytes, *, method: str = "GET", kind: str = "http") -> Scope:
    raw = path if isinstance(path, bytes) else path.encode()
    return {"type": kind, "method": method, "path": "/", "raw_path": raw}


def router() -> Router:
    return Router([table()], redirect_slashes=False)


async def test_an_encoded_slash_is_part_of_its_segment_on_the_wire(served: Served) -> None:
    request = b"GET /beta/chatapp-accounts/rcs/a%2Fb%20c HTTP/1.1\r\nHost: h\r\n\r\n"

    async with served(router()) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        await reader.readuntil(b"\r\n\r\n")
        body = await reader.readuntil(b"}")
        writer.close()
        await writer.wait_closed()

    assert msgspec.json.decode(body) == {
        "method": "GET",
        "provider": "rcs",
        "external_id": "a/b c",
    }


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_text_comes_back_from_its_segment(provider: str, external_id: str) -> None:
    path = f"{ACCOUNTS}/{quote(provider, safe='')}/{quote(external_id, safe='')}"

    match, found = table().matches(scope(path))

    if "\0" in provider + external_id:
        assert match is Match.NONE
    else:
        assert match is Match.FULL
        assert found["path_params"] == {"provider": provider, "external_id": external_id}


@pytest.mark.parametrize("segment", ["%ff", "a%00b", "%ed%a0%80", "", "%C3"])
def test_a_segment_that_is_no_text_fits_nothing(segment: str) -> None:
    match, _ = table().matches(scope(f"{ACCOUNTS}/whatsapp/{segment}"))

    assert match is Match.NONE


@pytest.mark.parametrize(
    "path",
    ["", "*", "/", "/beta", ACCOUNTS + "//", ACCOUNTS + "/ping/", "/beta/chatapp%2Daccounts"],
)
def test_a_path_means_exactly_what_it_says(path: str) -> None:
    match, _ = table().matches(scope(path))

    assert match is Match.NONE


@pytest.mark.parametrize("path", [ACCOUNTS, ACCOUNTS + "/"])
async def test_a_collection_answers_with_and_without_its_slash(ask: Ask, path: str) -> None:
    answer = await ask(router(), "GET", path)

    assert (answer.status, answer.body) == (200, b"list")


async def test_a_literal_wins_over_a_parameter(ask: Ask) -> None:
    answer = await ask(router(), "GET", ACCOUNTS + "/ping")

    assert answer.body == b"ping"


async def test_a_method_is_not_looked_for_behind_a_literal_that_lacks_it(ask: Ask) -> None:
    with pytest.raises(WrongMethod) as refused:
        await ask(router(), "POST", ACCOUNTS + "/ping")

    assert refused.value.allowed == ("GET", "HEAD")


async def test_templates_may_call_the_same_place_by_different_names(ask: Ask) -> None:
    answer = await ask(router(), "POST", ACCOUNTS + "/rcs/7/applications")

    assert msgspec.json.decode(answer.body) == {"method": "POST", "owner": "rcs", "page": "7"}


async def test_a_known_path_names_the_methods_it_has(ask: Ask) -> None:
    with pytest.raises(WrongMethod) as refused:
        await ask(router(), "DELETE", ACCOUNTS + "/rcs/7")

    assert refused.value.allowed == ("GET", "HEAD", "PATCH")


async def test_what_answers_a_wrong_method_can_be_chosen(ask: Ask) -> None:
    async def allowed(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(" ".join(scope["allowed_methods"]))(scope, receive, send)

    paths = RawPaths([RawRoute("PUT", "/a", saying("put"))], wrong_method=allowed)

    answer = await ask(Router([paths]), "GET", "/a")

    assert answer.body == b"PUT"


async def test_head_is_served_by_get(ask: Ask) -> None:
    answer = await ask(router(), "HEAD", ACCOUNTS)

    assert (answer.status, answer.body) == (200, b"")
    assert (b"content-length", b"4") in answer.headers


async def test_it_stands_in_one_router_with_other_routes(ask: Ask) -> None:
    async def page(_: StarletteRequest) -> PlainTextResponse:
        return PlainTextResponse("page")

    both = Router([table(), Route("/page", page)])

    answer = await ask(both, "GET", "/page")

    assert answer.body == b"page"


def test_another_kind_of_connection_fits_nothing() -> None:
    match, _ = table().matches(scope(ACCOUNTS, kind="websocket"))

    assert match is Match.NONE


def test_a_route_stands_in_the_table_once() -> None:
    twice = [RawRoute("GET", "/{a}", saying("a")), RawRoute("GET", "/{b}", saying("b"))]

    with pytest.raises(ValueError, match=r"GET /{b} is in the table twice"):
        RawPaths(twice)
