"""A token opens when its application signed it and its time is now; nothing else does."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from auth.signing import (
    APPLICATION,
    HOUR,
    MINUTE,
    by_hand,
    claims_of,
    part,
    private_pem,
    public_pem,
    signed,
    with_the_public_key_as_secret,
)
from jackfield.auth import Signatures, Token, parse_bearer
from jackfield.auth.tokens import LONGEST_TOKEN
from jackfield.clock import SECOND, Moment

RIGHT_HEADER = {"alg": "RS256", "typ": "JWT"}
NOW = 1_800_000_000


def parsed(text: str) -> Token | None:
    return parse_bearer(f"Bearer {text}")


def opens(text: str, *, public_key: str | None = None) -> bool:
    """Say whether `text` is a well-formed token that this key signed."""
    token = parsed(text)
    return token is not None and Signatures().is_signed(token, public_key or public_pem())


def is_current(claims: dict[str, object]) -> bool:
    bare = claims_of(iat=..., exp=...)
    token = parsed(signed(bare | claims))
    return token is not None and token.is_current(Moment(NOW * SECOND))


def test_what_the_publishers_client_makes_opens() -> None:
    text = signed(claims_of(sub="Dorothea", nbf=NOW, anything=[1, {"else": None}]))

    token = parsed(text)

    assert token is not None
    assert (token.application_id, token.acl) == (APPLICATION, None)
    assert opens(text)


@pytest.mark.parametrize("header", ["bearer {}", "BEARER {}", "Bearer   {}  "])
def test_the_schemes_case_and_extra_spaces_do_not_matter(header: str) -> None:
    assert parse_bearer(header.format(signed(claims_of()))) is not None


FORGED = {
    "unsigned": jwt.encode(claims_of(), "", algorithm="none"),
    "unsigned, with a signature": ".".join(
        [part({"alg": "none"}), *signed(claims_of()).split(".")[1:]]
    ),
    "HS256 with the public key": with_the_public_key_as_secret(claims_of()),
    "RS384": signed(claims_of(), algorithm="RS384"),
    "RS512": signed(claims_of(), algorithm="RS512"),
    "PS256": signed(claims_of(), algorithm="PS256"),
    "another's key": signed(claims_of(), key="theirs"),
    "another's key in its header": by_hand(
        RIGHT_HEADER | {"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}}, claims_of(), key="theirs"
    ),
    "a signature of other claims": ".".join(
        [*signed(claims_of(jti="a")).split(".")[:2], signed(claims_of(jti="b")).split(".")[2]]
    ),
}


@pytest.mark.parametrize("text", FORGED.values(), ids=FORGED)
def test_what_the_application_did_not_sign_with_rs256_opens_nothing(text: str) -> None:
    assert not opens(text)


def without_application() -> dict[str, Any]:
    return {name: value for name, value in claims_of().items() if name != "application_id"}


MISSHAPEN: dict[str, tuple[object, object]] = {
    "another name of RS256": ({"alg": "rs256"}, claims_of()),
    "no alg": ({"typ": "JWT"}, claims_of()),
    "an alg that is no text": ({"alg": ["RS256"]}, claims_of()),
    "an extension that must be understood": (RIGHT_HEADER | {"crit": ["exp"]}, claims_of()),
    "an empty list of extensions": (RIGHT_HEADER | {"crit": []}, claims_of()),
    "a header that is no object": ("RS256", claims_of()),
    "a header that is no JSON": (b"{", claims_of()),
    "a header that is no UTF-8": (b'{"alg":"RS256","kid":"\xff"}', claims_of()),
    "claims that are no object": (RIGHT_HEADER, [claims_of()]),
    "claims that are no JSON": (RIGHT_HEADER, b"{"),
    "claims that are nested without end": (RIGHT_HEADER, b'{"sub":' + b"[" * 4_000),
    "claims and more": (RIGHT_HEADER, json.dumps(claims_of()).encode() + b"{}"),
    "neither iat nor exp": (RIGHT_HEADER, claims_of(iat=..., exp=...)),
    "no jti": (RIGHT_HEADER, claims_of(jti=...)),
    "an empty jti": (RIGHT_HEADER, claims_of(jti="")),
    "a jti that is no text": (RIGHT_HEADER, claims_of(jti=1)),
    "no application": (RIGHT_HEADER, without_application()),
    "an empty application": (RIGHT_HEADER, claims_of("")),
    "an application that is no text": (RIGHT_HEADER, claims_of() | {"application_id": 1}),
    "an application with a NUL": (RIGHT_HEADER, claims_of(APPLICATION[:-1] + "\0")),
    "an application with half a surrogate pair": (RIGHT_HEADER, claims_of("\ud800")),
    "an application and a line break": (RIGHT_HEADER, claims_of(APPLICATION + "\n")),
    "iat in words": (RIGHT_HEADER, claims_of(iat="now")),
    "an empty iat": (RIGHT_HEADER, claims_of(iat="")),
    "iat is true": (RIGHT_HEADER, claims_of(iat=True)),
    "iat is null": (RIGHT_HEADER, claims_of(iat=None)),
    "iat is no number": (RIGHT_HEADER, json.dumps(claims_of(iat=float("nan"))).encode()),
    "exp in an array": (RIGHT_HEADER, claims_of(exp=[NOW])),
    "exp is null": (RIGHT_HEADER, claims_of(exp=None)),
    "exp is a text that is no number": (RIGHT_HEADER, claims_of(exp="nan")),
    "exp and a line break": (RIGHT_HEADER, claims_of(exp=f"{NOW}\n")),
    "nbf is false": (RIGHT_HEADER, claims_of(nbf=False)),
    "nbf is an object": (RIGHT_HEADER, claims_of(nbf={})),
}


@pytest.mark.parametrize(("header", "claims"), MISSHAPEN.values(), ids=MISSHAPEN)
def test_a_signed_token_of_another_shape_than_the_contract_has_it_is_none(
    header: object, claims: object
) -> None:
    assert parsed(by_hand(header, claims)) is None


def test_a_token_made_by_hand_of_the_right_shape_is_one() -> None:
    assert opens(by_hand(RIGHT_HEADER, claims_of()))


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "...", "a.b", "a.b.c", "a.b.c.d", "A.A.A", "AAA=.AAA.AAA", "é.é.é", "a b.c.d"],
)
def test_garbage_is_no_token_and_no_fault(text: str) -> None:
    assert parsed(text) is None


def test_a_token_may_have_so_many_characters_and_no_more() -> None:
    bare = len(signed(claims_of(sub="")))
    # Three bytes of a claim are four characters of the token.
    fitting = signed(claims_of(sub="x" * ((LONGEST_TOKEN - bare) * 3 // 4)))
    longer = signed(claims_of(sub="x" * ((LONGEST_TOKEN - bare) * 3 // 4 + 3)))

    assert LONGEST_TOKEN - 4 < len(fitting) <= LONGEST_TOKEN < len(longer)
    assert opens(fitting)
    assert parsed(longer) is None


@given(st.text())
def test_any_other_header_is_no_token_and_no_fault(header: str) -> None:
    assert parse_bearer(header) is None
    assert parsed(header) is None


TIMES: dict[str, tuple[dict[str, object], bool]] = {
    "just made": ({"iat": NOW}, True),
    "without exp, before 15 minutes are over": ({"iat": NOW - 15 * MINUTE + 1}, True),
    "without exp, after 15 minutes": ({"iat": NOW - 15 * MINUTE}, False),
    "before exp": ({"iat": NOW - 10, "exp": NOW + 1}, True),
    "at exp": ({"iat": NOW - 10, "exp": NOW}, False),
    "exp lies before iat": ({"iat": NOW, "exp": NOW - 1}, False),
    "24 hours all but a second": ({"iat": NOW - 24 * HOUR + 1, "exp": NOW + HOUR}, True),
    "24 hours": ({"iat": NOW - 24 * HOUR, "exp": NOW + HOUR}, False),
    "24 hours and a second": ({"iat": NOW - 24 * HOUR - 1, "exp": NOW + HOUR}, False),
    "exp in a hundred years": ({"iat": NOW, "exp": NOW + 876_000 * HOUR}, True),
    "exp beyond every number": ({"iat": NOW, "exp": 10**30}, True),
    "a fast clock": ({"iat": NOW + MINUTE}, True),
    "from the future": ({"iat": NOW + MINUTE + 1, "exp": NOW + HOUR}, False),
    "iat beyond every number": ({"iat": 10**30, "exp": 10**31}, False),
    "iat before every number": ({"iat": -(10**30), "exp": NOW + HOUR}, False),
    "without iat, an hour to go": ({"exp": NOW + HOUR}, True),
    "without iat, over": ({"exp": NOW}, False),
    "without iat, 24 hours to go": ({"exp": NOW + 24 * HOUR}, True),
    "without iat, more than any token has": ({"exp": NOW + 24 * HOUR + MINUTE + 1}, False),
    "nbf has come": ({"iat": NOW - 10, "nbf": NOW}, True),
    "nbf soon": ({"iat": NOW - 10, "nbf": NOW + MINUTE}, True),
    "nbf not soon": ({"iat": NOW - 10, "nbf": NOW + MINUTE + 1}, False),
    "nbf cannot make iat earlier": ({"iat": NOW + HOUR, "exp": NOW + 2 * HOUR, "nbf": 1}, False),
    "fractions": ({"iat": NOW - 1.5, "exp": NOW + 0.25}, True),
    "fractions, over": ({"iat": NOW - 1.5, "exp": NOW - 0.25}, False),
    "texts": ({"iat": str(NOW), "exp": f"{NOW + HOUR}", "nbf": f"{NOW}.5"}, True),
    "texts, over": ({"iat": str(NOW - HOUR), "exp": f"{NOW}.0"}, False),
}


@pytest.mark.parametrize(("claims", "expected"), TIMES.values(), ids=TIMES)
def test_a_token_is_good_for_its_time(claims: dict[str, object], *, expected: bool) -> None:
    assert is_current(claims) is expected


TEXT = signed(claims_of())
ALPHABET = "ABCDwxyz0189-_.="


@given(
    at=st.integers(0, len(TEXT)),
    instead=st.text(ALPHABET, max_size=2),
    taken=st.integers(0, 2),
)
def test_no_other_spelling_of_a_token_opens(at: int, instead: str, taken: int) -> None:
    changed = TEXT[:at] + instead + TEXT[at + taken :]

    assert opens(changed) is (changed == TEXT)


@given(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
def test_the_spare_bits_of_the_last_character_are_part_of_the_token(last: str) -> None:
    assert opens(TEXT[:-1] + last) is (last == TEXT[-1])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    claims=st.dictionaries(st.sampled_from(["sub", "acl", "nbf", "exp", "x"]), json_values),
    key=st.sampled_from(["ours", "theirs"]),
)
def test_whatever_it_claims_what_opens_is_what_pyjwt_takes(
    claims: dict[str, Any], key: str
) -> None:
    # PyJWT signs no `exp` that is an object; others might.
    text = by_hand(RIGHT_HEADER, claims_of(**claims), key=key)

    token = parsed(text)

    assert opens(text) is (token is not None and pyjwt_takes(text))
    if token is not None and token.acl is not None:
        assert json.loads(token.acl) == claims["acl"]


def pyjwt_takes(text: str) -> bool:
    quiet: jwt.types.Options = {
        "verify_exp": False,
        "verify_nbf": False,
        "verify_iat": False,
        "verify_sub": False,
        "verify_jti": False,
    }
    try:
        jwt.decode(text, public_pem(), algorithms=["RS256"], options=quiet)
    except jwt.InvalidTokenError:
        return False
    return True


def test_a_remembered_token_opens_for_its_own_key_only() -> None:
    signatures = Signatures()
    token = parsed(TEXT)
    assert token is not None

    first = signatures.is_signed(token, public_pem())

    assert first
    assert not signatures.is_signed(token, public_pem("theirs"))
    assert signatures.is_signed(token, public_pem())


def test_beside_a_remembered_token_a_changed_one_does_not_open() -> None:
    signatures = Signatures()
    token, other = parsed(TEXT), parsed(TEXT[:-8] + "AAAAAAAA")
    assert token is not None
    assert other is not None

    signatures.is_signed(token, public_pem())

    assert not signatures.is_signed(other, public_pem())
    assert len(signatures) == 1


def test_no_more_than_so_many_are_remembered_and_all_of_them_open() -> None:
    signatures = Signatures(remembered=2)
    tokens = [parsed(signed(claims_of(jti=str(number)))) for number in range(4)]

    for token in [*tokens, *tokens]:
        assert token is not None
        assert signatures.is_signed(token, public_pem())
    assert len(signatures) == 2


@pytest.mark.parametrize("key", ["", "no PEM", private_pem()])
def test_with_what_is_no_public_rsa_key_nothing_opens(key: str) -> None:
    token = parsed(TEXT)
    assert token is not None

    assert not Signatures().is_signed(token, key)


def test_a_key_of_another_kind_opens_nothing() -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    assert not opens(TEXT, public_key=pem)
    assert opens(TEXT)
