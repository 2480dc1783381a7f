"""What https is served with: what is given, or a certificate authority of this machine's own."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from jackfield.settings import SettingError, Settings


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in PEM: what the server shows, and what clients must trust if it is our own."""

    certificate: Path
    key: Path
    authority: Path | None = None


def of(settings: Settings, *, now: datetime) -> Certificates | None:
    """Return what the settings ask for, made if need be; None for plain http.

    Raises SettingError, which says what is missing, where it cannot be used.
    """
    given = (settings.tls_cert, settings.tls_key)
    if given == (None, None):
        return _own(settings, now=now) if settings.tls else None
    if settings.tls_cert is None or settings.tls_key is None:
        raise SettingError("JACKFIELD_TLS_KEY", "a certificate and its key go together")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(*given)  # type: ignore[arg-type] # neither is None here
    except (OSError, ssl.SSLError) as error:
        reason = f"the certificate and its key cannot be used: {error.strerror or error}"
        raise SettingError("JACKFIELD_TLS_CERT", reason) from error
    return Certificates(settings.tls_cert, settings.tls_key)


def _own(settings: Settings, *, now: datetime) -> Certificates:
    names = [urlsplit(settings.public_url or "").hostname, settings.host]
    usable = [name for name in names if name not in {None, "", "0.0.0.0", "::"}]  # noqa: S104 -- names to leave out
    from jackfield.cli.local_authority import local  # noqa: PLC0415 -- start-up counts; seldom needed

    try:
        return local(settings.data / "tls", names=[str(name) for name in usable], now=now)
    except (OSError, ValueError) as error:
        raise SettingError("JACKFIELD_TLS", f"no certificate could be made: {error}") from error
