"""What the command that looks at the books takes and gives, as JSON."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from jackfield.console.orders import Order


class Audit(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`audit`: with `settle`, what is missing or too much is written off."""

    settle: bool = False


class Audited(msgspec.Struct, frozen=True, kw_only=True):
    """Both sides of the books, and what they differ by; `settled` is what was written off."""

    difference: int
    settled: int
    terms: Mapping[str, int]
