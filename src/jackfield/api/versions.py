"""The version of a resource as clients see it: shown as an ETag, asked for with If-Match (R23)."""

from __future__ import annotations

import re
from collections.abc import Collection

from jackfield.api.http import Header, Request

# What an ETag of ours looks like inside a list; a weak one never matches strongly (RFC 9110).
_ETAG = re.compile(r'(?:^|,)[ \t]*"([1-9][0-9]{0,17})"[ \t]*(?=,|$)')


def etag(version: int) -> Header:
    """Return the header that shows a version, as a strong ETag."""
    return b"etag", b'"%d"' % version


def versions_asked_for(request: Request) -> Collection[int] | None:
    """Return the versions that `If-Match` names, or None when any will do.

    What is no strong ETag of ours matches no version.
    """
    lines = request.headers("if-match")
    sent = ",".join(lines)
    if not lines or sent.strip() == "*":
        return None
    return {int(number) for number in _ETAG.findall(sent)}
