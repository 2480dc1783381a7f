"""Reads the JSON body of a request, and collects every fault in it before it is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Final

import msgspec

from jackfield.api.http import Request
from jackfield.problems import Invalid, InvalidParameter

DEEPEST: Final = 32
"""Levels of what is kept as given: it is nested again whenever it is shown."""

MOST_UNKNOWN: Final = 100
"""Names that one answer tells as unknown: a body may have a hundred thousand."""

_decoder = msgspec.json.Decoder()


async def json_fields(request: Request) -> Fields:
    """Return the members of the body; of a repeated member the last counts, none of an empty body.

    Raises `Invalid` for what is no JSON object, holds half a surrogate pair, or is nested
    deeper than can be read; and what reading a body raises.
    """
    body = await request.body()
    if not body:
        return Fields({})
    try:
        value = _decoder.decode(body)
    except (ValueError, RecursionError):
        # The decoder's own words quote what it was given.
        raise Invalid(InvalidParameter("body", "The body is not JSON")) from None
    if not isinstance(value, dict):
        raise Invalid(InvalidParameter("body", "The body must be a JSON object"))
    return Fields(value)


async def order_fields(request: Request, *known: str) -> Fields:
    """Return the members of the body as `json_fields` does, after noting each that is not `known`.

    So is all of a query. Below /v1 nothing is passed over: a `dry_run` that is misspelt, or that
    stands in the query, would really send.
    """
    fields = await json_fields(request)
    for name in islice(request.query, MOST_UNKNOWN):
        fields.refuse(name, "is not known in the query: an order is given in the body")
    fields.refuse_unknown(*known)
    return fields


class Fields:
    """The members of one JSON object or query, and the faults found so far around them."""

    def __init__(
        self,
        members: Mapping[str, object],
        *,
        prefix: str = "",
        faults: list[InvalidParameter] | None = None,
    ) -> None:
        self.members = members
        self._prefix = prefix
        self._faults = [] if faults is None else faults

    def text(self, name: str, *, longest: int, shortest: int = 1) -> str | None:
        """Return a text that a database keeps; None when there is none, or it has a fault."""
        value = self.members.get(name)
        return None if value is None else self._text(name, value, shortest, longest)

    def required_text(self, name: str, *, longest: int) -> str:
        """Return a text as `text` does; an empty one after noting why there is none."""
        if self.members.get(name) is None:
            self.add(
                InvalidParameter(self._prefix + name, f"Missing `{self._prefix}{name}` field")
            )
        return self.text(name, longest=longest) or ""

    def nested(self, name: str) -> Fields | None:
        """Return the members of an object in this one; None when there is none."""
        value = self.members.get(name)
        if value is not None and not isinstance(value, dict):
            self.refuse(name, "must be an object")
        if not isinstance(value, dict):
            return None
        return Fields(value, prefix=f"{self._prefix}{name}.", faults=self._faults)

    def texts(self, name: str, *, most: int, longest: int) -> list[str]:
        """Return the texts of an array of at most `most`, without those that have a fault."""
        value = self.members.get(name, [])
        if not isinstance(value, list):
            self.refuse(name, "must be an array")
            return []
        if len(value) > most:
            self.refuse(name, f"must have at most {most} {'entry' if most == 1 else 'entries'}")
            return []
        texts = [self._text(name, each, 1, longest) for each in value]
        return [text for text in texts if text is not None]

    def number(self, name: str, *, default: int, largest: int) -> int:
        """Return the whole number from 1 in a query's text; `default` when there is none."""
        value = self.members.get(name)
        if value is None:
            return default
        digits = value if isinstance(value, str) and value.isascii() and value.isdigit() else ""
        if len(digits) <= len(str(largest)) and 1 <= int(digits or "0") <= largest:
            return int(digits)
        self.refuse(name, f"must be a whole number from 1 to {largest}")
        return default

    def refuse_unknown(self, *known: str) -> None:
        """Note each member that is not one of `known`, `MOST_UNKNOWN` at most."""
        told = f"known are: {', '.join(known)}" if known else "nothing is"
        unknown = (name for name in self.members if name not in known)
        for name in islice(unknown, MOST_UNKNOWN):
            self.refuse(name, f"is not known here; {told}")

    def refuse(self, name: str, reason: str) -> None:
        """Note why the member `name` cannot be used."""
        self.add(InvalidParameter(self._prefix + name, f"`{self._prefix}{name}` {reason}"))

    def add(self, *faults: InvalidParameter) -> None:
        """Note what somebody else found."""
        self._faults.extend(faults)

    def close(self) -> None:
        """Raise `Invalid` with every fault noted anywhere in the body, if any."""
        if self._faults:
            raise Invalid(*self._faults)

    def _text(self, name: str, value: object, shortest: int, longest: int) -> str | None:
        if not isinstance(value, str):
            self.refuse(name, "must be a string")
        elif not shortest <= len(value) <= longest:
            self.refuse(name, f"must have {shortest} to {longest} characters")
        elif "\0" in value:
            self.refuse(name, "must not contain NUL")
        else:
            return value
        return None


def unkeepable(value: object) -> str | None:
    """Return why `value` cannot be kept as given, or None: a NUL in it, or nested too deep."""
    level = [value]
    for _ in range(DEEPEST):
        if any(isinstance(each, str) and "\0" in each for each in level):
            return "must not contain NUL"
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return None
    return f"must not be nested deeper than {DEEPEST} levels"


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return (*value, *value.values())
    return value if isinstance(value, list) else ()
