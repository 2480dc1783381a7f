"""Parts an application from its accounts, and from what was still to be brought to it."""

from __future__ import annotations

from sqlalchemy import bindparam, exists, or_, select, update

from jackfield.deliveries import lane as lane_of
from jackfield.storage.dialects import Prepared
from jackfield.storage.tables import accounts, applications, deliveries, pending, tenants
from jackfield.storage.taking_back import NEWEST, Span, hold_within, is_owed, newest_span
from jackfield.storage.withdrawal_marks import WILL_HOLD, mark_lane
from jackfield.units import Steps, unit

_of_the_application = accounts.c.application_id == bindparam("of_application")

_UNLINK = Prepared(
    update(accounts)
    .where(_of_the_application)
    .values(
        application_id=None,
        link_version=accounts.c.link_version + 1,
        version=accounts.c.version + 1,
    ),
)

_OWNER = Prepared(
    select(applications.c.api_key).where(applications.c.id == bindparam("application_id")),
)

# What arrives for them meanwhile must not go to the tenant's own URL before what is older.
_ARRIVE_BEHIND = Prepared(
    update(accounts)
    .where(
        _of_the_application,
        exists().where(
            pending.c.account_id == accounts.c.id, pending.c.lane == bindparam("of_lane")
        ),
        accounts.c.api_key.in_(
            select(tenants.c.api_key).where(tenants.c.inbound_url.is_not(None)),
        ),
    )
    .values(releasing=1),
)

_RELEASE = Prepared(
    update(accounts)
    .where(
        _of_the_application,
        or_(
            exists().where(deliveries.c.account_id == accounts.c.id, deliveries.c.state == "held"),
            WILL_HOLD,
        ),
    )
    .values(releasing=1),
)


@unit
def unbind(application_id: str) -> Steps[None]:
    """See `Applications.unbind`."""
    yield from _begin(application_id, then_unlink=True)


@unit
def hold(application_id: str) -> Steps[None]:
    """See `Applications.hold`."""
    yield from _begin(application_id, then_unlink=False)


@unit
def _begin(application_id: str, *, then_unlink: bool) -> Steps[None]:
    """Hold the newest of what is owed to an application; where that is not all, leave a mark."""
    ((api_key,),) = yield _OWNER(application_id=application_id)
    lane = lane_of(api_key, application_id)
    span = yield from newest_span(NEWEST)
    if span is not None and span.rest is not None and (yield from is_owed(lane)):
        yield _ARRIVE_BEHIND(of_application=application_id, of_lane=lane)
    if then_unlink:
        yield _UNLINK(of_application=application_id)
    # With what other processes were storing for its accounts until these were changed.
    yield from hold_within(lane, Span(span.low if span else 0, NEWEST, None))
    if span is not None and span.rest is not None and (yield from is_owed(lane)):
        # From the top once more: its tests are ended by whoever comes for the rest.
        yield from mark_lane(lane, api_key, application_id, up_to=span.high)


@unit
def release(application_id: str) -> Steps[None]:
    """See `Applications.release`."""
    yield _RELEASE(of_application=application_id)
