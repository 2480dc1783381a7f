"""Reads which deliveries are meant, and what is to be done with them."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from jackfield.accounts import Provider
from jackfield.api.application_fields import LONGEST_URL
from jackfield.api.bodies import Fields
from jackfield.clock import Moment, read_iso
from jackfield.deliveries import Held, Outcome
from jackfield.delivery.rebinding import Misplaced
from jackfield.delivery.records import Selection, State
from jackfield.egress import check_url
from jackfield.problems import InvalidParameter

LONGEST_ID: Final = 128
LONGEST_TIME: Final = 40
LONGEST_CURSOR: Final = 8_192

NAMED: Final = ("provider", "external_id", "application_id")
"""What says whose deliveries are meant."""

NARROWING: Final = (*NAMED, "state", "reason", "from", "until")
"""What says which deliveries are meant."""

REASONS: Final = (*Held, *(each for each in Outcome if not each.is_final), Outcome.DELIVERED)
"""Every word that a delivery may have as its reason."""

_NO_TIME = "must be a time in ISO 8601, such as 2026-01-02T03:04:05Z"
_LOST_PLUS = "; a `+` in a URL comes as a space: write it as `%2B`, or say `Z` for UTC"
_PLACE_BYTES = 8
_LAST_PLACE = 2**62

Word = TypeVar("Word", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of something long: counted only or done, and where it goes on."""

    is_dry_run: bool
    places: tuple[int, ...] | None


def selection(
    fields: Fields,
    *,
    api_key: str | None,
    application_id: str | None,
    state: State | None = None,
) -> Selection | None:
    """Return which of a caller's deliveries are meant, by default those in `state`.

    A caller that is an application means its own; None when it asked for another's. Without an
    `api_key` every tenant's are meant. Notes every fault.
    """
    provider, external_id = _account(fields)
    asked = fields.text("application_id", longest=LONGEST_ID)
    chosen = Selection(
        api_key=api_key,
        provider=provider,
        external_id=external_id,
        application_id=application_id or asked,
        state=_word(fields, "state", State) or state,
        reason=_reason(fields),
        since=_moment(fields, "from"),
        until=_moment(fields, "until"),
    )
    _check_window(fields, chosen)
    return None if application_id is not None and asked not in {None, application_id} else chosen


def require_narrowing(fields: Fields) -> None:
    """Note where nothing narrows: all that is dead is never meant by mistake."""
    if not _has_any(fields, *NARROWING):
        named = ", ".join(f"`{name}`" for name in NARROWING)
        reason = f'One of these is needed: {named}; `"state": "dead"` means all that is dead'
        fields.add(InvalidParameter("body", reason))


def misplaced(
    fields: Fields, *, api_key: str | None, application_id: str | None
) -> Misplaced | None:
    """Return which of a caller's deliveries are to be rebound; None as `selection` has it.

    Notes every fault, also that nothing is named: all of a tenant's is never meant by mistake.
    """
    provider, external_id = _account(fields)
    asked = fields.text("application_id", longest=LONGEST_ID)
    if not _has_any(fields, *NAMED):
        fields.refuse("application_id", "is needed, or `provider` and `external_id`")
    elif _has_any(fields, "provider") and not _has_any(fields, "external_id"):
        fields.refuse("external_id", "is needed beside `provider`")
    if application_id is not None and asked not in {None, application_id}:
        return None
    account = None if provider is None or external_id is None else (provider, external_id)
    return Misplaced(
        api_key=api_key,
        account=account,
        application_id=application_id or asked,
    )


def step(fields: Fields, *, places: int) -> Step:
    """Return which step of something long is asked for; its cursor holds so many places."""
    is_dry_run = fields.members.get("dry_run", False)
    if not isinstance(is_dry_run, bool):
        fields.refuse("dry_run", "must be true or false")
    return Step(is_dry_run is True, cursor(fields, places=places))


def test_url(fields: Fields, name: str) -> str | None:
    """Return a URL that something could be sent to, or None when there is none."""
    url = fields.text(name, longest=LONGEST_URL)
    fault = None if url is None else check_url(url)
    if fault is not None:
        fields.refuse(name, f"cannot be used: {fault}")
    return url


def opaque(*places: int) -> str:
    """Return an opaque text that stands for places, to be given back as `after`."""
    packed = b"".join(place.to_bytes(_PLACE_BYTES) for place in places)
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def cursor(fields: Fields, *, places: int) -> tuple[int, ...] | None:
    """Return the places that `after` stands for; None when there is none, or it is not ours."""
    given = fields.text("after", longest=LONGEST_CURSOR)
    if given is None:
        return None
    try:
        packed = base64.urlsafe_b64decode(f"{given}{'=' * (-len(given) % 4)}")
    except (binascii.Error, ValueError):
        packed = b""
    starts = range(0, len(packed), _PLACE_BYTES)
    found = tuple(int.from_bytes(packed[at : at + _PLACE_BYTES]) for at in starts)
    fits = len(found) == places and all(each <= _LAST_PLACE for each in found)
    if fits and opaque(*found) == given:
        return found
    fields.refuse("after", "must be taken from a `next`; or begin without it")
    return None


def _account(fields: Fields) -> tuple[Provider | None, str | None]:
    provider = _word(fields, "provider", Provider)
    external_id = fields.text("external_id", longest=LONGEST_ID)
    if external_id is not None and not _has_any(fields, "provider"):
        fields.refuse("provider", "is needed beside `external_id`")
    return provider, external_id


def _has_any(fields: Fields, *names: str) -> bool:
    """Return whether one of these is given: null is as good as left out."""
    return any(fields.members.get(name) is not None for name in names)


def _word(fields: Fields, name: str, words: type[Word]) -> Word | None:
    given = fields.members.get(name)
    found = next((each for each in words if each == given), None)
    if given is not None and found is None:
        fields.refuse(name, f"must be one of: {', '.join(words)}")
    return found


def _reason(fields: Fields) -> str | None:
    given = fields.members.get("reason")
    found = next((each for each in REASONS if each == given), None)
    if given is not None and found is None:
        fields.refuse("reason", f"must be one of: {', '.join(REASONS)}")
    return found


def _check_window(fields: Fields, chosen: Selection) -> None:
    """Note a window that nothing can be in: an empty answer would look as if all were well."""
    if chosen.since is None or chosen.until is None:
        return
    if chosen.since >= chosen.until:
        fields.refuse("from", "must be before `until`")


def _moment(fields: Fields, name: str) -> Moment | None:
    given = fields.text(name, longest=LONGEST_TIME)
    moment = None if given is None else read_iso(given)
    if given is not None and moment is None:
        has_lost_plus = read_iso("+".join(given.rsplit(" ", 1))) is not None
        fields.refuse(name, _NO_TIME + (_LOST_PLUS if has_lost_plus else ""))
    return moment
