"""What Messenger and WhatsApp share: a Meta app's one webhook, its signature and handshake.

Meta signs with the app's secret: `X-Hub-Signature-256: sha256=` and the HMAC-SHA256 of the raw
body in lower-case hex, taken literally: upper-case hex, another prefix and the legacy
`X-Hub-Signature` prove nothing.
"""

from __future__ import annotations

import hmac
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from jackfield.messages import Reading, Unread
from jackfield.providers import messenger, whatsapp
from jackfield.providers.contract import Reader
from jackfield.providers.reading import UNREADABLE, reason, repair

KIND: Final = "meta"
PROVIDERS: Final[Sequence[Reader]] = (messenger, whatsapp)

_OBJECTS: Final[Mapping[str, Reader]] = {
    "page": messenger,
    "whatsapp_business_account": whatsapp,
}
"""Who reads a body, by its `object`."""

_WITHOUT_WORDS: Final = frozenset({"ad_account", "application", "permissions", "user"})
"""Objects in which nobody writes to an account: counted, like receipts.

Meta's list of them all is at developers.facebook.com/docs/graph-api/webhooks/reference.
"""

_LARGEST: Final = 3 << 20
"""Bytes of the largest payload Meta sends; a larger one is not worth a stranger's second try."""

_SIGNATURE: Final = "x-hub-signature-256"


class _Head(msgspec.Struct, frozen=True):
    object: str


_head = msgspec.json.Decoder(_Head)


def verify(body: bytes, headers: Mapping[str, str], secrets: Sequence[bytes | str]) -> bool:
    """Return whether one of `secrets` signed `body`. Header names are in lower case."""
    given = headers.get(_SIGNATURE)
    if given is None:
        return False
    signature = given.encode("utf-8", "replace")
    keys = [key for key in map(_bytes, secrets) if key]
    if _signed(body, signature, keys):
        return True
    if body.isascii() or len(body) > _LARGEST:
        return False
    # Meta signs non-ASCII as \uXXXX and sends it so. A proxy may have put the characters back.
    escaped = _escaped(body)
    return escaped is not None and _signed(escaped, signature, keys)


def challenge(query: Mapping[str, str], verify_tokens: Sequence[bytes | str]) -> str | None:
    """Return `hub.challenge` when `hub.verify_token` is one of `verify_tokens`, else None."""
    given = _bytes(query.get("hub.verify_token", ""))
    matches = [hmac.compare_digest(token, given) for token in map(_bytes, verify_tokens) if token]
    if query.get("hub.mode") != "subscribe" or not any(matches):
        return None
    return query.get("hub.challenge")


def read(body: bytes) -> Reading:
    """Return what a verified `body` says, by Page or number. Never raises.

    One of `_WITHOUT_WORDS` is counted as `object`. Any other may bring what people write:
    `instagram` does, and so may what Meta adds tomorrow. It comes only where somebody subscribed
    this URL to it, but it comes once: after our 200 nobody sends it again. So it is kept whole.
    """
    text = body
    try:
        head = _head.decode(body)
    except UNREADABLE as error:
        text = repair(body)
        try:
            head = _head.decode(text)
        except UNREADABLE:
            return Reading(unread=[Unread(reason=reason(error), body=body)])
    provider = _OBJECTS.get(head.object)
    if provider is not None:
        return provider.read(text)
    if head.object in _WITHOUT_WORDS:
        return Reading(ignored=Counter({"object": 1}))
    return Reading(unread=[Unread(reason="about an object that we have no word for", body=body)])


def _signed(body: bytes, signature: bytes, keys: Sequence[bytes]) -> bool:
    # Every key is tried, so that the time does not tell which one fits.
    matches = [
        hmac.compare_digest(
            b"sha256=" + hmac.digest(key, body, "sha256").hex().encode(), signature
        )
        for key in keys
    ]
    return any(matches)


def _bytes(secret: bytes | str) -> bytes:
    return secret if isinstance(secret, bytes) else secret.encode("utf-8", "replace")


_UNESCAPED: Final = (
    ("\\\\", "\0"),  # a place holder: no NUL is left once it is escaped
    ('\\"', '"'),
    ("\\n", "\n"),
    ("\\r", "\r"),
    ("\\t", "\t"),
    ("\\u007f", "\x7f"),
    ("\0", "\\"),
)


def _escaped(body: bytes) -> bytes | None:
    r"""Return `body` with every non-ASCII character as lower-case `\uXXXX`; None if not UTF-8.

    The JSON encoder does it in C, whatever somebody may send; then what it escaped besides is
    put back.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    escaped = json.dumps(text)[1:-1]
    for encoded, plain in _UNESCAPED:
        escaped = escaped.replace(encoded, plain)
    return escaped.encode()
