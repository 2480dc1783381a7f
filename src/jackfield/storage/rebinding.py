"""Takes back what waits for an application that its account is not linked to any more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    bindparam,
    case,
    delete,
    exists,
    func,
    select,
    update,
)

from jackfield.clock import Moment
from jackfield.deliveries import Held, conversation
from jackfield.delivery.rebinding import Found, Misplaced, Waiting
from jackfield.delivery.records import RANGE, Kind, State
from jackfield.storage.dialects import Prepared
from jackfield.storage.giving_up import CALL_NEXT
from jackfield.storage.held import IS_HEARD, LOCK_ACCOUNT
from jackfield.storage.places import in_account
from jackfield.storage.tables import accounts, applications, deliveries, pending
from jackfield.units import Steps, unit

_number = pending.c.number

# Without a URL an application hears nothing, as `deliveries.bind` has it.
_hearer = (
    select(applications.c.id)
    .where(
        applications.c.id == accounts.c.application_id,
        applications.c.webhook_version.is_not(None),
        applications.c.inbound_url.is_not(None),
    )
    .scalar_subquery()
)

_account = select(accounts.c.id).where(
    accounts.c.provider == bindparam("provider"),
    accounts.c.external_id == bindparam("external_id"),
)
_of_the_account = pending.c.account_id == _account.scalar_subquery()

_MISPLACED = (
    select(_number, deliveries.c.account_id, deliveries.c.person, pending.c.conversation)
    .join(deliveries, deliveries.c.id == pending.c.subject)
    .join(accounts, accounts.c.id == deliveries.c.account_id)
    .where(
        pending.c.kind == "deliver",
        deliveries.c.kind == Kind.INBOUND.value,
        deliveries.c.state == State.PENDING.value,
        deliveries.c.application_id.is_distinct_from(_hearer),
    )
)

# Of an account whose row is locked, so that it is still so when this is done.
_HEARER = Prepared(
    select(accounts.c.id, _hearer).where(accounts.c.id == bindparam("account_id")),
)

_CONDITIONS = {
    "api_key": deliveries.c.api_key == bindparam("api_key"),
    "application_id": deliveries.c.application_id == bindparam("application_id"),
    "account": _of_the_account,
}

_its_delivery = (deliveries.c.id == pending.c.subject, deliveries.c.kind == Kind.INBOUND.value)

_TAKE = Prepared(
    delete(pending)
    .where(
        pending.c.conversation == bindparam("of_conversation"),
        # Another account's conversation may have the same number. Found by its conversation, of
        # which an account has many: the sum keeps the index of accounts out of it.
        pending.c.account_id + 0 == bindparam("of_account_id"),
        pending.c.kind == "deliver",
        exists().where(*_its_delivery, deliveries.c.state == State.PENDING.value),
    )
    .returning(pending.c.subject, pending.c.conversation),
)

_HOLD = Prepared(
    update(deliveries)
    .where(deliveries.c.id == bindparam("delivery_id"), deliveries.c.state == State.PENDING.value)
    .values(
        state=State.HELD.value,
        held_because=case(
            (
                exists().where(accounts.c.id == deliveries.c.account_id, IS_HEARD),
                Held.RELEASING.value,
            ),
            else_=Held.UNLINKED.value,
        ),
        application_id=None,
        link_version=None,
        body=None,
        bound_at=None,
        aside_at=None,
    ),
)

# Whoever has nobody to go to waits for the next link, which marks the account itself.
_RELEASE = Prepared(
    update(accounts).where(accounts.c.id == bindparam("account_id"), IS_HEARD).values(releasing=1),
)


@unit
def misplaced(which: Misplaced, *, after: int, limit: int) -> Steps[Found]:
    """See `Rebinds.misplaced`."""
    names, values = _narrowing(which)
    span = _span(has_account="account" in names)
    ((last, found),) = yield span(**values, after=after, range=RANGE)
    if not found:
        return Found([], None)
    rows = yield _misplaced(names)(**values, after=after, last=last, limit=limit)
    waiting = [Waiting(*row) for row in rows]
    if len(waiting) == limit:
        return Found(waiting, waiting[-1].number)
    return Found(waiting, last if found == RANGE else None)


@unit
def take_back(waiting: Sequence[Waiting], *, now: Moment) -> Steps[int]:
    """See `Rebinds.take_back`."""
    hearers = yield from _locked({each.account_id for each in waiting})
    taken = yield _TAKE.many(_distinct((each.account_id, each.conversation) for each in waiting))
    # What is newer and waits for whoever hears the account now must not go before these.
    newer = yield _TAKE.many(
        _distinct(
            (
                each.account_id,
                conversation(each.account_id, each.person, hearers[each.account_id]),
            )
            for each in waiting
            if each.account_id in hearers
        ),
    )
    rows = [*taken, *newer]
    if rows:
        yield _HOLD.many([{"delivery_id": subject} for subject, _ in rows])
        # What else has the number of such a conversation may wait behind what was taken.
        ended = sorted({number for _, number in rows})
        yield CALL_NEXT.many([{"of_conversation": number, "now": now} for number in ended])
    released = sorted({each.account_id for each in waiting})
    yield _RELEASE.many([{"account_id": account_id} for account_id in released])
    return len(taken)


@unit
def _locked(account_ids: Iterable[int]) -> Steps[dict[int, str | None]]:
    """Lock accounts, in the order of their ids, and return who hears each that is there.

    What another process is storing for them is stored by then, and seen.
    """
    named = [{"account_id": account_id} for account_id in sorted(account_ids)]
    yield LOCK_ACCOUNT.many(named)
    rows = yield _HEARER.many(named)
    return {row[0]: row[1] for row in rows}


def _distinct(conversations: Iterable[tuple[int, int]]) -> list[dict[str, object]]:
    return [
        {"of_account_id": account_id, "of_conversation": number}
        for account_id, number in dict.fromkeys(conversations)
    ]


def _narrowing(which: Misplaced) -> tuple[frozenset[str], dict[str, object]]:
    """Return by which of `_CONDITIONS` it narrows, and the values they need."""
    named = {
        "api_key": which.api_key,
        "application_id": which.application_id,
        "account": which.account,
    }
    values: dict[str, object] = {n: value for n, value in named.items() if value is not None}
    names = frozenset(values)
    if which.account is not None:
        del values["account"]
        values["provider"], values["external_id"] = which.account
    return names, values


@cache
def _span(*, has_account: bool) -> Prepared:
    place = _place(has_account=has_account)
    walk = select(_number).where(place > bindparam("after"))
    if has_account:
        walk = walk.where(_of_the_account)
    walked = walk.order_by(place).limit(bindparam("range", type_=Integer)).subquery()
    found: list[Any] = [func.max(walked.c.number), func.count()]
    return Prepared(select(*found).select_from(walked))


@cache
def _misplaced(names: frozenset[str]) -> Prepared:
    place = _place(has_account="account" in names)
    return Prepared(
        _MISPLACED.where(
            place > bindparam("after"),
            place <= bindparam("last"),
            *(_CONDITIONS[name] for name in sorted(names)),
        )
        .order_by(place)
        .limit(bindparam("limit", type_=Integer)),
    )


def _place(*, has_account: bool) -> ColumnElement[int]:
    """Return the number, for an account as only its index has it.

    PostgreSQL would rather read all that waits in the order of the primary key.
    """
    return in_account(pending) if has_account else _number
