"""Which secrets each kind of provider app has, and what each must look like."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from jackfield.console.checks import check_address, check_text, invalid
from jackfield.provider_apps import ProviderAppKind, SecretRole

LONGEST_DOCUMENT: Final = 16 * 1024
"""Characters of a service account; Google's have about 2,300."""

ROLES: Final[Mapping[ProviderAppKind, Sequence[SecretRole]]] = {
    ProviderAppKind.META: (SecretRole.APP_SECRET, SecretRole.VERIFY_TOKEN),
    ProviderAppKind.INFOBIP: (
        SecretRole.BASE_URL,
        SecretRole.API_KEY,
        SecretRole.WEBHOOK_TOKEN,
    ),
    ProviderAppKind.GOOGLE: (SecretRole.SERVICE_ACCOUNT, SecretRole.CLIENT_TOKEN),
}
"""All that a kind needs once messages go its way."""

_NEEDED_AT_ONCE: Final = frozenset({ProviderAppKind.META})
"""Kinds whose webhooks are understood; to the others nobody speaks yet."""

_WEBHOOK_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{16,255}")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class _ServiceAccount(msgspec.Struct, frozen=True):
    client_email: str
    private_key: str


_service_account = msgspec.json.Decoder(_ServiceAccount)


def check_secrets(
    kind: ProviderAppKind, secrets: Mapping[SecretRole, str]
) -> Sequence[SecretRole]:
    """Return which secrets the kind will need yet.

    Raises Invalid for one that it has no use for, that cannot be used, or that is needed now.
    """
    for role, secret in secrets.items():
        check_secret(kind, role, secret)
    missing = [role for role in ROLES[kind] if role not in secrets]
    if missing and kind in _NEEDED_AT_ONCE:
        options = " and ".join(f"--{role.replace('_', '-')}" for role in missing)
        raise invalid(missing[0], f"a {kind} provider app needs {options}")
    return missing


def check_secret(kind: ProviderAppKind, role: SecretRole, secret: str) -> None:
    """Raise Invalid for a secret that the kind has no use for, or that cannot be used."""
    if role not in ROLES[kind]:
        has = ", ".join(ROLES[kind])
        raise invalid(role, f"a {kind} provider app has no {role}; its secrets are: {has}")
    check = _CHECKS.get(role)
    if check is None:
        check_text(role, secret)
    else:
        check(secret)


def _check_base_url(url: str) -> None:
    check_address("base_url", url)
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise invalid("base_url", "base_url must begin with https://, as a key is sent there")
    if parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise invalid("base_url", "base_url has nothing behind the host: https://xxxxx.example")


def _check_webhook_token(token: str) -> None:
    if not _WEBHOOK_TOKEN.fullmatch(token):
        reason = "webhook_token is 16 to 255 of A-Z, a-z, 0-9, _ and -, as it stands in a URL"
        raise invalid("webhook_token", f"{reason}; make one with: openssl rand -hex 16")


def _check_service_account(document: str) -> None:
    if len(document) > LONGEST_DOCUMENT:
        raise invalid("service_account", "service_account is longer than any that Google makes")
    try:
        account = _service_account.decode(document)
        key = load_pem_private_key(account.private_key.encode(), password=None)
    except (ValueError, TypeError, RecursionError, UnsupportedAlgorithm):
        # The libraries' own words may quote what they were given.
        key = None
    if not isinstance(key, RSAPrivateKey):
        reason = "service_account is the JSON file that Google gives for a service account's key"
        raise invalid("service_account", f"{reason}, with its client_email and private_key")


_CHECKS: Final[Mapping[SecretRole, Callable[[str], None]]] = {
    SecretRole.BASE_URL: _check_base_url,
    SecretRole.WEBHOOK_TOKEN: _check_webhook_token,
    SecretRole.SERVICE_ACCOUNT: _check_service_account,
}
