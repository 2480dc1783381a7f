"""What waits for somebody, and its way back among what is to be done."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import CTE, Integer, and_, bindparam, exists, not_, or_, select, text, update

from jackfield.accounts import Standing
from jackfield.balance import Tally
from jackfield.clock import Moment
from jackfield.deliveries import Binding, Held, Receiver, conversation, lane, shard
from jackfield.delivery.release import HeldMessage, Release
from jackfield.storage.arrivals import PENDING, RECEIVER_COLUMNS
from jackfield.storage.arrivals import receiver as to_receiver
from jackfield.storage.dialects import Prepared, by_its_key
from jackfield.storage.tables import (
    accounts,
    applications,
    deliveries,
    messages,
    tenants,
    withdrawals,
)
from jackfield.storage.withdrawal_marks import has_lanes
from jackfield.units import Steps, tally, unit

# Nothing of a tenant whose older messages are still being taken back: they go first.
_taking_back = select(withdrawals.c.api_key).where(withdrawals.c.lane.is_not(None))
_RELEASING = Prepared(
    select(accounts.c.id).where(
        accounts.c.releasing == 1, accounts.c.api_key.not_in(_taking_back)
    ),
)

LOCK_ACCOUNT = Prepared(
    select(accounts.c.id)
    .where(accounts.c.id == bindparam("account_id"))
    .with_for_update(key_share=True),
)
"""Waits for what other processes store for an account, or change of it, so that it is seen.

By the next statement only: of what is joined, this one would show what was there before it waited.
"""

_RECEIVER = Prepared(
    select(*RECEIVER_COLUMNS)
    .join(tenants, tenants.c.api_key == accounts.c.api_key)
    .outerjoin(applications, applications.c.id == accounts.c.application_id)
    .where(accounts.c.id == bindparam("account_id")),
)

_OLDEST = Prepared(
    select(
        deliveries.c.id,
        messages.c.id,
        messages.c.provider,
        messages.c.address,
        deliveries.c.person,
        messages.c.content,
    )
    .join(messages, messages.c.id == deliveries.c.message_id)
    .where(deliveries.c.account_id == bindparam("account_id"), deliveries.c.state == "held")
    .order_by(deliveries.c.number)
    .limit(bindparam("limit", type_=Integer)),
)

_RELEASE = Prepared(
    update(deliveries)
    .where(deliveries.c.id == bindparam("delivery_id"), by_its_key(deliveries.c.state) == "held")
    .values(
        state="pending",
        held_because=None,
        application_id=bindparam("new_application_id"),
        link_version=bindparam("new_link_version"),
        body=bindparam("new_body"),
        bound_at=bindparam("now"),
    )
    .returning(deliveries.c.id),
)

# Written out: only so do both engines use the indexes of what is held.
_is_held = text("deliveries.state = 'held'")
_hears = or_(
    exists().where(
        applications.c.id == accounts.c.application_id,
        applications.c.webhook_version.is_not(None),
        applications.c.inbound_url.is_not(None),
    ),
    exists().where(tenants.c.api_key == accounts.c.api_key, tenants.c.inbound_url.is_not(None)),
)
IS_HEARD = and_(
    accounts.c.standing != Standing.CLAIMED,
    exists().where(tenants.c.api_key == accounts.c.api_key, tenants.c.disabled_at.is_(None)),
    _hears,
)
"""Of an account: a message to it is bound to somebody, as `deliveries.bind` decides."""

_its_account = accounts.c.id == deliveries.c.account_id
IS_TOLD = or_(
    deliveries.c.body.is_not(None),
    exists().where(_its_account, accounts.c.standing != Standing.CLAIMED),
    # Of an account that is gone: nothing that is only claimed is called either of these.
    and_(
        or_(
            deliveries.c.held_because == Held.UNLINKED.value,
            deliveries.c.held_because == Held.RELEASING.value,
        ),
        not_(exists().where(_its_account)),
    ),
)
"""Of a delivery: its tenant may know what was said, and who said it.

