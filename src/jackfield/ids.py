"""Identifiers: random ones for people, time-ordered ones for rows and messages."""

from __future__ import annotations

import os
import secrets
import time
import uuid


def uuid7() -> str:
    """Return a UUIDv7 (RFC 9562): 48 bits of milliseconds, then 74 random bits.

    Ids made later sort later (to the millisecond), which keeps index pages warm.
    """
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def application_id() -> str:
    """Return a random UUIDv4: an application's id tells nothing about when it was made."""
    return str(uuid.uuid4())


def api_key() -> str:
    """Return eight hexadecimal characters, as the publisher's keys have."""
    return secrets.token_hex(4)


def secret() -> str:
    """Return 128 random bits as 32 hexadecimal characters: an API secret nobody chose."""
    return secrets.token_hex(16)


def signature_secret() -> str:
    """Return 256 random bits as 64 hexadecimal characters: what signs webhooks."""
    return secrets.token_hex(32)
