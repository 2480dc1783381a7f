"""Seals credentials before they are stored, so that a copy of the database opens nothing."""

from __future__ import annotations

from jackfield.sealing.errors import NoFittingKey, SealingError, Unsealable, UnusableKey
from jackfield.sealing.key_file import (
    load_key_file,
    load_or_create_key_file,
    parse_master_key,
    replace_key_file,
)
from jackfield.sealing.keyring import (
    CHECK_PLACE,
    HEAD_BYTES,
    KEY_BYTES,
    Keyring,
    key_id,
    sealed_with,
)
from jackfield.sealing.place import Place

__all__ = [
    "CHECK_PLACE",
    "HEAD_BYTES",
    "KEY_BYTES",
    "Keyring",
    "NoFittingKey",
    "Place",
    "SealingError",
    "Unsealable",
    "UnusableKey",
    "key_id",
    "load_key_file",
    "load_or_create_key_file",
    "parse_master_key",
    "replace_key_file",
    "sealed_with",
]
