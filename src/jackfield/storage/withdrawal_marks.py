"""Marks of what is not taken back as a whole yet: a lane, or what waits for a deleted account."""

from __future__ import annotations

from sqlalchemy import Column, bindparam, delete, exists, or_, select, update

from jackfield.delivery.withdrawing import Withdrawal
from jackfield.storage.dialects import Prepared, insert
from jackfield.storage.tables import accounts, pending, tenants, withdrawals
from jackfield.units import Steps, unit

_VALUES = ("api_key", "lane", "application_id", "account_id", "up_to")


def _mark(what: Column[int]) -> Prepared:
    marking = insert(withdrawals).values({name: bindparam(name) for name in _VALUES})
    return Prepared(
        marking.on_conflict_do_update(
            index_elements=[what], set_={"up_to": marking.excluded.up_to}
        )
    )


# Marked once more, it begins once more: something may have been added meanwhile.
_MARK_LANE = _mark(withdrawals.c.lane)
_MARK_ACCOUNT = _mark(withdrawals.c.account_id)

_IS_MARKED = Prepared(
    select(withdrawals.c.number).where(withdrawals.c.lane == bindparam("of_lane")),
)

_HAS_LANES = Prepared(
    select(withdrawals.c.number)
    .where(withdrawals.c.api_key == bindparam("api_key"), withdrawals.c.lane.is_not(None))
    .limit(1),
)

# The marks first, as there are hardly ever any, and what waits for an account may be much.
WILL_HOLD = exists().where(
    withdrawals.c.api_key == accounts.c.api_key,
    exists()
    .where(pending.c.account_id == accounts.c.id, pending.c.lane == withdrawals.c.lane)
    .correlate(accounts, withdrawals),
)
"""Of an account: something that waits for it is still to be held."""

_its_tenants_url = select(tenants.c.inbound_url).where(tenants.c.api_key == accounts.c.api_key)
HAS_SOMEWHERE_TO_GO = or_(
    accounts.c.application_id.is_not(None),
    _its_tenants_url.correlate(accounts).scalar_subquery().is_not(None),
)
"""Of an account: what is held for it may be released, if its application has a URL."""

_ARRIVE_BEHIND = Prepared(
    update(accounts)
    .where(accounts.c.api_key == bindparam("owner"), WILL_HOLD, HAS_SOMEWHERE_TO_GO)
    .values(releasing=1),
)

_BEGUN = Prepared(
    select(withdrawals.c.number, *(withdrawals.c[name] for name in _VALUES)).order_by(
        withdrawals.c.number
    ),
)

_END = Prepared(
    delete(withdrawals).where(
        withdrawals.c.number == bindparam("this"), withdrawals.c.up_to == bindparam("up_to")
    ),
)


@unit
def mark_lane(lane: int, api_key: str, application_id: str | None, *, up_to: int) -> Steps[None]:
    """Note that what is owed in a lane is to be held, of what is numbered up to `up_to`.

    What arrives meanwhile, for an account of which something is there, is held behind it.
    """
    yield _MARK_LANE(
        api_key=api_key, lane=lane, application_id=application_id, account_id=None, up_to=up_to
    )
    yield _ARRIVE_BEHIND(owner=api_key)


@unit
def mark_account(account_id: int, api_key: str, *, up_to: int) -> Steps[None]:
    """Note that what waits for an account is to be dead, of what is numbered up to `up_to`."""
    yield _MARK_ACCOUNT(
        api_key=api_key, lane=None, application_id=None, account_id=account_id, up_to=up_to
    )


@unit
def is_marked(lane: int) -> Steps[bool]:
    """Return whether a lane has a mark."""
    rows = yield _IS_MARKED(of_lane=lane)
    return bool(rows)


@unit
def has_lanes(api_key: str) -> Steps[bool]:
    """Return whether any lane of a tenant has a mark."""
    rows = yield _HAS_LANES(api_key=api_key)
    return bool(rows)


@unit
def begun() -> Steps[list[Withdrawal]]:
    """See `Withdrawals.begun`."""
    rows = yield _BEGUN()
    return [Withdrawal(*row) for row in rows]


@unit
def end(withdrawal: Withdrawal) -> Steps[None]:
    """Remove a mark, unless it was made anew."""
    yield _END(this=withdrawal.number, up_to=withdrawal.up_to)
