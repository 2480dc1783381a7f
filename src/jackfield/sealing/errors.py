"""What can be wrong with the keys or with what they sealed; no sentence quotes either.

SealingError
├── UnusableKey    a master key cannot be read, or others may read it
├── NoFittingKey   this database was made under a key that is not at hand
└── Unsealable     one stored value does not open: moved, changed, or under a key not at hand
"""

from __future__ import annotations

from jackfield.sealing.place import Place


class SealingError(Exception):
    """Something is wrong with the keys or with what they sealed; never quotes either."""


class UnusableKey(SealingError):
    """A master key cannot be read, or others may read it; the sentence says what to do."""


class NoFittingKey(SealingError):
    """This database was made under a key that is not at hand."""


class Unsealable(SealingError):
    """The value at `place` does not open. `key_id` names its key, or is empty when unreadable."""

    def __init__(self, reason: str, *, place: Place, key_id: str) -> None:
        named = f" (sealed with key {key_id})" if key_id else ""
        super().__init__(f"{place} does not open{named}: {reason}")
        self.place = place
        self.key_id = key_id
