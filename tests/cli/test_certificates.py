"""What a client that trusts our authority accepts, and for how long."""

from __future__ import annotations

import asyncio
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jackfield.cli.certificates import Certificates, of
from jackfield.cli.local_authority import RENEW_BEFORE, SERVER_LIFE, local
from jackfield.settings import SettingError, Settings

NOW = datetime.now(UTC)


async def shake_hands(made: Certificates, *, name: str, trusted: Path | None = None) -> None:
    """Connect over TLS as a client that trusts one authority and expects one name."""
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(made.certificate, made.key)
    trusting = ssl.create_default_context(cafile=str(trusted or made.authority))
    server = await asyncio.start_server(
        lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=serving
    )
    async with server:
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=trusting, server_hostname=name
        )
        writer.close()


def contents(made: Certificates) -> tuple[bytes, bytes]:
    """Return the authority and the server's certificate as they are now."""
    assert made.authority is not None
    return made.authority.read_bytes(), made.certificate.read_bytes()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "gateway.example"])
async def test_a_client_that_trusts_the_authority_accepts_the_server(
    tmp_path: Path, name: str
) -> None:
    made = local(tmp_path / "tls", names=["gateway.example"], now=NOW)

    await shake_hands(made, name=name)


async def test_another_name_and_another_authority_are_refused(tmp_path: Path) -> None:
    made = local(tmp_path / "tls", names=[], now=NOW)
    other = local(tmp_path / "other", names=[], now=NOW)

    with pytest.raises(ssl.SSLCertVerificationError):
        await shake_hands(made, name="elsewhere.example")
    with pytest.raises(ssl.SSLCertVerificationError):
        await shake_hands(made, name="localhost", trusted=other.authority)


def test_what_was_made_is_kept_until_it_is_about_to_end(tmp_path: Path) -> None:
    made = local(tmp_path, names=["gateway.example"], now=NOW)
    first = contents(made)

    local(tmp_path, names=["gateway.example"], now=NOW + timedelta(days=100))
    kept = contents(made)
    local(tmp_path, names=["gateway.example"], now=NOW + SERVER_LIFE - RENEW_BEFORE)
    renewed = contents(made)

    assert kept == first
    assert renewed[0] == first[0]
    assert renewed[1] != first[1]


async def test_a_name_that_comes_later_is_certified_by_the_same_authority(tmp_path: Path) -> None:
    made = local(tmp_path, names=[], now=NOW)
    authority, _ = contents(made)

    local(tmp_path, names=["gateway.example"], now=NOW)

    assert contents(made)[0] == authority
    await shake_hands(made, name="gateway.example")


def test_a_certificate_without_its_key_and_one_that_is_none_are_refused(tmp_path: Path) -> None:
    made = local(tmp_path, names=[], now=NOW)
    no_certificate = tmp_path / "none.pem"
    no_certificate.write_text("this is no certificate")

    with pytest.raises(SettingError, match="go together"):
        of(settings(tls_cert=made.certificate), now=NOW)
    with pytest.raises(SettingError, match="cannot be used"):
        of(settings(tls_cert=no_certificate, tls_key=made.key), now=NOW)
    with pytest.raises(SettingError, match="cannot be used"):
        of(settings(tls_cert=tmp_path / "absent.pem", tls_key=made.key), now=NOW)


def test_what_is_given_wins_over_what_could_be_made(tmp_path: Path) -> None:
    made = local(tmp_path / "theirs", names=[], now=NOW)

    given = of(settings(tls=True, tls_cert=made.certificate, tls_key=made.key), now=NOW)
    own = of(settings(tls=True, data=tmp_path, public_url="https://chat.example/"), now=NOW)
    plain = of(settings(), now=NOW)

    assert given == Certificates(made.certificate, made.key)
    assert own is not None
    assert own.authority == tmp_path / "tls" / "ca.pem"
    assert plain is None


def settings(**given: object) -> Settings:
    return Settings.from_environment({}, **given)


def test_private_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    local(tmp_path / "tls", names=[], now=NOW)

    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.glob("tls/*.key")}

    assert modes == {"ca.key": 0o600, "server.key": 0o600}
    assert stat.S_IMODE((tmp_path / "tls").stat().st_mode) == 0o700
