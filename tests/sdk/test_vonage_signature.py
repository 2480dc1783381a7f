"""The publisher's own verifier accepts what we sign, and nothing else."""

from __future__ import annotations

from hashlib import sha256

import jwt
from vonage_jwt import verify_signature

from jackfield.clock import now
from jackfield.delivery.signing import signed_headers

SECRET = "a signature secret that is long enough to sign with"
BODY = b'{"text":"hello"}'


def token() -> str:
    headers = signed_headers(
        BODY,
        delivery_id="0190a0c8-0000-7000-8000-000000000000",
        secrets=[SECRET],
        api_key="acme0001",
        application_id=None,
        now=now(),
        token_id="0190a0c8-0000-4000-8000-000000000000",
    )
    return headers["Authorization"].removeprefix("Bearer ")


def test_the_sdk_verifies_our_signature() -> None:
    assert verify_signature(token(), SECRET)


def test_the_sdk_refuses_another_secret() -> None:
    assert not verify_signature(token(), SECRET[::-1])


def test_the_token_speaks_of_exactly_these_bytes() -> None:
    claims = jwt.decode(token(), SECRET, algorithms=["HS256"])

    assert claims["payload_hash"] == sha256(BODY).hexdigest()
