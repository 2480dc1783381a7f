"""Seals and opens values under the master keys of an installation."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from jackfield.sealing.errors import NoFittingKey, Unsealable, UnusableKey
from jackfield.sealing.place import Place

KEY_BYTES: Final = 32
MAKE_ONE: Final = "make one with: openssl rand -hex 32"

CHECK_PLACE: Final = Place("keyring", "database", "key")
"""Where a database keeps the value that it knows its keys by."""

_VERSION = b"\x01"
_KEY_ID_BYTES = 4
_NONCE_BYTES = 12
_TAG_BYTES = 16
HEAD_BYTES: Final = len(_VERSION) + _KEY_ID_BYTES
"""Bytes that an envelope begins with, which name its key."""

_SHORTEST = HEAD_BYTES + _NONCE_BYTES + _TAG_BYTES


@dataclass(frozen=True, slots=True)
class _Keys:
    """Ciphers by the bytes that name their key, in the order of the keys."""

    newest: bytes
    ciphers: Mapping[bytes, AESGCM]


class Keyring:
    """The master keys of an installation: the newest seals, every one of them opens.

    An envelope is a version byte, four bytes that name the key, a nonce, and AES-256-GCM's
    ciphertext and tag, with version, key name and place authenticated. Nonces are random, so
    one key should seal no more than 2**32 values (NIST SP 800-38D, section 8.3).
    """

    __slots__ = ("_keys",)

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Take 32-byte `keys`, newest first; raise `UnusableKey` if they are not that."""
        self._keys = _from(keys)

    @property
    def newest(self) -> str:
        """The id of the key that seals, as `key_id` gives it."""
        return self._keys.newest.hex()

    def adopt(self, keys: Sequence[bytes]) -> None:
        """Seal with the first of `keys` from now on, and open with all of them.

        The keys it had before open as long as this process lives: what somebody read a moment
        ago may be under one. It is one assignment, so that a thread that seals meanwhile has
        either the old or the new, whole. Raises `UnusableKey` as the constructor does.
        """
        brought = _from(keys)
        self._keys = _Keys(brought.newest, {**self._keys.ciphers, **brought.ciphers})

    def seal(self, plaintext: bytes, *, place: Place) -> bytes:
        """Return `plaintext` in an envelope that opens only at `place`."""
        keys = self._keys
        head = _VERSION + keys.newest
        nonce = os.urandom(_NONCE_BYTES)
        cipher = keys.ciphers[keys.newest]
        return head + nonce + cipher.encrypt(nonce, plaintext, place.associated(head))

    def unseal(self, envelope: bytes, *, place: Place) -> bytes:
        """Return what was sealed at `place`; raise `Unsealable` if this is not that."""
        if len(envelope) < _SHORTEST or envelope[:1] != _VERSION:
            raise Unsealable("it is not an envelope of ours", place=place, key_id="")
        head = envelope[:HEAD_BYTES]
        name = head[1:]
        cipher = self._keys.ciphers.get(name)
        if cipher is None:
            raise Unsealable("that key is not at hand", place=place, key_id=name.hex())
        nonce = envelope[HEAD_BYTES : HEAD_BYTES + _NONCE_BYTES]
        sealed = envelope[HEAD_BYTES + _NONCE_BYTES :]
        try:
            return cipher.decrypt(nonce, sealed, place.associated(head))
        except InvalidTag:
            reason = "it was changed, or moved from another place"
            raise Unsealable(reason, place=place, key_id=name.hex()) from None

    def reseal(self, envelope: bytes, *, place: Place) -> bytes | None:
        """Return what was sealed at `place` under the newest key; None where it is already.

        Raises `Unsealable` as `unseal` does.
        """
        if sealed_with(envelope) == self.newest:
            return None
        return self.seal(self.unseal(envelope, place=place), place=place)

    def check_value(self) -> bytes:
        """Return what a new database keeps to know its key again.

        It is a random key of that database's own, sealed; `digest_key` grows from it. Two
        calls differ: where two processes may both make one, both use the one that was stored.
        """
        return self.seal(os.urandom(KEY_BYTES), place=CHECK_PLACE)

    def matches(self, check: bytes) -> bool:
        """Say whether a database that keeps `check` opens with these keys."""
        try:
            self.unseal(check, place=CHECK_PLACE)
        except Unsealable:
            return False
        return True

    def digest_key(self, purpose: str, *, check: bytes) -> bytes:
        """Return the database's 32-byte key for keyed hashes of `purpose`.

        It stays the same when master keys rotate: a hash cannot be made anew without what was
        hashed. Raises `NoFittingKey` if the database that keeps `check` has another key.
        """
        try:
            own = self.unseal(check, place=CHECK_PLACE)
        except Unsealable as error:
            raise NoFittingKey(_no_fitting_key(error.key_id, self._keys.ciphers)) from None
        return _derive(own, f"digest {purpose}")


def key_id(key: bytes) -> str:
    """Return the name of a key, which gives nothing of it away: eight hexadecimal digits."""
    return _name(key).hex()


def sealed_with(envelope: bytes) -> str:
    """Return the id of the key that an envelope says it is sealed with; "" for no envelope.

    Its first `HEAD_BYTES` are enough.
    """
    head = envelope[:HEAD_BYTES]
    is_ours = len(head) == HEAD_BYTES and head[:1] == _VERSION
    return head[1:].hex() if is_ours else ""


def _from(keys: Sequence[bytes]) -> _Keys:
    if not keys:
        raise UnusableKey(f"no master key was given; {MAKE_ONE}")
    if any(len(key) != KEY_BYTES for key in keys):
        raise UnusableKey(f"a master key has {KEY_BYTES} bytes; {MAKE_ONE}")
    ciphers = {_name(key): AESGCM(_derive(key, "seal")) for key in keys}
    if len(ciphers) != len(keys):
        raise UnusableKey("the same master key is listed twice")
    return _Keys(_name(keys[0]), ciphers)


def _derive(key: bytes, purpose: str) -> bytes:
    info = f"jackfield {purpose}".encode()
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=info).derive(key)


def _name(key: bytes) -> bytes:
    return _derive(key, "key id")[:_KEY_ID_BYTES]


def _no_fitting_key(wanted: str, at_hand: Mapping[bytes, AESGCM]) -> str:
    given = ", ".join(name.hex() for name in at_hand)
    if bytes.fromhex(wanted) in at_hand:
        return f"the database's own key does not open, although key {wanted} is at hand"
    return (
        f"the database was made under master key {wanted or 'unknown'}, and only {given} is at "
        "hand: set JACKFIELD_MASTER_KEY to its key, or put its key file back"
    )
