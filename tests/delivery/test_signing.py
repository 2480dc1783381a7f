"""Receivers verify our webhooks with the libraries they have already."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from jackfield import clock, ids
from jackfield.clock import Moment
from jackfield.delivery.signing import signed_headers, webhook_secret

DELIVERY = "0190b7a4-5c3e-7d21-9b1f-2f6f6f0a1c55"
APPLICATION = "7c0e1f9a-4b4f-4d39-9a0e-3d1f5b6a8c21"
NEWEST = "newest-signature-secret-of-forty-letters"
OLDER = "older-signature-secret-of-thirty-nine-c"
BODY = '{"text":"Grüße"}'.encode()

# What Postel's vectors for receivers hold (msg id, body) and the one of their keys that is text.
# They have no signatures of their own, so these were made by OpenSSL.
POSTEL_SECRET = "V" * 32
POSTEL_NOW = Moment(1_767_225_600_000)
_HELLO = b'{"type":"test.hello","timestamp":"2026-01-01T00:00:00Z","data":{"hello":"world"}}'
_RAW = b'{"type":"test.hello","data":{"key":"value"}}'
POSTEL = [
    ("msg_sigv1_valid", _HELLO, "6saqWgW3WEh/vbk6hhWstze+bn+etS6ii2C/GtlJJJQ="),
    ("msg_wire_all_present", _HELLO, "4HHqxtNpPhKqsxRR4tz3pQTjV+Z8SFiX6sEmljHcPxo="),
    ("msg_multisecret_old_accept", _HELLO, "hrmwqhnyICrp1Ywu1j8RB1bW5oKMzDYAyRRgVvYFcWE="),
    ("msg_rawbytes_identical", _RAW, "nRHksWeMo8nRgMksP8k27Cip/7h/p6RyoJP8ERbRUs4="),
]

# PyJWT warns of keys shorter than the hash; ours have 64 characters.
secret_texts = st.text(st.characters(codec="utf-8"), min_size=32, max_size=100)
# The package reads what it has verified as JSON, which is what our bodies are.
bodies = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
).map(lambda value: json.dumps(value, ensure_ascii=False).encode())


def sign(body: bytes, *secrets: str, application_id: str | None = APPLICATION) -> dict[str, str]:
    return signed_headers(
        body,
        delivery_id=DELIVERY,
        secrets=secrets,
        api_key="a1b2c3d4",
        application_id=application_id,
        now=clock.now(),
        token_id=ids.uuid7(),
    )


def claims(headers: dict[str, str], secret: str) -> dict[str, Any]:
    token = headers["Authorization"].removeprefix("Bearer ")
    return jwt.decode(token, secret, algorithms=["HS256"])


def verify(body: bytes, headers: dict[str, str], secret: str) -> None:
    Webhook(webhook_secret(secret)).verify(body, headers)


@given(st.binary(), secret_texts)
def test_pyjwt_verifies_the_token_of_any_body_under_any_secret(body: bytes, secret: str) -> None:
    headers = sign(body, secret)

    assert claims(headers, secret)["payload_hash"] == sha256(body).hexdigest()


@given(bodies, secret_texts)
def test_standard_webhooks_verifies_any_body_under_any_secret(body: bytes, secret: str) -> None:
    headers = sign(body, secret)

    verify(body, headers, secret)


@pytest.mark.parametrize(("message_id", "body", "signature"), POSTEL)
def test_postels_vectors_get_the_signature_that_openssl_gives_them(
    message_id: str, body: bytes, signature: str
) -> None:
    headers = signed_headers(
        body,
        delivery_id=message_id,
        secrets=[NEWEST, POSTEL_SECRET],
        api_key="a1b2c3d4",
        application_id=None,
        now=POSTEL_NOW,
        token_id=ids.uuid7(),
    )

    assert webhook_secret(POSTEL_SECRET) == "whsec_VlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlY="
    assert headers["webhook-id"] == message_id
    assert headers["webhook-timestamp"] == "1767225600"
    assert headers["webhook-signature"].split()[1] == f"v1,{signature}"


def test_the_token_carries_exactly_the_published_claims() -> None:
    now = Moment(clock.now() // 1_000 * 1_000 + 999)

    headers = signed_headers(
        BODY,
        delivery_id=DELIVERY,
        secrets=[NEWEST],
        api_key="a1b2c3d4",
        application_id=APPLICATION,
        now=now,
        token_id="4f2d4b8e-0a0e-4c55-8b0e-5d8f3b1f2a10",
    )

    assert claims(headers, NEWEST) == {
        "iat": now // 1_000,
        "jti": "4f2d4b8e-0a0e-4c55-8b0e-5d8f3b1f2a10",
        "iss": "Vonage",
        "payload_hash": sha256(BODY).hexdigest(),
        "api_key": "a1b2c3d4",
        "application_id": APPLICATION,
    }
    assert headers["webhook-timestamp"] == str(now // 1_000)


def test_the_token_says_how_it_is_signed() -> None:
    token = sign(BODY, NEWEST)["Authorization"].removeprefix("Bearer ")

    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}


def test_without_an_application_there_is_no_such_claim() -> None:
    headers = sign(BODY, NEWEST, application_id=None)

    assert "application_id" not in claims(headers, NEWEST)


def test_while_secrets_rotate_both_sign_the_webhook_and_the_newest_comes_first() -> None:
    headers = sign(BODY, NEWEST, OLDER)

    verify(BODY, headers, NEWEST)
    verify(BODY, headers, OLDER)
    first, second = headers["webhook-signature"].split(" ")
    verify(BODY, {**headers, "webhook-signature": first}, NEWEST)
    verify(BODY, {**headers, "webhook-signature": second}, OLDER)


def test_while_secrets_rotate_the_newest_alone_signs_the_token() -> None:
    headers = sign(BODY, NEWEST, OLDER)

    assert claims(headers, NEWEST)
    with pytest.raises(jwt.InvalidSignatureError):
        claims(headers, OLDER)


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-id": "another-delivery"},
        {"webhook-timestamp": str(clock.now() // 1_000 - 10)},
        {"webhook-signature": "v1,AAAA"},
    ],
)
def test_id_time_and_signature_belong_together(changed: dict[str, str]) -> None:
    headers = sign(BODY, NEWEST)

    with pytest.raises(WebhookVerificationError):
        verify(BODY, {**headers, **changed}, NEWEST)


def test_another_body_does_not_verify() -> None:
    headers = sign(BODY, NEWEST)

    with pytest.raises(WebhookVerificationError):
        verify(BODY + b" ", headers, NEWEST)


def test_the_webhook_id_is_the_deliverys() -> None:
    assert sign(BODY, NEWEST)["webhook-id"] == DELIVERY


def test_nothing_leaves_unsigned() -> None:
    with pytest.raises(ValueError, match="at least one signature secret"):
        sign(BODY)
