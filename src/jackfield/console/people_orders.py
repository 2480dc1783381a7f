"""What the command that erases a person's data takes and gives, as JSON."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from jackfield.accounts import Provider
from jackfield.console.orders import Order


class ErasePerson(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`people.erase`: of one person at one account, or only count with `rehearse`.

    It works for a moment and tells its `place`, from which it is asked to go on.
    """

    provider: Provider
    external_id: str
    person: str
    rehearse: bool = False
    place: str = ""


class PersonErased(msgspec.Struct, frozen=True, kw_only=True):
    """What was erased since the place before; `place` is None when nothing is left to look at.

    `undelivered` of the deliveries were still owed or given up. `elsewhere` are kept pieces that
    name the person and may hold what others said, so that somebody must look at them.
    """

    deliveries: int
    undelivered: int
    messages: int
    pieces: int
    elsewhere: Sequence[int]
    place: str | None
