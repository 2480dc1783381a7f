"""What a URL must look like to be used at all, before any network is asked."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from yarl import URL

URL_LIMIT = 2048

_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
_NAME = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*(?!\d+$|0x[0-9a-f]*$)"
                   r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.?")  # fmt: skip


def check_url(url: str) -> str | None:
    """Return why `url` can never be used, in words for whoever typed it, or None if it may be.

    Only the text is looked at. Which networks may be reached is decided when connecting.
    """
    target = parse(url)
    return target if isinstance(target, str) else None


@lru_cache(maxsize=4096)
def parse(url: str) -> URL | str:
    """Return `url` as the client takes it, or why it can never be used.

    The reason never repeats the URL: there may be a token in it.
    """
    if len(url) > URL_LIMIT:
        return f"The URL is longer than {URL_LIMIT} characters."
    if _UNSAFE.search(url):
        return "The URL contains a space, a backslash or a control character."
    try:
        target = URL(url)
        port = target.port
    except ValueError:
        return "The URL cannot be read."
    if target.scheme not in {"http", "https"}:
        return "The URL must begin with http:// or https://."
    return _fault(target, port) or target


def _fault(target: URL, port: int | None) -> str | None:
    if target.raw_user is not None or target.raw_password is not None:
        return "The URL must not contain a user name or a password."
    if not target.raw_host:
        return "The URL has no host."
    if not port:
        return "The URL's port must be between 1 and 65535."
    if not _is_host(target.raw_host):
        return "The URL's host is neither a name nor an address in its usual form."
    return None


def _is_host(host: str) -> bool:
    """Tell whether `host` is a name, or an address spelt so that everybody reads it alike."""
    try:
        if ":" in host:
            return "%" not in host and bool(IPv6Address(host))
        if host.replace(".", "").isdigit():
            return bool(IPv4Address(host))
    except AddressValueError:
        return False
    return _NAME.fullmatch(host) is not None
