"""What the commands about master keys take and give, as JSON; never a key, only its id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from jackfield.console.orders import Order


class KeySource(StrEnum):
    """Where the master keys come from."""

    FILE = "file"
    ENVIRONMENT = "environment"


class ShowKeys(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`keys.show`."""


class KeyLine(msgspec.Struct, frozen=True, kw_only=True):
    """One key, and how many `values` are sealed under it; `seals` says that new ones are."""

    id: str
    at_hand: bool
    seals: bool
    values: int


class KeysShown(msgspec.Struct, frozen=True, kw_only=True):
    """The keys at hand, newest first, then those that only values name.

    `damaged` counts values that name no key. `file` is where the keys lie, if in a file.
    """

    source: KeySource
    file: str | None
    keys: Sequence[KeyLine]
    damaged: int


class BeginRotation(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`keys.rotate.begin`: makes a new key, or goes on with one that is not the only one."""


class RotationBegun(msgspec.Struct, frozen=True, kw_only=True):
    """What seals from now on, and how many `values` there are to look at."""

    source: KeySource
    newest: str
    old: Sequence[str]
    values: int


class Reseal(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`keys.rotate.reseal`: a few slices from here on, at first from the first `table` on."""

    table: str | None = None
    after: tuple[int | str, ...] = ()


class Resealed(msgspec.Struct, frozen=True, kw_only=True):
    """What a few slices came to; `shut` says of each value that does not open why not.

    `next` goes on from here, None at the end.
    """

    looked_at: int
    resealed: int
    shut: Sequence[str]
    next: Reseal | None


class FinishRotation(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`keys.rotate.finish`: takes the old keys out of the key file, if nothing needs them."""


class RotationFinished(msgspec.Struct, frozen=True, kw_only=True):
    """How many values are still `left` under which other key; "" for those that name none.

    Where none is, the `old` keys are not needed any more; a key file is `without_old` ones now.
    """

    newest: str
    left: Mapping[str, int]
    old: Sequence[str]
    file: str | None
