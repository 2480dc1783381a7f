"""No spelling of an address, and no answer of a name server, opens a private network."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from jackfield.egress import Egress, Failure, Reply, Unreached

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Serve = Callable[[Answer], Awaitable[int]]

LOOPBACK = ip_network("127.0.0.0/8")
SECONDS = timedelta(seconds=5)

# The name server of these tests says 127.0.0.1, whatever it is asked for.
LISTED = Path(__file__).with_name("private_urls.txt").read_text(encoding="utf-8").splitlines()
CORPUS = [
    *(url for url in LISTED if url and not url.startswith("#")),
    "ht\ttp://127.0.0.1:PORT/",
    "http://127.0.0\n.1:PORT/",
    " http://127.0.0.1:PORT/",
    "",
]

ANSWERS = [
    ["10.0.0.1"],
    ["10.0.0.1", "::1", "169.254.169.254"],
    ["::ffff:127.0.0.1"],
    ["64:ff9b::7f00:1"],
    ["2002:7f00:1::"],
    ["fe80::1%lo"],
    ["0.0.0.0"],  # noqa: S104 - not bound
    ["2130706433"],
    ["127.1"],
    ["localhost"],
    [""],
]


async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")


async def everything_is_loopback(name: str) -> Sequence[str]:
    return ["127.0.0.1"]


async def post(egress: Egress, url: str) -> Reply | Unreached:
    return await egress.post(
        url, body=b"{}", headers={}, connect_timeout=SECONDS, total_timeout=SECONDS
    )


def test_the_corpus_is_large_enough() -> None:
    assert len(set(CORPUS)) >= 100


@pytest.mark.parametrize("url", CORPUS)
async def test_no_spelling_leads_into_a_private_network(
    url: str, serve: Serve, connects: list[str]
) -> None:
    port = await serve(accept)

    async with Egress(resolve=everything_is_loopback) as egress:
        answer = await post(egress, url.replace("PORT", str(port)))

    assert isinstance(answer, Unreached)
    assert answer.failure in {Failure.NOT_ALLOWED, Failure.BAD_URL}
    assert connects == []


@pytest.mark.parametrize("addresses", ANSWERS)
async def test_no_answer_of_a_name_server_leads_into_a_private_network(
    addresses: Sequence[str], connects: list[str]
) -> None:
    async def resolve(name: str) -> Sequence[str]:
        return addresses

    async with Egress(resolve=resolve) as egress:
        answer = await post(egress, "http://app.example/")

    assert isinstance(answer, Unreached)
    assert answer.failure == Failure.NOT_ALLOWED
    assert connects == []


async def test_what_the_system_says_of_a_name_is_judged_too(
    serve: Serve, connects: list[str]
) -> None:
    port = await serve(accept)

    async with Egress() as egress:
        answer = await post(egress, f"http://localhost:{port}/")

    assert isinstance(answer, Unreached)
    assert answer.failure == Failure.NOT_ALLOWED
    assert connects == []


async def test_an_allowed_network_is_reached(serve: Serve, connects: list[str]) -> None:
    port = await serve(accept)

    async with Egress(allow=[LOOPBACK], resolve=everything_is_loopback) as egress:
        literal = await post(egress, f"http://127.0.0.1:{port}/")
        named = await post(egress, f"http://app.example:{port}/")

    assert isinstance(literal, Reply)
    assert isinstance(named, Reply)
    assert connects == ["127.0.0.1", "127.0.0.1"]


async def test_only_the_allowed_ones_of_several_addresses_are_tried(
    serve: Serve, connects: list[str]
) -> None:
    async def resolve(name: str) -> Sequence[str]:
        return ["10.0.0.1", "::1", "127.0.0.1", "192.168.0.1"]

    port = await serve(accept)

    async with Egress(allow=[LOOPBACK], resolve=resolve) as egress:
        answer = await post(egress, f"http://app.example:{port}/")

    assert isinstance(answer, Reply)
    assert connects == ["127.0.0.1"]


async def test_a_name_that_turns_private_after_it_was_good_is_refused(
    serve: Serve, connects: list[str]
) -> None:
    meanings = [["127.0.0.1"], ["127.0.1.1"]]

    async def rebind(name: str) -> Sequence[str]:
        return meanings.pop(0)

    async def accept_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")

    first_port = await serve(accept_once)
    other_port = await serve(accept_once)
    public = ip_network("127.0.0.0/24")

    # The second port stands for the time when the remembered answer is no longer used.
    async with Egress(allow=[public], resolve=rebind) as egress:
        before = await post(egress, f"http://app.example:{first_port}/")
        after = await post(egress, f"http://app.example:{other_port}/")

    assert isinstance(before, Reply)
    assert isinstance(after, Unreached)
    assert after.failure == Failure.NOT_ALLOWED
    assert connects == ["127.0.0.1"]
    assert meanings == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_is_not_followed(
    status: int, serve: Serve, connects: list[str]
) -> None:
    visits: list[bytes] = []

    async def target(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append(await reader.read(1))

    target_port = await serve(target)
    location = f"http://127.0.0.1:{target_port}/inside"

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {status} Go\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
        writer.write(head.encode())

    port = await serve(redirect)

    async with Egress(allow=[LOOPBACK]) as egress:
        answer = await post(egress, f"http://127.0.0.1:{port}/")

    assert isinstance(answer, Reply)
    assert (answer.status, answer.headers["location"]) == (status, location)
    assert (visits, connects) == ([], ["127.0.0.1"])


async def test_a_proxy_in_the_environment_is_not_used(
    serve: Serve, connects: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.9:9")
    port = await serve(accept)

    async with Egress(allow=[LOOPBACK]) as egress:
        answer = await post(egress, f"http://127.0.0.1:{port}/")

    assert isinstance(answer, Reply)
    assert connects == ["127.0.0.1"]


async def test_a_refusal_does_not_tell_what_a_private_name_means() -> None:
    async def resolve(name: str) -> Sequence[str]:
        return ["10.11.12.13"]

    async with Egress(resolve=resolve) as egress:
        answer = await post(egress, "http://secret.app.example/")

    assert isinstance(answer, Unreached)
    assert "10.11" not in answer.detail
    assert "secret" not in answer.detail
