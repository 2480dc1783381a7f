"""Puts deliveries back among what is to be done, and copies of them beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, bindparam, case, exists, func, not_, or_, select, update

from jackfield.balance import Tally
from jackfield.clock import Moment
from jackfield.deliveries import Held, conversation, lane, shard
from jackfield.delivery.copying import Copy, Original, Told
from jackfield.delivery.records import Kind, State
from jackfield.delivery.replaying import PutBack
from jackfield.storage.arrivals import PENDING
from jackfield.storage.dialects import Prepared, by_its_key, insert
from jackfield.storage.held import IS_HEARD, IS_TOLD
from jackfield.storage.tables import accounts, applications, deliveries, messages, tenants
from jackfield.units import Row, Steps, tally, unit

_DONE = (State.DELIVERED, State.DEAD)

_is_done = (
    deliveries.c.id == bindparam("delivery_id"),
    by_its_key(deliveries.c.state) == bindparam("old_state"),
)

_its_target_is_there = or_(
    deliveries.c.url.is_not(None),
    exists().where(
        applications.c.id == deliveries.c.application_id,
        applications.c.inbound_url.is_not(None),
        applications.c.webhook_version.is_not(None),  # it is capable of messages (ruling R18)
    ),
    and_(
        deliveries.c.application_id.is_(None),
        exists().where(
            tenants.c.api_key == deliveries.c.api_key,
            tenants.c.inbound_url.is_not(None),
        ),
    ),
)

_goes_again = and_(deliveries.c.body.is_not(None), _its_target_is_there)
_its_message_is_there = exists().where(messages.c.id == deliveries.c.message_id)
_is_heard_now = and_(
    deliveries.c.kind == Kind.INBOUND.value,
    _its_message_is_there,
    exists().where(accounts.c.id == deliveries.c.account_id, IS_HEARD),
)

# The state is looked at and changed in one statement: of two replays at once, one finds it.
_SEND_AGAIN = Prepared(
    update(deliveries)
    .where(*_is_done, _goes_again)
    .values(state=State.PENDING.value, held_because=None, finished_at=None, aside_at=None)
    .returning(
        deliveries.c.id,
        deliveries.c.api_key,
        deliveries.c.account_id,
        deliveries.c.person,
        deliveries.c.application_id,
        deliveries.c.url,
    ),
)

_HOLD_AGAIN = Prepared(
    update(deliveries)
    .where(*_is_done, _is_heard_now)
    .values(
        state=State.HELD.value,
        held_because=Held.RELEASING.value,
        application_id=None,
        link_version=None,
        body=None,
        bound_at=None,
        finished_at=None,
        aside_at=None,
    )
    .returning(deliveries.c.account_id),
)

_MARK_RELEASING = Prepared(
    update(accounts).where(accounts.c.id == bindparam("account_id")).values(releasing=1),
)

_ORIGINAL = Prepared(
    select(
        deliveries.c.id,
        deliveries.c.message_id,
        deliveries.c.api_key,
        deliveries.c.account_id,
        deliveries.c.person,
        deliveries.c.application_id,
        deliveries.c.body,
        messages.c.provider,
        messages.c.account_external_id,
        messages.c.address,
        messages.c.content,
        IS_TOLD,
    )
    .outerjoin(messages, messages.c.id == deliveries.c.message_id)
    .where(deliveries.c.id == bindparam("delivery_id")),
)

_COPY = Prepared(
    insert(deliveries).values(
        id=bindparam("id"),
        kind=Kind.TEST.value,
        message_id=bindparam("message_id"),
        api_key=bindparam("api_key"),
        account_id=bindparam("account_id"),
        person=bindparam("person"),
        state=State.PENDING.value,
        application_id=bindparam("application_id"),
        url=bindparam("url"),
        body=bindparam("body"),
        accepted_at=bindparam("now"),
        bound_at=bindparam("now"),
    ),
)


_done_with = or_(*(by_its_key(deliveries.c.state) == state.value for state in _DONE))
_has_bytes = or_(deliveries.c.body.is_not(None), and_(IS_TOLD, _its_message_is_there))
FORESEEN = tuple(
    func.coalesce(func.sum(case((which, 1), else_=0)), 0)
    for which in (
        and_(_done_with, _goes_again),
        and_(_done_with, not_(_goes_again), _is_heard_now),
        _has_bytes,
    )
)
"""Of some deliveries: how many `put_back` would send again, and hold again, and `copy` copy."""


@dataclass(frozen=True, slots=True)
class _Owed:
    """What a row of `pending` is made of."""

    delivery_id: str
    api_key: str
    account_id: int
    person: str
    application_id: str | None
    url: str | None


@unit
def put_back(delivery_ids: Sequence[str], *, now: Moment) -> Steps[PutBack]:
    """See `Replays.put_back`."""
    sent = yield from _changed(_SEND_AGAIN, delivery_ids)
    owed = [_Owed(*row) for row in sent]
    if owed:
        # In the order they were asked for, which is that of their conversations.
        there = {one.delivery_id: one for one in owed}
        again = [there[one] for one in delivery_ids if one in there]
        yield PENDING.many([_pending(one, now) for one in again])
    sent_ids = {one.delivery_id for one in owed}
    held = yield from _changed(_HOLD_AGAIN, [one for one in delivery_ids if one not in sent_ids])
    if held:
        waiting = sorted({account_id for (account_id,) in held})
        yield _MARK_RELEASING.many([{"account_id": account_id} for account_id in waiting])
    yield tally(Tally.REPLAYED, len(owed) + len(held))
    return PutBack(len(owed), len(held), frozenset(_lane(one) for one in owed))


@unit
def _changed(change: Prepared, delivery_ids: Sequence[str]) -> Steps[list[Row]]:
    """Change those that are done, and return the rows; what was delivered is accepted anew."""
    changed: list[Row] = []
    for state in _DONE if delivery_ids else ():
        rows = yield change.many(
            [{"delivery_id": one, "old_state": state.value} for one in delivery_ids]
        )
        if state is State.DELIVERED:
            yield tally(Tally.ACCEPTED, len(rows))
        changed += rows
    return changed


@unit
def originals(delivery_ids: Sequence[str]) -> Steps[list[Original]]:
    """See `Copies.originals`."""
    rows = yield _ORIGINAL.many([{"delivery_id": one} for one in delivery_ids])
    return [_original(row) for row in rows]


@unit
def add(copies: Sequence[Copy], *, url: str, now: Moment) -> Steps[None]:
    """See `Copies.add`."""
    if not copies:
        return
    yield _COPY.many(
        [
            {
                "id": copy.id,
                "message_id": copy.original.message_id,
                "api_key": copy.original.api_key,
                "account_id": copy.original.account_id,
                "person": copy.original.person,
                "application_id": copy.original.application_id,
                "url": url,
                "body": copy.body,
                "now": now,
            }
            for copy in copies
        ],
    )
    yield tally(Tally.ACCEPTED, len(copies))
    owed = [_owed(copy, url) for copy in copies]
    yield PENDING.many([_pending(one, now) for one in owed])


def _owed(copy: Copy, url: str) -> _Owed:
    original = copy.original
    return _Owed(
        copy.id,
        original.api_key,
        original.account_id,
        original.person,
        original.application_id,
        url,
    )


def _lane(owed: _Owed) -> int:
    # A test URL has a lane and conversations of its own, so that it holds up nothing real.
    return lane(owed.api_key, owed.url or owed.application_id)


def _pending(owed: _Owed, now: Moment) -> dict[str, object]:
    target = owed.url or owed.application_id
    return {
        "subject": owed.delivery_id,
        "shard": shard(owed.account_id, owed.person),
        "lane": _lane(owed),
        "conversation": conversation(owed.account_id, owed.person, target),
        "account_id": owed.account_id,
        "due_at": now,
        "since": now,
    }


def _original(row: Row) -> Original:
    *columns, provider, external_id, address, content, is_told = row
    is_kept = content is not None and is_told
    told = Told(provider, external_id, address, content) if is_kept else None
    values: list[Any] = [*columns, told]
    return Original(*values)
