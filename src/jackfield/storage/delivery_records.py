"""What is seen of deliveries afterwards: pages of them, and all that is known of one."""

from __future__ import annotations

from sqlalchemy import Integer, and_, bindparam, exists, select

from jackfield.deliveries import conversation, conversation_aside
from jackfield.delivery.records import AttemptLine, DeliveryDetails
from jackfield.storage.delivery_pages import LINE_COLUMNS, count, last, line, newest, oldest
from jackfield.storage.dialects import Prepared
from jackfield.storage.held import IS_TOLD
from jackfield.storage.lanes import URL
from jackfield.storage.tables import (
    accounts,
    applications,
    attempts,
    deliveries,
    destinations,
    messages,
    pending,
    tenants,
)
from jackfield.units import Steps, unit

__all__ = ["count", "find", "last", "newest", "oldest"]

_MOST_ATTEMPTS = 200

_FIND = Prepared(
    select(
        *LINE_COLUMNS,
        deliveries.c.account_id,
        deliveries.c.person,
        deliveries.c.link_version,
        deliveries.c.bound_at,
        deliveries.c.aside_at,
        IS_TOLD,
        exists().where(accounts.c.id == deliveries.c.account_id),
        destinations.c.paused_at,
        destinations.c.paused_because,
        destinations.c.breaker,
    )
    .outerjoin(messages, messages.c.id == deliveries.c.message_id)
    .outerjoin(tenants, tenants.c.api_key == deliveries.c.api_key)
    .outerjoin(applications, applications.c.id == deliveries.c.application_id)
    .outerjoin(
        destinations,
        and_(destinations.c.api_key == deliveries.c.api_key, destinations.c.url == URL),
    )
    .where(deliveries.c.id == bindparam("delivery_id")),
)

# By its conversation, which is what there is an index of; out of order it has one of its own.
_TO_BE_DONE = Prepared(
    select(pending.c.due_at).where(
        pending.c.conversation == bindparam("conversation"),
        pending.c.subject == bindparam("delivery_id"),
    ),
)

_ATTEMPTS = Prepared(
    select(
        attempts.c.tried,
        attempts.c.started_at,
        attempts.c.milliseconds,
        attempts.c.outcome,
        attempts.c.status,
        attempts.c.detail,
    )
    .where(attempts.c.delivery_id == bindparam("delivery_id"))
    .order_by(attempts.c.number.desc())
    .limit(bindparam("limit", type_=Integer)),
)


@unit
def find(delivery_id: str) -> Steps[DeliveryDetails | None]:
    """See `DeliveryRecords.find`."""
    rows = yield _FIND(delivery_id=delivery_id)
    if not rows:
        return None
    row = rows[0]
    there = line(row[: len(LINE_COLUMNS)])
    account_id, person, link_version, bound_at, aside_at, *rest = row[len(LINE_COLUMNS) :]
    is_told, has_account, paused_at, paused_because, breaker = rest
    number = conversation(account_id, person, there.url or there.application_id)
    waiting = yield _TO_BE_DONE.many(
        [
            {"conversation": each, "delivery_id": delivery_id}
            for each in (number, conversation_aside(delivery_id))
        ],
    )
    tried = yield _ATTEMPTS(delivery_id=delivery_id, limit=_MOST_ATTEMPTS)
    return DeliveryDetails(
        line=there,
        person=person,
        is_told=bool(is_told),
        has_account=bool(has_account),
        link_version=link_version,
        bound_at=bound_at,
        aside_at=aside_at,
        due_at=waiting[0][0] if waiting else None,
        is_paused=paused_at is not None,
        paused_because=paused_because,
        is_broken=breaker is not None and breaker != "closed",
        attempts=[AttemptLine(*each) for each in reversed(tried)],
    )
