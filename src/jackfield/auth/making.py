"""Makes an application's token, as the publisher's clients make theirs."""

from __future__ import annotations

import uuid
from base64 import urlsafe_b64encode
from datetime import timedelta
from typing import Final

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from jackfield.auth.access import is_well_formed
from jackfield.auth.tokens import LONGEST_LIFE, LONGEST_TOKEN, is_application_id
from jackfield.clock import SECOND, Moment
from jackfield.problems import Invalid, InvalidParameter

LONGEST: Final = timedelta(seconds=LONGEST_LIFE)
SHORTEST: Final = timedelta(seconds=30)
"""The publisher takes no token that ends sooner than this after it is made."""

_ENCRYPTED: Final = (
    "The private key is encrypted. Decrypt it first: openssl rsa -in FILE -out DECRYPTED"
)
_NO_ACL: Final = 'The acl must be JSON like {"paths": {"/*/chatapp-accounts/**": {}}}.'


def make_token(
    application_id: str,
    *,
    private_key: bytes,
    now: Moment,
    lasting: timedelta = timedelta(minutes=15),
    acl: bytes | None = None,
) -> str:
    """Return a token signed RS256 with `private_key` (PEM), good from `now`.

    `acl` is the JSON of an allow-list; without one the token may do everything. Raises `Invalid`
    for what would give a token that is refused.
    """
    key = _private_key(private_key)
    if not is_application_id(application_id):
        raise _invalid("application_id", "An application's id is a UUID in lower case.")
    if not SHORTEST <= lasting <= LONGEST:
        raise _invalid("ttl", "A token is good for 30 seconds at least and 24 hours at most.")
    if acl is not None and not is_well_formed(acl):
        raise _invalid(
            "acl", 'The acl must be JSON like {"paths": {"/*/chatapp-accounts/**": {}}}.'
        )
    issued = now // SECOND
    claims: dict[str, object] = {
        "application_id": application_id,
        "iat": issued,
        "exp": issued + lasting // timedelta(seconds=1),
        "jti": str(uuid.uuid4()),
    }
    if acl is not None:
        claims["acl"] = msgspec.Raw(acl)
    signed = b".".join(_part(each) for each in ({"alg": "RS256", "typ": "JWT"}, claims))
    signature = key.sign(signed, PKCS1v15(), SHA256())
    token = b".".join((signed, _encoded(signature))).decode()
    if len(token) > LONGEST_TOKEN:
        raise _invalid("acl", f"The token would be longer than {LONGEST_TOKEN} characters.")
    return token


def _private_key(pem: bytes) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise _invalid("key", _ENCRYPTED) from None
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise _invalid("key", "This is no RSA private key in PEM.")
    return key


def _part(members: object) -> bytes:
    return _encoded(msgspec.json.encode(members))


def _encoded(part: bytes) -> bytes:
    return urlsafe_b64encode(part).rstrip(b"=")


def _invalid(name: str, reason: str) -> Invalid:
    return Invalid(InvalidParameter(name, reason))
