"""The receiver's own check of the two signatures, against independent libraries."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

import jwt
import pytest
from standardwebhooks import Webhook

from jackfield.clock import Moment
from jackfield.sandbox import proof

SECRET = "a" * 64
WEBHOOK_SECRET = "whsec_" + base64.b64encode(SECRET.encode()).decode()
BODY = b'{"text":"hello"}'
SECONDS = 1_795_000_000
NOW = Moment(SECONDS * 1_000)


def token(*, secret: str = SECRET, algorithm: str = "HS256", **claims: object) -> dict[str, str]:
    digest = hashlib.sha256(BODY).hexdigest()
    made = {"iat": SECONDS, "payload_hash": digest, **claims}
    return {"authorization": f"Bearer {jwt.encode(made, secret, algorithm=algorithm)}"}


def signature(*, secret: str = WEBHOOK_SECRET, seconds: int = SECONDS) -> dict[str, str]:
    at = datetime.fromtimestamp(seconds, UTC)
    signed = Webhook(secret).sign("id-1", at, BODY.decode())
    return {
        "webhook-id": "id-1",
        "webhook-timestamp": str(seconds),
        "webhook-signature": signed,
    }


def check_token(headers: Mapping[str, str], body: bytes = BODY) -> str:
    return proof.vonage_token(headers, body, signature_secret=SECRET, now=NOW)


def check_signature(headers: Mapping[str, str], body: bytes = BODY) -> str:
    return proof.standard_webhook(headers, body, webhook_secret=WEBHOOK_SECRET, now=NOW)


def test_a_token_made_by_another_library_is_accepted() -> None:
    assert check_token(token()) == proof.OK


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        ({}, "no token"),
        ({"authorization": "Basic YTpi"}, "no token"),
        ({"authorization": "Bearer a.b"}, "no token"),
        ({"authorization": "Bearer !.!.!"}, "signed with another secret"),
        (token(secret="b" * 64), "signed with another secret"),
        (token(algorithm="HS512"), "signed with another secret"),
        (token(payload_hash="0" * 64), "made for another body"),
        (token(iat=SECONDS - 301), "too old"),
        (token(iat=SECONDS + 301), "too old"),
        (token(iat="now"), "too old"),
    ],
)
def test_a_token_that_does_not_prove_the_body_says_why(
    headers: Mapping[str, str],
    verdict: str,
) -> None:
    assert check_token(headers) == verdict


def test_a_token_for_other_bytes_is_refused() -> None:
    assert check_token(token(), BODY + b"\n") == "made for another body"


def test_a_signature_made_by_the_standards_own_library_is_accepted() -> None:
    assert check_signature(signature()) == proof.OK


def test_one_right_signature_among_several_is_enough() -> None:
    headers = signature()
    headers["webhook-signature"] = f"v1,AAAA v2,x {headers['webhook-signature']}"

    assert check_signature(headers) == proof.OK


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        ({}, "no signature"),
        (signature() | {"webhook-id": "id-2"}, "signed with another secret"),
        (signature() | {"webhook-signature": "v1,é"}, "signed with another secret"),
        (signature(secret="whsec_" + "b" * 44), "signed with another secret"),
        (signature(seconds=SECONDS - 301), "too old"),
    ],
)
def test_a_signature_that_does_not_prove_the_body_says_why(
    headers: Mapping[str, str],
    verdict: str,
) -> None:
    assert check_signature(headers) == verdict


def test_a_signature_for_other_bytes_is_refused() -> None:
    assert check_signature(signature(), BODY + b"\n") == "signed with another secret"
