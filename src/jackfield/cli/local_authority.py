"""A certificate authority of this machine's own, and the certificate that it gives the server."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from jackfield.cli.certificates import Certificates

AUTHORITY_LIFE = timedelta(days=3650)
SERVER_LIFE = timedelta(days=397)
"""The longest that browsers accept."""

RENEW_BEFORE = timedelta(days=30)
ALWAYS_NAMED = ("localhost", "127.0.0.1", "::1")

Key = ec.EllipticCurvePrivateKey


def local(directory: Path, *, names: Sequence[str], now: datetime) -> Certificates:
    """Return certificates for `names` and for this machine, made where they are missing.

    The authority is made once and kept, so that clients trust it once; the server's certificate
    is made anew when it is about to end or lacks a name. Private keys are for their owner only.
    Raises ValueError for a name that no certificate can hold, OSError where nothing can be kept.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = directory / "ca.pem"
    found = Certificates(directory / "server.pem", directory / "server.key", authority)
    wanted = tuple(dict.fromkeys([*ALWAYS_NAMED, *names]))
    authority_key = directory / "ca.key"
    if not (authority.exists() and authority_key.exists()):
        _make_authority(authority, authority_key, now=now)
        found.certificate.unlink(missing_ok=True)
    if not _serves(found, names=wanted, now=now):
        issuer = x509.load_pem_x509_certificate(authority.read_bytes())
        _make_server(found, issuer, _read_key(authority_key), names=wanted, now=now)
    return found


def _serves(found: Certificates, *, names: Sequence[str], now: datetime) -> bool:
    if not (found.certificate.exists() and found.key.exists()):
        return False
    certificate = x509.load_pem_x509_certificate(found.certificate.read_bytes())
    named = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    missing = {_general(name) for name in names} - set(named)
    return not missing and certificate.not_valid_after_utc - now > RENEW_BEFORE


def _make_authority(path: Path, key_path: Path, *, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Jackfield local authority")
    certificate = (
        _unsigned(name, issuer=name, key=key, now=now, life=AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_key(key_path, key)
    path.write_bytes(certificate.public_bytes(Encoding.PEM))


def _make_server(
    found: Certificates,
    authority: x509.Certificate,
    authority_key: Key,
    *,
    names: Sequence[str],
    now: datetime,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    general = [_general(name) for name in names]
    certificate = (
        _unsigned(_name("Jackfield"), issuer=authority.subject, key=key, now=now, life=SERVER_LIFE)
        .add_extension(x509.SubjectAlternativeName(general), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    _write_key(found.key, key)
    found.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))


def _unsigned(
    subject: x509.Name, *, issuer: x509.Name, key: Key, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A client whose clock is a little behind must be able to trust it at once.
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + life)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write_key(path: Path, key: Key) -> None:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)


def _read_key(path: Path) -> Key:
    key = load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path} holds another kind of key than we make; remove its directory")  # noqa: TRY004 -- the file's fault, not a caller's
    return key
