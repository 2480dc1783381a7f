"""Takes back what is marked, slice by slice."""

from __future__ import annotations

from jackfield.clock import Moment
from jackfield.delivery.withdrawing import Withdrawal
from jackfield.storage.giving_up import end_some
from jackfield.storage.taking_back import take_newest
from jackfield.storage.withdrawal_marks import begun, end
from jackfield.units import Steps, unit

__all__ = ["begun", "take_slice"]


@unit
def take_slice(withdrawal: Withdrawal, *, up_to: int, now: Moment) -> Steps[int | None]:
    """See `Withdrawals.take_slice`."""
    if withdrawal.account_id is not None:
        is_all = yield from end_some(withdrawal.account_id, up_to=up_to, now=now)
        rest = None if is_all else up_to
    else:
        rest = yield from take_newest(withdrawal, up_to=up_to, now=now)
    if rest is None:
        yield from end(withdrawal)
    return rest
