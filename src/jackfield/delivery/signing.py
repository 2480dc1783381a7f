"""Proof for the receiver that a webhook is ours: Vonage's JWT and Standard Webhooks."""

from __future__ import annotations

import hmac
from base64 import b64encode
from binascii import b2a_base64
from collections.abc import Sequence
from hashlib import sha256

import msgspec

from jackfield.clock import SECOND, Moment

ISSUER = "Vonage"


class _Claims(msgspec.Struct, frozen=True, omit_defaults=True):
    iat: int
    jti: str
    iss: str
    payload_hash: str
    api_key: str
    application_id: str | None = None


_encode_claims = msgspec.json.Encoder().encode
_URLSAFE = bytes.maketrans(b"+/", b"-_")
"""One pass of `translate` makes base64 URL-safe and drops its padding."""


def _base64url(plain: bytes) -> bytes:
    return b2a_base64(plain, newline=False).translate(_URLSAFE, b"=")


_JWT_HEADER = _base64url(b'{"alg":"HS256","typ":"JWT"}') + b"."


def signed_headers(
    body: bytes,
    *,
    delivery_id: str,
    secrets: Sequence[str],
    api_key: str,
    application_id: str | None,
    now: Moment,
    token_id: str,
) -> dict[str, str]:
    """Return the headers that prove this one attempt to send exactly `body`.

    `secrets` are the tenant's live signature secrets, newest first: the newest signs the JWT,
    each signs `webhook-signature`. `token_id` becomes `jti`, `delivery_id` becomes
    `webhook-id`. Rules: wire contract R17, R27, R28 and section 4.5; Standard Webhooks 1.0.
    Raises ValueError when there is no secret, so that nothing ever leaves unsigned.
    """
    if not secrets:
        raise ValueError("a webhook needs at least one signature secret")
    seconds = now // SECOND
    keys = [secret.encode() for secret in secrets]
    claims = _Claims(
        iat=seconds,
        jti=token_id,
        iss=ISSUER,
        payload_hash=sha256(body).hexdigest(),
        api_key=api_key,
        application_id=application_id,
    )
    signed = f"{delivery_id}.{seconds}.".encode() + body
    return {
        "Authorization": "Bearer " + _token(claims, keys[0]),
        "webhook-id": delivery_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join([_signature(signed, key) for key in keys]),
    }


def webhook_secret(signature_secret: str) -> str:
    """Return the Standard Webhooks form of a signature secret: the same bytes (R27)."""
    return "whsec_" + b64encode(signature_secret.encode()).decode()


def _token(claims: _Claims, key: bytes) -> str:
    signed = _JWT_HEADER + _base64url(_encode_claims(claims))
    return (signed + b"." + _base64url(hmac.digest(key, signed, "sha256"))).decode()


def _signature(signed: bytes, key: bytes) -> str:
    return "v1," + b2a_base64(hmac.digest(key, signed, "sha256"), newline=False).decode()
