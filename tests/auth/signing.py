"""Tokens as other people's libraries make them, and as nobody should."""

from __future__ import annotations

import base64
import hmac
import json
import time
import uuid
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

APPLICATION = "78d335fa-323d-4114-9c3d-d6f0d48968cf"
MINUTE = 60
HOUR = 3_600


@cache
def key_named(name: str) -> rsa.RSAPrivateKey:
    """Return the private key of that name; each is made once."""
    assert name
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def public_pem(name: str = "ours") -> str:
    key = key_named(name).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def private_pem(name: str = "ours") -> str:
    key = key_named(name)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def claims_of(application_id: str = APPLICATION, **changes: object) -> dict[str, Any]:
    """Return what the publisher's Python client claims, changed; a claim of `...` is left out."""
    issued = int(time.time())
    claims = {
        "application_id": application_id,
        "iat": issued,
        "jti": str(uuid.uuid4()),
        "exp": issued + 15 * MINUTE,
    }
    return {name: value for name, value in (claims | changes).items() if value is not ...}


def signed(claims: dict[str, Any], *, key: str = "ours", algorithm: str = "RS256") -> str:
    """Return a token as PyJWT makes it."""
    return jwt.encode(claims, key_named(key), algorithm=algorithm)


def part(value: object) -> str:
    """Return one part of a token: bytes as they are, anything else as JSON."""
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def by_hand(header: object, claims: object, *, key: str = "ours") -> str:
    """Return a token with any header and any claims, rightly signed RS256 all the same."""
    text = f"{part(header)}.{part(claims)}"
    signature = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).sign(
        text.encode(), key_named(key)
    )
    return f"{text}.{part(signature)}"


def with_the_public_key_as_secret(claims: dict[str, Any]) -> str:
    """Return an HS256 token whose secret is what everybody may know."""
    text = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}"
    digest = hmac.digest(public_pem().encode(), text.encode(), "sha256")
    return f"{text}.{part(digest)}"
