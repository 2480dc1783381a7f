"""What a token may do: the allow-list in its `acl` claim (wire contract 2, ruling R11)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

_DEEPEST: Final = 16
"""Segments of a path that is compared at all; no route of the gateway has half as many."""

Filters: TypeAlias = Mapping[str, object]
"""Members a request must have, by name, with exactly these JSON values."""

_Pattern: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^/\S*\Z")]
_Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


class _Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    methods: list[_Method] | msgspec.UnsetType = msgspec.UNSET
    filters: dict[str, Any] = {}


class _Acl(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    paths: dict[_Pattern, _Rule]


_decoder = msgspec.json.Decoder(_Acl)


@dataclass(frozen=True, slots=True)
class Access:
    """An allow-list: what none of its rules covers is refused, so an empty one refuses all."""

    _rules: Mapping[str, _Rule]

    def filters_for(self, method: str, path: str) -> Sequence[Filters]:
        """Return what each rule that covers `method` on `path` asks for besides; none: refused.

        `path` is as it was sent, still encoded (ruling R31). Empty filters ask for nothing.
        """
        return [
            rule.filters
            for pattern, rule in self._rules.items()
            if (rule.methods is msgspec.UNSET or method in rule.methods) and covers(pattern, path)
        ]


def read_acl(claim: bytes) -> Access:
    """Return what the claim's JSON allows: nothing at all where it is not as published.

    The shape is that of the publisher's own schema: `{"paths": {"/pattern": {"methods": [...],
    "filters": {...}}}}` and no other members. What cannot be understood cannot allow anything.
    """
    acl = _read(claim)
    return Access({} if acl is None else acl.paths)


def is_well_formed(claim: bytes) -> bool:
    """Say whether the claim's JSON is as published."""
    return _read(claim) is not None


def _read(claim: bytes) -> _Acl | None:
    try:
        return _decoder.decode(claim)
    except (ValueError, RecursionError):
        return None


def covers(pattern: str, path: str) -> bool:
    """Say whether `pattern` covers `path`, one segment being what stands between two slashes.

    `*` is exactly one segment, `**` any number of them, none included: so `/*/accounts/**`
    covers the bare collection too. A slash at the end counts for nothing, on either side.
    """
    wanted, given = _segments(pattern), _segments(path)
    if len(given) > _DEEPEST:
        return False
    # Where to go on when a segment does not fit: the last `**` takes one segment more.
    star, resume = -1, 0
    at = read = 0
    while read < len(given):
        if at < len(wanted) and wanted[at] == "**":
            star, resume = at, read
            at += 1
        elif at < len(wanted) and _fits(wanted[at], given[read]):
            at += 1
            read += 1
        elif star >= 0:
            resume += 1
            at, read = star + 1, resume
        else:
            return False
    return all(each == "**" for each in wanted[at:])


def agree(filters: Filters, sources: Iterable[Mapping[str, object]]) -> bool:
    """Say whether each filter's member is in `sources`, and equal wherever it is.

    Wherever: what a handler takes from the body cannot be vouched for by the query. Path and
    query hold texts; the values of a body are compared as the JSON they are.
    """
    held = list(sources)
    for name, wanted in filters.items():
        found = [source[name] for source in held if name in source]
        if not found or not all(_is_same(wanted, each) for each in found):
            return False
    return True


def _segments(path: str) -> list[str]:
    return path.removesuffix("/").split("/")[1:]


def _fits(wanted: str, given: str) -> bool:
    return bool(given) if wanted == "*" else wanted == given


def _is_same(one: object, other: object) -> bool:
    """Compare as JSON: to Python, true equals 1 and 1 equals 1.0."""
    try:
        first = msgspec.json.encode(one, order="sorted")
        return first == msgspec.json.encode(other, order="sorted")
    except RecursionError:
        return False
