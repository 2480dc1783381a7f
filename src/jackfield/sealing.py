"""Seals credentials before they are stored, so that a copy of the database opens nothing.

SealingError
├── UnusableKey    a master key cannot be read, or others may read it
├── NoFittingKey   this database was made under a key that is not at hand
└── Unsealable     one stored value does not open: moved, changed, or under a key not at hand
"""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
MAKE_ONE = "make one with: openssl rand -hex 32"

_VERSION = b"\x01"
_KEY_ID_BYTES = 4
_NONCE_BYTES = 12
_TAG_BYTES = 16
_HEAD_BYTES = len(_VERSION) + _KEY_ID_BYTES
_SHORTEST = _HEAD_BYTES + _NONCE_BYTES + _TAG_BYTES


class SealingError(Exception):
    """Something is wrong with the keys or with what they sealed; never quotes either."""


class UnusableKey(SealingError):
    """A master key cannot be read, or others may read it; the sentence says what to do."""


class NoFittingKey(SealingError):
    """This database was made under a key that is not at hand."""


class Unsealable(SealingError):
    """The value at `place` does not open. `key_id` names its key, or is empty when unreadable."""

    def __init__(self, reason: str, *, place: Place, key_id: str) -> None:
        named = f" (sealed with key {key_id})" if key_id else ""
        super().__init__(f"{place} does not open{named}: {reason}")
        self.place = place
        self.key_id = key_id


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value lives; it opens nowhere else."""

    table: str
    row: int | str
    field: str

    def __str__(self) -> str:
        return f"{self.table} {self.row} {self.field}"

    def associated(self, head: bytes) -> bytes:
        """Return what is authenticated with the value: each part after its length."""
        return b"".join((head, *_sized(self.table), *_sized(str(self.row)), *_sized(self.field)))


def _sized(part: str) -> tuple[bytes, bytes]:
    encoded = part.encode()
    return len(encoded).to_bytes(4), encoded


_CHECK = Place("keyring", "database", "key")


class Keyring:
    """The master keys of an installation: the newest seals, every one of them opens.

    An envelope is a version byte, four bytes that name the key, a nonce, and AES-256-GCM's
    ciphertext and tag, with version, key name and place authenticated. Nonces are random, so
    one key should seal no more than 2**32 values (NIST SP 800-38D, section 8.3).
    """

    __slots__ = ("_ciphers", "_newest")

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Take 32-byte `keys`, newest first; raise `UnusableKey` if they are not that."""
        if not keys:
            raise UnusableKey(f"no master key was given; {MAKE_ONE}")
        if any(len(key) != KEY_BYTES for key in keys):
            raise UnusableKey(f"a master key has {KEY_BYTES} bytes; {MAKE_ONE}")
        self._ciphers = {_key_id(key): AESGCM(_derive(key, "seal")) for key in keys}
        if len(self._ciphers) != len(keys):
            raise UnusableKey("the same master key is listed twice")
        self._newest = _key_id(keys[0])

    def seal(self, plaintext: bytes, *, place: Place) -> bytes:
        """Return `plaintext` in an envelope that opens only at `place`."""
        head = _VERSION + self._newest
        nonce = os.urandom(_NONCE_BYTES)
        cipher = self._ciphers[self._newest]
        return head + nonce + cipher.encrypt(nonce, plaintext, place.associated(head))

    def unseal(self, envelope: bytes, *, place: Place) -> bytes:
        """Return what was sealed at `place`; raise `Unsealable` if this is not that."""
        if len(envelope) < _SHORTEST or envelope[:1] != _VERSION:
            raise Unsealable("it is not an envelope of ours", place=place, key_id="")
        head = envelope[:_HEAD_BYTES]
        key_id = head[1:]
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise Unsealable("that key is not at hand", place=place, key_id=key_id.hex())
        nonce = envelope[_HEAD_BYTES : _HEAD_BYTES + _NONCE_BYTES]
        sealed = envelope[_HEAD_BYTES + _NONCE_BYTES :]
        try:
            return cipher.decrypt(nonce, sealed, place.associated(head))
        except InvalidTag:
            reason = "it was changed, or moved from another place"
            raise Unsealable(reason, place=place, key_id=key_id.hex()) from None

    def check_value(self) -> bytes:
        """Return what a new database keeps to know its key again.

        It is a random key of that database's own, sealed; `digest_key` grows from it. Two
        calls differ: where two processes may both make one, both use the one that was stored.
        """
        return self.seal(os.urandom(KEY_BYTES), place=_CHECK)

    def matches(self, check: bytes) -> bool:
        """Say whether a database that keeps `check` opens with these keys."""
        try:
            self.unseal(check, place=_CHECK)
        except Unsealable:
            return False
        return True

    def digest_key(self, purpose: str, *, check: bytes) -> bytes:
        """Return the database's 32-byte key for keyed hashes of `purpose`.

        It stays the same when master keys rotate: a hash cannot be made anew without what was
        hashed. Raises `NoFittingKey` if the database that keeps `check` has another key.
        """
        try:
            own = self.unseal(check, place=_CHECK)
        except Unsealable as error:
            raise NoFittingKey(_no_fitting_key(error.key_id, self._ciphers)) from None
        return _derive(own, f"digest {purpose}")


