"""How a receiver checks the two signatures of a webhook, written from their specifications alone.

The Vonage token: a JWT (RFC 7519) with HS256 whose `payload_hash` is the body's SHA-256.
Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`. It shares no code with the signer, or
it would prove nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from jackfield.clock import SECOND, Moment

OK = "ok"

_TOLERANCE = 300
"""Seconds that a signature may be old, or ahead."""


def vonage_token(
    headers: Mapping[str, str],
    body: bytes,
    *,
    signature_secret: str,
    now: Moment,
) -> str:
    """Return "ok", or in a few words why the token does not prove `body`.

    `headers` have lower-case names.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    parts = token.split(".")
    if scheme.lower() != "bearer" or len(parts) != 3:
        return "no token"
    signed = f"{parts[0]}.{parts[1]}".encode()
    expected = hmac.new(signature_secret.encode(), signed, hashlib.sha256).digest()
    try:
        is_signed = hmac.compare_digest(_bytes(parts[2]), expected)
    except ValueError:
        is_signed = False
    if not is_signed:
        return "signed with another secret"
    try:
        header, claims = _document(parts[0]), _document(parts[1])
    except ValueError:
        return "the token cannot be read"
    if header.get("alg") != "HS256":
        return "signed in another way"
    if claims.get("payload_hash") != hashlib.sha256(body).hexdigest():
        return "made for another body"
    return OK if _is_fresh(claims.get("iat"), now) else "too old"


def standard_webhook(
    headers: Mapping[str, str],
    body: bytes,
    *,
    webhook_secret: str,
    now: Moment,
) -> str:
    """Return "ok", or in a few words why `webhook-signature` does not prove `body`.

    `webhook_secret` is `whsec_` and base64; `headers` have lower-case names.
    """
    number = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "").split()
    if not (number and timestamp and given):
        return "no signature"
    key = base64.b64decode(webhook_secret.removeprefix("whsec_"))
    signed = f"{number}.{timestamp}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    expected = f"v1,{base64.b64encode(digest).decode()}".encode()
    if not any(hmac.compare_digest(each.encode(), expected) for each in given):
        return "signed with another secret"
    is_fresh = timestamp.isdecimal() and _is_fresh(int(timestamp), now)
    return OK if is_fresh else "too old"


def _is_fresh(seconds: object, now: Moment) -> bool:
    return isinstance(seconds, int) and abs(now // SECOND - seconds) <= _TOLERANCE


def _document(part: str) -> dict[str, Any]:
    document = json.loads(_bytes(part))
    if not isinstance(document, dict):
        raise ValueError  # noqa: TRY004 - one kind of failure for the caller
    return document


def _bytes(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError from None
