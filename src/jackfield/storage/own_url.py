"""What a tenant's own URL lets out of hold when it comes, and leaves to be held when it goes."""

from __future__ import annotations

from sqlalchemy import bindparam, or_, select, text, update

from jackfield.deliveries import lane as lane_of
from jackfield.storage.dialects import Prepared
from jackfield.storage.heads import NEWEST
from jackfield.storage.tables import accounts, deliveries
from jackfield.storage.taking_back import hold_within, is_owed, newest_span
from jackfield.storage.withdrawal_marks import WILL_HOLD, mark_lane
from jackfield.units import Steps, unit

# The state is written out: only so do both engines use the index of what is held.
_holds = (
    select(deliveries.c.number)
    .where(deliveries.c.account_id == accounts.c.id, text("deliveries.state = 'held'"))
    .exists()
)
_RELEASE_HELD = Prepared(
    update(accounts)
    .where(accounts.c.api_key == bindparam("of"), or_(_holds, WILL_HOLD))
    .values(releasing=1)
    .returning(accounts.c.id),
)

# What another process is releasing to the URL, or holding again, is bound or held by then, and
# seen; nobody links one of them before what is held here can be seen. In the order of their
# numbers, as a slice changes them.
_LOCK = Prepared(
    select(accounts.c.id)
    .where(accounts.c.api_key == bindparam("of"))
    .order_by(accounts.c.id)
    .with_for_update(key_share=True),
)


@unit
def release_held(api_key: str) -> Steps[int]:
    """See `Tenants.release_held`."""
    yield _LOCK(of=api_key)
    rows = yield _RELEASE_HELD(of=api_key)
    return len(rows)


@unit
def hold(api_key: str) -> Steps[None]:
    """See `Tenants.hold`."""
    yield _LOCK(of=api_key)
    span = yield from newest_span(NEWEST)
    if span is None:
        return
    lane = lane_of(api_key, None)
    yield from hold_within(lane, span)
    if span.rest is not None and (yield from is_owed(lane)):
        yield from mark_lane(lane, api_key, None, up_to=span.rest)
