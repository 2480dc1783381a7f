"""Parts an application from its accounts, and from what was still to be brought to it."""

from __future__ import annotations

from sqlalchemy import bindparam, exists, or_, select, update

from jackfield.deliveries import lane as lane_of
from jackfield.storage.dialects import Prepared
from jackfield.storage.heads import NEWEST
from jackfield.storage.tables import accounts, applications, deliveries
from jackfield.storage.taking_back import hold_within, is_owed, newest_span
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

# What another process is storing for them is stored by then, and seen. In the order of their
# numbers, as a slice changes them.
_LOCK = Prepared(
    select(accounts.c.id)
    .where(_of_the_application)
    .order_by(accounts.c.id)
    .with_for_update(key_share=True),
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
    yield _LOCK(of_application=application_id)
    if then_unlink:
        yield _UNLINK(of_application=application_id)
    span = yield from newest_span(NEWEST)
    if span is None:
        return
    yield from hold_within(lane, span)
    if span.rest is not None and (yield from is_owed(lane)):
        # From the top once more: its tests are ended by whoever comes for the rest.
        yield from mark_lane(lane, api_key, application_id, up_to=span.high)


@unit
def release(application_id: str) -> Steps[None]:
    """See `Applications.release`."""
    yield _LOCK(of_application=application_id)
    yield _RELEASE(of_application=application_id)
