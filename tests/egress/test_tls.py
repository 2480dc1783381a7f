"""A secure connection is made only with the host that was meant."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from jackfield.egress import Egress, Failure, Reply, Unreached
from jackfield.egress.connection import TOO_MANY

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Serve = Callable[[Answer], Awaitable[int]]

LOOPBACK = ip_network("127.0.0.0/8")
SECONDS = timedelta(seconds=10)
NOW = datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Identity:
    """A self-signed certificate, for showing and for trusting."""

    server: ssl.SSLContext
    client: ssl.SSLContext


def identity(folder: Path, *, name: str, ends: datetime) -> Identity:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=9))
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / "identity.pem"
    file.write_bytes(private + pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return Identity(server, ssl.create_default_context(cadata=pem.decode()))


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


async def outcome_of(
    server: ssl.SSLContext, trust: ssl.SSLContext | None, *, answer: bytes = OK
) -> Reply | Unreached:
    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async def resolve(name: str) -> Sequence[str]:
        return ["127.0.0.1"]

    listener = await asyncio.start_server(visit, "127.0.0.1", 0, ssl=server)
    port = listener.sockets[0].getsockname()[1]
    async with listener, Egress(allow=[LOOPBACK], resolve=resolve, trust=trust) as egress:
        return await post(egress, f"https://app.example:{port}/")


async def post(egress: Egress, url: str, *, connect: timedelta = SECONDS) -> Reply | Unreached:
    return await egress.post(
        url, body=b"", headers={}, connect_timeout=connect, total_timeout=SECONDS
    )


async def test_a_trusted_host_is_reached(tmp_path: Path) -> None:
    them = identity(tmp_path, name="app.example", ends=NOW + timedelta(days=1))

    outcome = await outcome_of(them.server, them.client)

    assert isinstance(outcome, Reply)


async def test_over_tls_too_interim_answers_are_counted(tmp_path: Path) -> None:
    them = identity(tmp_path, name="app.example", ends=NOW + timedelta(days=1))

    outcome = await outcome_of(them.server, them.client, answer=b"HTTP/1.1 103 E\r\n\r\n" * 9000)

    assert outcome == Unreached(Failure.BAD_RESPONSE, TOO_MANY)


async def test_a_certificate_nobody_vouches_for_is_not_accepted(tmp_path: Path) -> None:
    them = identity(tmp_path, name="app.example", ends=NOW + timedelta(days=1))

    outcome = await outcome_of(them.server, None)

    assert isinstance(outcome, Unreached)
    assert outcome.failure == Failure.TLS
    assert "self-signed" in outcome.detail


async def test_a_certificate_of_another_host_is_not_accepted(tmp_path: Path) -> None:
    them = identity(tmp_path, name="other.example", ends=NOW + timedelta(days=1))

    outcome = await outcome_of(them.server, them.client)

    assert isinstance(outcome, Unreached)
    assert outcome.failure == Failure.TLS
    assert "mismatch" in outcome.detail


async def test_an_expired_certificate_is_not_accepted(tmp_path: Path) -> None:
    them = identity(tmp_path, name="app.example", ends=NOW - timedelta(days=1))

    outcome = await outcome_of(them.server, them.client)

    assert isinstance(outcome, Unreached)
    assert outcome.failure == Failure.TLS
    assert "expired" in outcome.detail


async def test_a_host_that_speaks_no_tls_is_not_talked_to(serve: Serve) -> None:
    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    port = await serve(visit)

    async with Egress(allow=[LOOPBACK]) as egress:
        outcome = await post(egress, f"https://127.0.0.1:{port}/")

    assert isinstance(outcome, Unreached)
    assert outcome.failure == Failure.TLS


@pytest.mark.parametrize("says_anything", [True, False])
async def test_a_handshake_that_stalls_or_breaks_is_a_failure(
    serve: Serve, *, says_anything: bool
) -> None:
    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        if not says_anything:
            await asyncio.Event().wait()

    port = await serve(visit)

    async with Egress(allow=[LOOPBACK]) as egress:
        outcome = await post(
            egress, f"https://127.0.0.1:{port}/", connect=timedelta(milliseconds=200)
        )

    assert isinstance(outcome, Unreached)
    assert outcome.failure == (Failure.BROKEN if says_anything else Failure.TIMED_OUT)