def parse_master_key(text: str) -> tuple[bytes, ...]:
    """Return the keys in `text`: 32 bytes each, as hexadecimal or base64, newest first.

    Commas, spaces or lines part them. Raises `UnusableKey`, which counts the keys from 1 and
    quotes none.
    """
    words = text.replace(",", " ").split()
    if not words:
        raise UnusableKey(f"no master key was given; {MAKE_ONE}")
    keys = tuple(_decode(word) for word in words)
    for number, key in enumerate(keys, start=1):
        if len(key) != KEY_BYTES:
            raise UnusableKey(
                f"key {number} of {len(keys)} is not {KEY_BYTES} bytes "
                f"in hexadecimal or base64; {MAKE_ONE}"
            )
    return keys


def load_or_create_key_file(path: Path, *, for_new_database: bool) -> tuple[bytes, ...]:
    """Return the keys in the file at `path`, newest first.

    A missing file is made, readable by its owner only, but never for a database that exists:
    that one has a key somewhere, and a new one would open nothing. Raises `NoFittingKey` then,
    and `UnusableKey` for a file that others may read or that holds no keys.
    """
    try:
        return _load(path)
    except FileNotFoundError:
        if not for_new_database:
            raise NoFittingKey(
                f"the database exists but its key file {path} does not: "
                "put the file back, or set JACKFIELD_MASTER_KEY to the key it held"
            ) from None
    _create(path)
    return _load(path)


def _load(path: Path) -> tuple[bytes, ...]:
    with path.open(encoding="ascii", errors="replace") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise UnusableKey(f"{path} may be read by others; close it with: chmod 600 {path}")
        text = file.read(64 * 1024)
    try:
        return parse_master_key(text)
    except UnusableKey as error:
        raise UnusableKey(f"{path} cannot be used: {error}") from None


def _create(path: Path) -> None:
    """Make the file whole or not at all; one that is there already stays."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no Path
            file.write(secrets.token_hex(KEY_BYTES).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            # Unlike a rename, a link never replaces a key that somebody made meanwhile.
            path.hardlink_to(draft)
        except FileExistsError:
            return
    finally:
        draft.unlink()
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _decode(word: str) -> bytes:
    try:
        if len(word) == 2 * KEY_BYTES:
            return bytes.fromhex(word)
        padded = word.rstrip("=") + "=" * (-len(word.rstrip("=")) % 4)
        return base64.b64decode(
            padded, altchars=b"-_" if {"-", "_"} & set(word) else None, validate=True
        )
    except (ValueError, binascii.Error):
        return b""


def _derive(key: bytes, purpose: str) -> bytes:
    info = f"jackfield {purpose}".encode()
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=info).derive(key)


def _key_id(key: bytes) -> bytes:
    return _derive(key, "key id")[:_KEY_ID_BYTES]


def _no_fitting_key(wanted: str, at_hand: dict[bytes, AESGCM]) -> str:
    given = ", ".join(key_id.hex() for key_id in at_hand)
    if bytes.fromhex(wanted) in at_hand:
        return f"the database's own key does not open, although key {wanted} is at hand"
    return (
        f"the database was made under master key {wanted or 'unknown'}, and only {given} is at "
        "hand: set JACKFIELD_MASTER_KEY to its key, or put its key file back"
    )
