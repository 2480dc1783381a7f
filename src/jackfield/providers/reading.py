"""How any provider's JSON is read with care: ids, moments, and reasons when it cannot be."""

from __future__ import annotations

import re
from typing import Final, TypeAlias

import msgspec

from jackfield.clock import Moment

LONGEST_IDENTIFIER: Final = 512

UNREADABLE: Final = (ValueError, RecursionError)
"""What decoding raises: bad JSON, bad UTF-8, another type, `Unreadable`; or nested too deep."""

Id: TypeAlias = str | int | None
"""An id in a payload. Samples have integers too; a float or a bool is refused by the decoder."""

Pieces: TypeAlias = tuple[msgspec.Raw, ...] | None
"""A list whose items are read one by one, so that each can fail alone."""

pieces = msgspec.json.Decoder(tuple[msgspec.Raw, ...])

_SECONDS_END: Final = 10**11
_LAST_MOMENT: Final = 253_402_300_799_999  # the end of the year 9999, the last that dates can say


class Unreadable(ValueError):
    """An item that cannot be read; the sentence says why and quotes nothing of it."""


def identifier(value: Id, name: str) -> str:
    """Return `value` as text that any database keeps; integers become their digits.

    Raises `Unreadable`, with `name` in the sentence, when it is missing, longer than 512
    characters, or has a NUL or U+FFFD (which `repair` leaves where half a character was).
    """
    text = str(value) if isinstance(value, int) else value
    if not text:
        raise Unreadable(f"no {name}")
    if len(text) > LONGEST_IDENTIFIER:
        raise Unreadable(f"{name} is longer than {LONGEST_IDENTIFIER} characters")
    if "\0" in text or "\ufffd" in text:
        raise Unreadable(f"{name} has a character no id has")
    return text


def identifier_or_none(value: Id) -> str | None:
    """Return `value` as `identifier` does, or None where that raises."""
    try:
        return identifier(value, "id")
    except Unreadable:
        return None


def moment(value: Id) -> Moment:
    """Return Unix time, whichever unit it is in: below 10^11 it is seconds, else milliseconds.

    Providers mix both, as integers and as text. Raises `Unreadable` for anything else and for
    years after 9999.
    """
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        value = int(value)
    if not isinstance(value, int):
        raise Unreadable("no timestamp")
    milliseconds = value * 1_000 if value < _SECONDS_END else value
    if not 0 <= milliseconds <= _LAST_MOMENT:
        raise Unreadable("timestamp out of range")
    return Moment(milliseconds)


def check_text(piece: msgspec.Raw) -> None:
    """Raise `UnicodeDecodeError` unless all of `piece` is UTF-8: skipping does not check it."""
    str(memoryview(piece), "utf-8")


def reason(error: Exception) -> str:
    """Return why something could not be read, in words that quote nothing of it."""
    if isinstance(error, RecursionError):
        return "nested too deep"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    return str(error)


_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_DEEPEST: Final = 64
_TOO_DEEP: Final = b'"(nested too deep)"'


def repair(body: bytes) -> bytes:
    """Return `body` with what JSON allows and our decoder does not replaced.

    Half a surrogate pair becomes U+FFFD, and what is nested deeper than 64 levels a string that
    says so. Either would else make a whole batch unreadable for the sake of one item.
    """
    return _without_depths(_without_half_characters(body))


def _without_half_characters(body: bytes) -> bytes:
    def mend(escape: re.Match[bytes]) -> bytes:
        return rb"\ufffd" if escape["half"] else escape[0]

    return _ESCAPE.sub(mend, body)


def _without_depths(body: bytes) -> bytes:
    kept, depth, position = [], 0, 0
    for token in _TOKEN.finditer(body):
        if token[0] in b"[{":
            depth += 1
            if depth == _DEEPEST + 1:
                kept += [body[position : token.start()], _TOO_DEEP]
        elif token[0] in b"]}":
            depth -= 1
            if depth == _DEEPEST:
                position = token.end()
    return b"".join([*kept, body[position:]])


def digits_of(number: str | int | None) -> str | None:
    """Return a phone number as accounts have it; callbacks may write it with blanks and a +."""
    return "".join(one for one in str(number or "") if one.isdigit()) or None
