"""What a handler sees of a request, and what leaves as its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta

import pytest
from starlette.types import Message, Receive

from jackfield.api.http import (
    ClientGone,
    Header,
    Request,
    Response,
    TooSlow,
    endpoint,
    json_response,
)
from jackfield.problems import Invalid, TooLarge

Ask = Callable[..., Awaitable[Response]]


def request(
    *messages: Message, headers: Sequence[Header] = (), query: bytes = b"", client: str = ""
) -> Request:
    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "https",
        "path": "/a b",
        "query_string": query,
        "headers": headers,
        "server": ("127.0.0.1", 8443),
        "client": (client, 1) if client else None,
    }
    return Request(scope, receiving(iter(messages)))


def receiving(messages: Iterator[Message]) -> Receive:
    async def receive() -> Message:
        return next(messages)

    return receive


def chunk(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_body_in_pieces_is_one_body_however_often_asked_for() -> None:
    asked = request(chunk(b"abc", more=True), chunk(b"", more=True), chunk(b"def"))

    first, again = await asked.body(), await asked.body()

    assert first == again == b"abcdef"


async def test_a_body_of_just_the_limit_is_read() -> None:
    body = await request(chunk(b"abcd"), headers=[(b"content-length", b"4")]).body(4)

    assert body == b"abcd"


async def test_an_announced_length_over_the_limit_is_refused_unread() -> None:
    asked = request(headers=[(b"content-length", b"5")])

    with pytest.raises(TooLarge, match="at most 4 bytes"):
        await asked.body(4)


async def test_a_body_that_grows_over_the_limit_is_refused() -> None:
    asked = request(chunk(b"abc", more=True), chunk(b"de", more=True))

    with pytest.raises(TooLarge):
        await asked.body(4)


async def test_a_client_that_hangs_up_ends_the_reading() -> None:
    asked = request(chunk(b"abc", more=True), {"type": "http.disconnect"})

    with pytest.raises(ClientGone):
        await asked.body()


async def test_a_body_that_never_comes_is_given_up() -> None:
    async def never() -> Message:
        message: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        return await message

    asked = Request(request().scope, never)

    with pytest.raises(TooSlow):
        await asked.body(deadline=timedelta(0))


def test_of_a_repeated_query_field_the_last_counts() -> None:
    query = request(query=b"page=1&name=a%2Bb+c&empty=&page=2&\xc3\xa9=%C3%A9").query

    assert query == {"page": "2", "name": "a+b c", "empty": "", "\u00e9": "\u00e9"}


@pytest.mark.parametrize("query", [b"a=%ff", b"%ff=a", b"a=%00", b"&".join([b"a=1"] * 101)])
def test_a_query_that_is_no_text_is_invalid(query: bytes) -> None:
    asked = request(query=query)

    with pytest.raises(Invalid):
        _ = asked.query


def test_every_header_of_a_name_is_there_in_order() -> None:
    asked = request(headers=[(b"authorization", b"one"), (b"x", b"y"), (b"authorization", b"two")])

    assert asked.headers("authorization") == ["one", "two"]
    assert asked.header("authorization") == "one"
    assert asked.header("absent") is None


def test_the_origin_is_what_the_client_called_us() -> None:
    asked = request(headers=[(b"host", b"gateway.example:444")])

    assert asked.origin == "https://gateway.example:444"


def test_without_a_host_the_origin_is_our_address() -> None:
    assert request().origin == "https://127.0.0.1:8443"


def test_a_path_the_server_did_not_keep_is_encoded_anew() -> None:
    assert request().path == "/a%20b"


@pytest.mark.parametrize(
    ("client", "is_near"),
    [("127.0.0.1", True), ("::1", True), ("192.0.2.1", False), ("unix", False), ("", False)],
)
def test_loopback_is_told_from_elsewhere(client: str, *, is_near: bool) -> None:
    assert request(client=client).is_from_loopback is is_near


async def test_an_answer_is_sent_with_its_length(ask: Ask) -> None:
    async def handler(_: Request) -> Response:
        return json_response({"a": 1}, status=201, headers=[(b"etag", b'"1"')])

    answer = await ask(endpoint(handler), "POST", "/")

    assert answer == Response(
        status=201,
        body=b'{"a":1}',
        headers=[
            (b"content-type", b"application/json"),
            (b"etag", b'"1"'),
            (b"content-length", b"7"),
        ],
    )


async def test_an_answer_without_content_has_no_length(ask: Ask) -> None:
    async def handler(_: Request) -> Response:
        return Response(status=204)

    answer = await ask(endpoint(handler), "DELETE", "/")

    assert answer == Response(status=204, headers=[])
