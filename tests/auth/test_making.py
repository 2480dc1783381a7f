"""A token made here is what the publisher's clients make, and opens."""

from __future__ import annotations

from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from auth.signing import APPLICATION, key_named, private_pem, public_pem
from jackfield.auth import Signatures, parse_bearer, read_acl
from jackfield.auth.making import make_token
from jackfield.clock import SECOND, Moment, now
from jackfield.problems import Invalid

ACL = b'{"paths": {"/*/chatapp-accounts/**": {"methods": ["GET"]}}}'


def test_pyjwt_reads_what_is_made() -> None:
    made = make_token(APPLICATION, private_key=private_pem().encode(), now=now(), acl=ACL)

    claims = jwt.decode(
        made,
        public_pem(),
        algorithms=["RS256"],
        options={"require": ["application_id", "iat", "exp", "jti", "acl"]},
    )

    assert jwt.get_unverified_header(made) == {"alg": "RS256", "typ": "JWT"}
    assert claims["application_id"] == APPLICATION
    assert claims["exp"] - claims["iat"] == 15 * 60
    assert claims["acl"] == {"paths": {"/*/chatapp-accounts/**": {"methods": ["GET"]}}}


def test_what_is_made_opens_for_as_long_as_was_said() -> None:
    at = Moment(1_800_000_000 * SECOND)
    made = make_token(
        APPLICATION,
        private_key=private_pem().encode(),
        now=at,
        lasting=timedelta(hours=24),
        acl=ACL,
    )

    token = parse_bearer(f"Bearer {made}")

    assert token is not None
    assert token.acl is not None
    assert Signatures().is_signed(token, public_pem())
    assert read_acl(token.acl).filters_for("GET", "/beta/chatapp-accounts") == [{}]
    day = 24 * 3_600 * SECOND
    assert token.is_current(at)
    assert token.is_current(Moment(at + day - 1))
    assert not token.is_current(Moment(at + day))


def test_no_two_are_the_same() -> None:
    key, at = private_pem().encode(), now()

    assert make_token(APPLICATION, private_key=key, now=at) != make_token(
        APPLICATION, private_key=key, now=at
    )


def encrypted() -> bytes:
    return key_named("ours").private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"a word")
    )


def elliptic() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (encrypted(), "encrypted"),
        (elliptic(), "no RSA private key"),
        (public_pem().encode(), "no RSA private key"),
        (b"", "no RSA private key"),
    ],
    ids=["encrypted", "elliptic", "public", "empty"],
)
def test_a_key_that_cannot_sign_is_told(key: bytes, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        make_token(APPLICATION, private_key=key, now=now())


@pytest.mark.parametrize("seconds", [-1, 0, 29, 24 * 3_600 + 1])
def test_a_life_that_no_token_has_is_told(seconds: int) -> None:
    with pytest.raises(Invalid, match="30 seconds at least and 24 hours at most"):
        make_token(
            APPLICATION,
            private_key=private_pem().encode(),
            now=now(),
            lasting=timedelta(seconds=seconds),
        )


@pytest.mark.parametrize("given", ["", "Desk", APPLICATION.upper(), APPLICATION + "\n"])
def test_an_id_that_no_application_has_is_told(given: str) -> None:
    with pytest.raises(Invalid, match="UUID"):
        make_token(given, private_key=private_pem().encode(), now=now())


@pytest.mark.parametrize("acl", [b"", b"{", b"{}", b'{"paths": {"beta": {}}}'])
def test_a_list_that_would_allow_nothing_is_told(acl: bytes) -> None:
    with pytest.raises(Invalid, match="acl must be JSON"):
        make_token(APPLICATION, private_key=private_pem().encode(), now=now(), acl=acl)


def test_a_token_that_would_be_too_long_is_told() -> None:
    acl = b'{"paths": {"/' + b"x" * 7_000 + b'": {}}}'

    with pytest.raises(Invalid, match="longer than 8192 characters"):
        make_token(APPLICATION, private_key=private_pem().encode(), now=now(), acl=acl)
