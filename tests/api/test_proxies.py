"""Who is believed about whom a request comes from."""

from __future__ import annotations

import pytest
from starlette.types import Receive, Scope, Send

from jackfield.api.http import Header
from jackfield.api.proxies import behind_proxies

PROXY = ("10.1.2.3", 40000)
STRANGER = ("192.0.2.9", 40000)


async def seen(client: tuple[str, int], *headers: Header) -> tuple[str, str]:
    """Return the client's address and the scheme that the application is told."""
    told: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        told.append(scope)

    async def receive() -> dict[str, str]:
        return {}

    async def send(_: object) -> None: ...

    asked = {"type": "http", "scheme": "http", "client": client, "headers": list(headers)}
    await behind_proxies(app, ["10.1.0.0/16"])(asked, receive, send)
    (scope,) = told
    return scope["client"][0], scope["scheme"]


SAID = ((b"x-forwarded-for", b"198.51.100.7"), (b"x-forwarded-proto", b"https"))


async def test_a_trusted_proxy_says_whom_it_speaks_for() -> None:
    assert await seen(PROXY, *SAID) == ("198.51.100.7", "https")


async def test_one_header_is_enough() -> None:
    assert await seen(PROXY, SAID[0]) == ("198.51.100.7", "http")
    assert await seen(PROXY, SAID[1]) == ("10.1.2.3", "https")


async def test_a_stranger_is_not_believed() -> None:
    assert await seen(STRANGER, *SAID) == ("192.0.2.9", "http")


@pytest.mark.parametrize("client", [PROXY, STRANGER])
async def test_who_says_nothing_is_who_it_is(client: tuple[str, int]) -> None:
    assert await seen(client, (b"host", b"gateway.example")) == (client[0], "http")
