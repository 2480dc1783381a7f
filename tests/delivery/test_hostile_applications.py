"""Whatever an application answers, an attempt ends within bounds and says what was wrong."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs

from databases import look
from dispatching import dispatching, states, until_recorded
from jackfield.delivery.retries import LONGEST_RETRY_AFTER
from jackfield.egress import Egress
from jackfield.settings import SETTINGS
from jackfield.storage import destinations
from world import Clock, World, said

MEGABYTE = 1_000_000


@dataclass
class Stranger:
    """A server on loopback that answers each request with the same bytes, without end if asked."""

    answer: bytes
    then: bytes = b""
    visits: int = 0
    url: str = ""
    tls: ssl.SSLContext | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Give its URL while it listens."""
        server = await asyncio.start_server(self._visit, "127.0.0.1", 0, ssl=self.tls)
        port = server.sockets[0].getsockname()[1]
        try:
            yield f"{'https' if self.tls else 'http'}://127.0.0.1:{port}/in"
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.visits += 1
            writer.write(self.answer)
            while self.then:
                writer.write(self.then)
                await writer.drain()
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            return  # the gateway had enough
        finally:
            writer.close()


async def told(database_url: str) -> list[tuple[str, int | None, str | None]]:
    """Return outcome, status and detail of every attempt."""
    rows = await look(database_url, "SELECT outcome, status, detail FROM attempts ORDER BY number")
    return [(outcome, status, detail) for outcome, status, detail in rows]


async def one_attempt(world: World, url: str) -> None:
    """Let one message be attempted once at `url`."""
    await world.tenant()
    page = await world.page(application=await world.application(url))
    await world.hear(said("hello", to=page))
    async with dispatching(world):
        await until_recorded(world, 1)


HEADERS = b"HTTP/1.1 200 OK\r\n" + b"x-more: " + b"a" * 10 * MEGABYTE + b"\r\n\r\n"
PIECE = b"10000\r\n" + b"a" * 65_536 + b"\r\n"
ENDLESS = b"HTTP/1.1 500 Oops\r\ntransfer-encoding: chunked\r\n\r\n"
INTERIM = b"HTTP/1.1 103 E\r\n\r\n" * 3600
METADATA = (
    b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest\r\ncontent-length: 0\r\n\r\n"
)


@dataclass(frozen=True)
class Case:
    """What an application answers, and what is to be said of it."""

    answer: bytes
    outcome: str
    status: int | None = None
    word: str = ""
    then: bytes = b""


HOSTILE = {
    "ten megabytes of headers": Case(HEADERS, "unreachable", word="headers are too large"),
    "an endless body": Case(ENDLESS, "failed", 500, then=PIECE),
    "endless interim answers": Case(b"", "unreachable", word="interim answers", then=INTERIM),
    "a redirect to where secrets are": Case(METADATA, "rejected", 302),
    "another protocol": Case(b"SSH-2.0-server\r\n", "unreachable", word="not HTTP"),
    "nothing": Case(b"", "unreachable", word="broke before the answer"),
}


@pytest.mark.parametrize("case", HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_answer_is_a_failure_with_a_reason(
    world: World, database_url: str, case: Case
) -> None:
    stranger = Stranger(case.answer, then=case.then)
    async with stranger.listening() as url:
        await one_attempt(world, url)

    ((outcome, status, detail),) = await told(database_url)
    assert (outcome, status) == (case.outcome, case.status)
    assert case.word in (detail or "")
    assert stranger.visits == 1
    assert await states(world) == {"pending": 1}


async def test_a_hundred_endless_bodies_cost_little_memory(world: World) -> None:
    stranger = Stranger(ENDLESS, then=PIECE)
    process = psutil.Process()
    async with stranger.listening() as url:
        await world.tenant()
        for number in range(10):
            application = await world.application(f"{url}/{number}")
            page = await world.page(f"20{number:02}", application=application)
            await world.hear(*[said("x", to=page, by=f"p{n}") for n in range(10)])
        before = process.memory_info().rss
        async with dispatching(world, in_flight=256):
            await until_recorded(world, 10)

        assert process.memory_info().rss - before < 50 * MEGABYTE


async def test_a_certificate_nobody_vouches_for_is_named(
    world: World, database_url: str, tmp_path: Path
) -> None:
    async with Stranger(b"", tls=_self_signed(tmp_path)).listening() as url:
        await one_attempt(world, url)

    ((outcome, _, detail),) = await told(database_url)
    assert outcome == "unreachable"
    assert detail is not None
    assert "certificate was not accepted" in detail


async def test_ten_years_of_retry_after_are_six_hours(world: World, database_url: str) -> None:
    answer = b"HTTP/1.1 429 Slow down\r\nretry-after: 315360000\r\ncontent-length: 0\r\n\r\n"
    clock = Clock()
    async with Stranger(answer).listening() as url:
        await world.tenant()
        page = await world.page(application=await world.application(url))
        await world.hear(said("hello", to=page), at=clock())
        async with dispatching(world, clock=clock):
            await until_recorded(world, 1)

    known = await world.store.read(destinations.known())
    ((due_at,),) = await look(database_url, "SELECT due_at FROM pending")
    assert [each.not_before for each in known.values()] == [
        clock() + LONGEST_RETRY_AFTER // timedelta(milliseconds=1)
    ]
    assert due_at <= clock() + LONGEST_RETRY_AFTER // timedelta(milliseconds=1)


async def test_a_name_that_means_a_private_address_is_not_connected_to(
    world: World, database_url: str
) -> None:
    async def resolve(_: str) -> Sequence[str]:
        return ["10.0.0.1"]

    await world.tenant()
    page = await world.page(application=await world.application("http://desk.example/in"))
    await world.hear(said("hello", to=page))
    async with Egress(resolve=resolve) as egress, dispatching(world, egress=egress):
        await until_recorded(world, 1)

    ((outcome, _, detail),) = await told(database_url)
    assert outcome == "not_allowed"
    assert detail == "The address is in a network that may not be reached from here."


async def test_the_operator_is_told_once_in_a_while_which_setting_opens_a_private_network(
    world: World,
) -> None:
    clock = Clock()
    await world.tenant()
    page = await world.page(application=await world.application("http://127.0.0.1:9/in"))
    await world.hear(*[said("hi", to=page, by=name) for name in ("ann", "bob")], at=clock())

    with capture_logs() as logs:
        async with Egress() as egress, dispatching(world, clock=clock, egress=egress) as busy:
            await until_recorded(world, 2)
            at_first = _hints(logs)
            clock.advance(timedelta(hours=1))
            busy.wake()
            await until_recorded(world, 3)
            an_hour_later = _hints(logs)

    assert [(each["setting"], each["tenant"]) for each in at_first] == [
        ("JACKFIELD_EGRESS_ALLOW", "acme0001")
    ]
    assert "JACKFIELD_EGRESS_ALLOW" in {setting.variable for setting in SETTINGS}
    assert len(an_hour_later) == 2


def _hints(logs: Sequence[Mapping[str, object]]) -> list[Mapping[str, object]]:
    return [each for each in logs if each["event"] == "delivery.not_allowed"]


def _self_signed(folder: Path) -> ssl.SSLContext:
    """Return what a server shows whom nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "desk.example")])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = folder / "identity.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context