What was written to an account that is only claimed may be meant for somebody else.
"""

_is_stranded = and_(accounts.c.releasing == 0, IS_HEARD)


def _who_holds() -> CTE:
    """Return what hops from each account that holds something to the next, however much it is."""
    in_order = (deliveries.c.account_id, deliveries.c.number)
    first = select(deliveries.c.account_id).where(_is_held).order_by(*in_order).limit(1)
    hops = select(first.scalar_subquery().label("account_id")).cte("hops", recursive=True)
    following = first.where(deliveries.c.account_id > hops.c.account_id).correlate(hops)
    is_there = hops.c.account_id.is_not(None)
    return hops.union_all(select(following.scalar_subquery()).select_from(hops).where(is_there))


_holding = _who_holds()
_STRANDED = Prepared(
    select(accounts.c.id)
    .select_from(_holding)
    .join(accounts, accounts.c.id == _holding.c.account_id)
    .where(_is_stranded),
)
_RELEASE_STRANDED = Prepared(
    update(accounts)
    .where(accounts.c.id == bindparam("account_id"), _is_stranded)
    .values(releasing=1)
    .returning(accounts.c.id),
)

_OVERDUE = Prepared(
    select(deliveries.c.number)
    .where(_is_held, deliveries.c.accepted_at < bindparam("accepted_before"))
    .order_by(deliveries.c.accepted_at)
    .limit(bindparam("limit", type_=Integer)),
)
_EXPIRE = Prepared(
    update(deliveries)
    .where(deliveries.c.number == bindparam("this"), by_its_key(deliveries.c.state) == "held")
    .values(state="dead", finished_at=bindparam("now"))
    .returning(deliveries.c.number),
)

_FINISH = Prepared(
    update(accounts).where(accounts.c.id == bindparam("account_id")).values(releasing=0),
)


@unit
def releasing() -> Steps[list[int]]:
    """See `HeldMessages.releasing`."""
    rows = yield _RELEASING()
    return [account_id for (account_id,) in rows]


@unit
def receiver(account_id: int) -> Steps[Receiver | None]:
    """See `HeldMessages.receiver`."""
    # What another process is holding behind what is released here is stored, and seen, before;
    # what it reads later is that nothing is released any more.
    yield LOCK_ACCOUNT(account_id=account_id)
    rows = yield _RECEIVER(account_id=account_id)
    return to_receiver(rows[0]) if rows else None


@unit
def must_wait(api_key: str) -> Steps[bool]:
    """See `HeldMessages.must_wait`."""
    return (yield from has_lanes(api_key))


@unit
def oldest(account_id: int, limit: int) -> Steps[list[HeldMessage]]:
    """See `HeldMessages.oldest`."""
    rows = yield _OLDEST(account_id=account_id, limit=limit)
    return [HeldMessage(*row) for row in rows]


@unit
def release(
    releases: Sequence[Release],
    *,
    receiver: Receiver,
    binding: Binding,
    now: Moment,
) -> Steps[None]:
    """See `HeldMessages.release`."""
    account_id, application_id = receiver.account_id, binding.application_id
    rows = yield _RELEASE.many(
        [
            {
                "delivery_id": one.held.delivery_id,
                "new_application_id": application_id,
                "new_link_version": binding.link_version,
                "new_body": one.body,
                "now": now,
            }
            for one in releases
        ],
    )
    still_held = {delivery_id for (delivery_id,) in rows}
    yield PENDING.many(
        [
            {
                "subject": one.held.delivery_id,
                "shard": shard(account_id, one.held.person),
                "lane": lane(receiver.api_key, application_id),
                "conversation": conversation(account_id, one.held.person, application_id),
                "account_id": account_id,
                "due_at": now,
                "since": now,
            }
            for one in releases
            if one.held.delivery_id in still_held
        ],
    )


@unit
def stranded() -> Steps[list[int]]:
    """See `HeldMessages.stranded`."""
    rows = yield _STRANDED()
    return [account_id for (account_id,) in rows]


@unit
def release_stranded(account_ids: Sequence[int]) -> Steps[int]:
    """See `HeldMessages.release_stranded`."""
    rows = yield _RELEASE_STRANDED.many([{"account_id": one} for one in account_ids])
    return len(rows)


@unit
def expire(*, accepted_before: Moment, now: Moment, limit: int) -> Steps[int]:
    """See `HeldMessages.expire`."""
    overdue = yield _OVERDUE(accepted_before=accepted_before, limit=limit)
    if not overdue:
        return 0
    dead = yield _EXPIRE.many([{"this": number, "now": now} for (number,) in overdue])
    yield tally(Tally.DIED, len(dead))
    return len(dead)


@unit
def finish(account_id: int) -> Steps[None]:
    """See `HeldMessages.finish`."""
    yield _FINISH(account_id=account_id)
