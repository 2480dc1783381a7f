"""Parts an application from its accounts, and from what was still to be brought to it."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, exists, or_, select, update

from jackfield.clock import Moment
from jackfield.deliveries import Held
from jackfield.deliveries import lane as lane_of
from jackfield.storage.dialects import Prepared
from jackfield.storage.tables import accounts, applications, deliveries, pending, tenants
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

_in_the_lane = (pending.c.lane == bindparam("of_lane"), pending.c.kind == "deliver")

_HOLD = Prepared(
    update(deliveries)
    .where(
        deliveries.c.id.in_(select(pending.c.subject).where(*_in_the_lane)),
        deliveries.c.state == "pending",
        deliveries.c.kind == "inbound",
    )
    .values(
        state="held",
        held_because=Held.UNLINKED.value,
        application_id=None,
        link_version=None,
        body=None,
        bound_at=None,
        aside_at=None,
    )
    .returning(deliveries.c.account_id),
)

# Nothing that is held has anything to be done, but for what this transaction has just held.
_TAKE_BACK = Prepared(
    delete(pending).where(
        *_in_the_lane,
        exists(
            select(deliveries.c.id).where(
                deliveries.c.id == pending.c.subject,
                deliveries.c.state == "held",
            ),
        ),
    ),
)

# Nobody else would want it.
_TESTS_ARE_DEAD = Prepared(
    update(deliveries)
    .where(
        deliveries.c.id.in_(select(pending.c.subject).where(*_in_the_lane)),
        deliveries.c.state == "pending",
        deliveries.c.kind == "test",
    )
    .values(state="dead", finished_at=bindparam("now"))
    .returning(deliveries.c.id),
)

_END = Prepared(
    delete(pending).where(*_in_the_lane, pending.c.subject == bindparam("delivery_id")),
)

# Whoever has nobody else to go to waits for the next link, which marks the account itself.
_RELEASE_ELSEWHERE = Prepared(
    update(accounts)
    .where(
        accounts.c.id == bindparam("account_id"),
        or_(
            accounts.c.application_id.is_not(None),
            accounts.c.api_key.in_(
                select(tenants.c.api_key).where(tenants.c.inbound_url.is_not(None)),
            ),
        ),
    )
    .values(releasing=1),
)

_RELEASE = Prepared(
    update(accounts)
    .where(
        _of_the_application,
        exists(
            select(deliveries.c.id).where(
                deliveries.c.account_id == accounts.c.id,
                deliveries.c.state == "held",
            ),
        ),
    )
    .values(releasing=1),
)


@unit
def unbind(application_id: str) -> Steps[None]:
    """See `Applications.unbind`."""
    yield _UNLINK(of_application=application_id)
    yield from hold(application_id)


@unit
def hold(application_id: str) -> Steps[None]:
    """See `Applications.hold`."""
    ((api_key,),) = yield _OWNER(application_id=application_id)
    yield from _hold(lane_of(api_key, application_id))


@unit
def take_back(lane: int, *, now: Moment) -> Steps[None]:
    """See `Deliveries.take_back`."""
    yield from _hold(lane)
    rows = yield _TESTS_ARE_DEAD(of_lane=lane, now=now)
    if rows:
        yield _END.many([{"of_lane": lane, "delivery_id": each} for (each,) in rows])


@unit
def _hold(lane: int) -> Steps[None]:
    rows = yield _HOLD(of_lane=lane)
    if rows:
        yield _TAKE_BACK(of_lane=lane)
        waiting = sorted({account_id for (account_id,) in rows})
        yield _RELEASE_ELSEWHERE.many([{"account_id": account_id} for account_id in waiting])


@unit
def release(application_id: str) -> Steps[None]:
    """See `Applications.release`."""
    yield _RELEASE(of_application=application_id)
