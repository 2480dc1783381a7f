"""How a setting's text becomes a value, and how a value looks to people.

Every reader takes text that is not empty and raises ValueError for what it cannot use.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit

from jackfield.clock import FOREVER

Network: TypeAlias = IPv4Network | IPv6Network

SQLITE = "sqlite:///"
POSTGRESQL = "postgresql://"
MASK = "***"

_YES = frozenset({"true", "yes", "on", "1"})
_NO = frozenset({"false", "no", "off", "0"})
_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_LONGEST = timedelta(days=3_650)


class Ownership(StrEnum):
    """What makes an account its tenant's: the provider's word, or the tenant's own."""

    PROVE = "prove"
    TRUST = "trust"


class LogLevel(StrEnum):
    """The least that is worth a line."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How a log line looks; `auto` is for people on a terminal and JSON elsewhere."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


def path(text: str) -> Path:
    """Return an absolute path; `~` is the user's home."""
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:  # a home that cannot be found
        raise ValueError from error


def database_url(text: str) -> str:
    """Return `text` if it names a SQLite file or a PostgreSQL database."""
    if text.startswith(SQLITE):
        _require(text.removeprefix(SQLITE) not in {"", ":memory:"})
    else:
        _require(
            text.startswith(POSTGRESQL) and bool(urlsplit(text).netloc + urlsplit(text).query)
        )
    return text


def without_password(url: str) -> str:
    """Return a database URL fit to be seen."""
    url = re.sub(rf"^({POSTGRESQL}[^:@/?]*:).*(?=@)", rf"\1{MASK}", url)
    return re.sub(r"([?&](?:ssl)?password=)[^&]*", rf"\1{MASK}", url)


def web_url(text: str) -> str:
    """Return an absolute http or https URL without a slash at its end, query or user."""
    parts = urlsplit(text)
    _require(parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0)
    _require("@" not in parts.netloc and not parts.query and not parts.fragment)
    return visible(text).rstrip("/")


def networks(text: str) -> tuple[Network, ...]:
    """Return networks parted by commas; a lone address is a network of one."""
    return tuple(ip_network(each.strip()) for each in text.split(","))


def whole_number(lowest: int, highest: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from `lowest` to `highest`, both included."""

    def read(text: str) -> int:
        _require(re.fullmatch(r"[0-9]{1,9}", text) is not None)
        _require(lowest <= int(text) <= highest)
        return int(text)

    return read


def duration(text: str) -> timedelta:
    """Return `30s`, `15m`, `12h` or `7d` as a time from one second to ten years."""
    found = re.fullmatch(r"([0-9]{1,9})([dhms])", text)
    length = timedelta(seconds=int(found[1]) * _UNITS[found[2]]) if found else timedelta()
    _require(timedelta() < length <= _LONGEST)
    return length


def duration_in_words(length: timedelta) -> str:
    """Return whole seconds as the shortest text that `duration` reads back."""
    seconds = int(length.total_seconds())
    letter = next(letter for letter, size in _UNITS.items() if seconds % size == 0)
    return f"{seconds // _UNITS[letter]}{letter}"


def duration_or_off(text: str) -> timedelta:
    """Return what `duration` returns, or `FOREVER` for `off`."""
    return FOREVER if text.lower() == "off" else duration(text)


def duration_or_off_in_words(length: timedelta) -> str:
    """Return the text that `duration_or_off` reads back."""
    return "off" if length == FOREVER else duration_in_words(length)


def yes_or_no(text: str) -> bool:
    """Return True for true, yes, on, 1 and False for false, no, off, 0, in any case."""
    _require(text.lower() in _YES | _NO)
    return text.lower() in _YES


def yes_or_no_in_words(is_so: bool) -> str:  # noqa: FBT001 - its only argument
    """Return `true` or `false`."""
    return str(is_so).lower()


def visible(text: str) -> str:
    """Return `text` if it is visible ASCII without spaces, as a header or a URL needs it."""
    _require(text.isascii() and text.isprintable() and " " not in text)
    return text


def networks_in_words(allowed: tuple[Network, ...]) -> str:
    """Return the networks parted by commas."""
    return ",".join(str(network) for network in allowed)


def masked(_: object) -> str:
    """Return the mask, whatever the secret."""
    return MASK


def _require(is_usable: bool) -> None:  # noqa: FBT001 - its only argument
    if not is_usable:
        raise ValueError
