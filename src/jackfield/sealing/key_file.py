"""Master keys as text, and the file beside a SQLite database that holds them."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from collections.abc import Sequence
from pathlib import Path

from jackfield.crashpoints import Crashpoint, reach
from jackfield.sealing.errors import NoFittingKey, UnusableKey
from jackfield.sealing.keyring import KEY_BYTES, MAKE_ONE


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
        return load_key_file(path)
    except FileNotFoundError:
        if not for_new_database:
            raise NoFittingKey(
                f"the database exists but its key file {path} does not: "
                "put the file back, or set JACKFIELD_MASTER_KEY to the key it held"
            ) from None
    _create(path)
    return load_key_file(path)


def load_key_file(path: Path) -> tuple[bytes, ...]:
    """Return the keys in the file at `path`, newest first.

    Raises `UnusableKey` for a file that others may read or that holds no keys, and
    FileNotFoundError.
    """
    with path.open(encoding="ascii", errors="replace") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise UnusableKey(f"{path} may be read by others; close it with: chmod 600 {path}")
        text = file.read(64 * 1024)
    try:
        return parse_master_key(text)
    except UnusableKey as error:
        raise UnusableKey(f"{path} cannot be used: {error}") from None


def replace_key_file(path: Path, keys: Sequence[bytes]) -> None:
    """Have the file hold `keys`, newest first: at every moment it is the old one or the new.

    They are on the disk when this returns. Whoever calls it holds the data directory.
    """
    path = path.resolve()  # where a link leads, so that the link stays one
    draft = path.with_name(f".{path.name}.next")
    draft.unlink(missing_ok=True)  # what a process left that was killed
    _write(draft, keys)
    reach(Crashpoint.KEY_FILE_CHANGING)
    draft.replace(path)
    _keep_names_in(path.parent)
    reach(Crashpoint.KEY_FILE_CHANGING)


def _create(path: Path) -> None:
    """Make the file whole or not at all; one that is there already stays."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write(draft, [secrets.token_bytes(KEY_BYTES)])
        try:
            # Unlike a rename, a link never replaces a key that somebody made meanwhile.
            path.hardlink_to(draft)
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)
    _keep_names_in(path.parent)


def _write(path: Path, keys: Sequence[bytes]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no Path
        file.write(b"".join(key.hex().encode() + b"\n" for key in keys))
        file.flush()
        os.fsync(file.fileno())


def _keep_names_in(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
