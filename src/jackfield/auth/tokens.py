"""An application's token: a JWT signed RS256 with its private key (wire contract 2)."""

from __future__ import annotations

import binascii
import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Final, Literal, Protocol, TypeAlias

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from jackfield.clock import SECOND, Moment
from jackfield.units import Unit

LONGEST_TOKEN: Final = 8_192
"""Characters; a client's own has about 600, and a long `acl` a thousand or two."""

USUAL_LIFE: Final = 15 * 60
"""Seconds from `iat` that a token without `exp` is good for."""

LONGEST_LIFE: Final = 24 * 60 * 60
"""Seconds from `iat` after which a token is refused, whatever its `exp` says."""

LEEWAY: Final = 60
"""Seconds that `iat` and `nbf` may lie ahead: a client's clock may run fast.

More than machines that keep their time drift apart, and it makes no token last longer: `exp`
and the cap count as they are written.
"""

_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")

_Seconds: TypeAlias = (
    int | float | Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,12}(\.[0-9]{1,9})?\Z")]
)
"""Seconds since 1970; a published example has them as a text."""

_UUID: Final = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z"


class _Header(msgspec.Struct, frozen=True):
    alg: Literal["RS256"]
    crit: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Claims(msgspec.Struct, frozen=True):
    application_id: Annotated[str, msgspec.Meta(pattern=_UUID)]
    jti: Annotated[str, msgspec.Meta(min_length=1)]
    iat: _Seconds | msgspec.UnsetType = msgspec.UNSET
    exp: _Seconds | msgspec.UnsetType = msgspec.UNSET
    nbf: _Seconds | msgspec.UnsetType = msgspec.UNSET
    acl: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_header_decoder = msgspec.json.Decoder(_Header)
_claims_decoder = msgspec.json.Decoder(_Claims)


@dataclass(frozen=True, slots=True)
class ApplicationKey:
    """Whom an application speaks for, and the key (PEM) its tokens are verified with, if any."""

    api_key: str
    public_key: str | None


class ApplicationKeys(Protocol):
    """What is asked of the table of applications to know who signed."""

    def application_key(self, application_id: str) -> Unit[ApplicationKey | None]:
        """Return it; None for an unknown application and for one of a disabled tenant."""
        ...


@dataclass(frozen=True, slots=True)
class Token:
    """What a well-formed token says of itself. Nothing in it is true before it is verified."""

    text: str
    application_id: str
    acl: bytes | None
    """The JSON of its allow-list; None where it has none, and may do everything."""
    _opens: float
    _expires: float

    def is_current(self, now: Moment) -> bool:
        """Say whether it is good for this moment, going by its own times."""
        seconds = now / SECOND
        return self._opens - LEEWAY <= seconds < self._expires


def parse_bearer(header: str) -> Token | None:
    """Return the token of a Bearer `Authorization` header, or None if it is not one.

    None too for a header that names another algorithm than RS256 or an extension that must be
    understood (RFC 7515, 4.1.11), and for claims of another type than the contract has them;
    `application_id`, `jti` and one of `iat` and `exp` are required.
    """
    scheme, _, text = header.partition(" ")
    text = text.strip(" ")
    if scheme.lower() != "bearer" or len(text) > LONGEST_TOKEN or not _SHAPE.fullmatch(text):
        return None
    head, claimed, _ = text.split(".")
    try:
        # Decoded to text first: what is skipped as unknown would not be checked to be any.
        if _header_decoder.decode(_decoded(head).decode()).crit is not msgspec.UNSET:
            return None
        claims = _claims_decoder.decode(_decoded(claimed).decode())
    except (ValueError, RecursionError):
        return None
    life = _life(claims)
    if life is None:
        return None
    acl = None if claims.acl is msgspec.UNSET else bytes(claims.acl)
    return Token(text, claims.application_id, acl, *life)


def is_application_id(text: str) -> bool:
    """Say whether `text` has the form of an application's id, without which no token is read."""
    return re.match(_UUID, text) is not None


class Signatures:
    """Verifies tokens, and remembers the last that were right.

    Remembered is only that this text is signed with this key, which stays true for ever. So
    whoever reads the application's key at every use is never told anything out of date. A wrong
    signature is not remembered: a flood of them cannot push out the right ones.
    """

    def __init__(self, *, remembered: int = 4_096) -> None:
        """Take how many tokens to remember, at about 200 bytes each."""
        self._room = remembered
        self._right: OrderedDict[bytes, None] = OrderedDict()

    def __len__(self) -> int:
        """How many tokens are remembered now."""
        return len(self._right)

    def is_signed(self, token: Token, public_key: str) -> bool:
        """Say whether `token` is signed with the private key of `public_key` (PEM)."""
        seen = hashlib.sha256(f"{public_key}\n{token.text}".encode()).digest()
        if seen in self._right:
            self._right.move_to_end(seen)
            return True
        if not _is_signed(token.text, public_key):
            return False
        self._right[seen] = None
        if len(self._right) > self._room:
            self._right.popitem(last=False)
        return True


def _is_signed(text: str, public_key: str) -> bool:
    key = _parsed(public_key)
    if key is None:
        return False
    signed, _, encoded = text.rpartition(".")
    try:
        signature = _decoded(encoded)
        # The last character has bits to spare: only one of the spellings is the token.
        if urlsafe_b64encode(signature).rstrip(b"=") != encoded.encode():
            return False
        key.verify(signature, signed.encode(), PKCS1v15(), SHA256())
    except (binascii.Error, InvalidSignature):
        return False
    return True


@lru_cache(maxsize=1_024)
def _parsed(public_key: str) -> RSAPublicKey | None:
    """Return the key in a PEM, or None where RS256 cannot be verified with it."""
    try:
        key = load_pem_public_key(public_key.encode())
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPublicKey) else None


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _life(claims: _Claims) -> tuple[float, float] | None:
    """Return from when and until when (seconds) it is good; None when it does not say."""
    issued, expires = _seconds(claims.iat), _seconds(claims.exp)
    if issued is None:
        if expires is None:
            return None
        # The cap counts from `iat`. Without one, the token is as old as it can be.
        issued = expires - LONGEST_LIFE
    opens = _seconds(claims.nbf)
    return (
        issued if opens is None else max(issued, opens),
        issued + USUAL_LIFE if expires is None else min(expires, issued + LONGEST_LIFE),
    )


def _seconds(claim: _Seconds | msgspec.UnsetType) -> float | None:
    if claim is msgspec.UNSET:
        return None
    return float(claim) if isinstance(claim, str) else claim
