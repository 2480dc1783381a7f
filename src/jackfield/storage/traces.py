"""What is owed to others of what one person said, and the messages themselves: how both go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, and_, bindparam, delete, func, or_, select

from jackfield.balance import Tally
from jackfield.clock import Moment
from jackfield.deliveries import conversation, conversation_aside
from jackfield.keeping.erasure import Found, Person, Trail
from jackfield.storage.dialects import Prepared
from jackfield.storage.giving_up import CALL_NEXT
from jackfield.storage.kept_traces import KEYS, PIECES
from jackfield.storage.people import CONTACTS
from jackfield.storage.shelves import FORGET_ATTEMPTS, FORGET_MESSAGE
from jackfield.storage.tables import deliveries, messages, pending
from jackfield.units import Row, Steps, tally, unit

WINDOW = 2_000
"""Rows that one slice looks at; few of them are the person's."""

_DELIVERED = "delivered"


def _window(number: Column[int]) -> Prepared:
    """Return where the next rows end."""
    walked = select(number).where(number > bindparam("place")).order_by(number)
    ahead = walked.limit(bindparam("limit", type_=Integer)).subquery()
    return Prepared(select(func.max(ahead.c.number)))


_ITS_MESSAGE = and_(
    messages.c.provider == bindparam("provider"),
    messages.c.account_external_id == bindparam("external_id"),
    messages.c.address == bindparam("address"),
)
_DELIVERIES_AHEAD = _window(deliveries.c.number)
_DELIVERIES = Prepared(
    select(
        deliveries.c.id,
        deliveries.c.state,
        deliveries.c.account_id,
        deliveries.c.person,
        deliveries.c.application_id,
        deliveries.c.url,
    )
    .outerjoin(messages, messages.c.id == deliveries.c.message_id)
    .where(
        deliveries.c.number > bindparam("place"),
        deliveries.c.number <= bindparam("upto"),
        # A copy outlives the message it was made of.
        or_(
            _ITS_MESSAGE,
            and_(
                deliveries.c.account_id == bindparam("account_id", type_=BigInteger),
                deliveries.c.person == bindparam("address"),
            ),
        ),
    ),
)
_NOT_TO_BE_DONE = Prepared(
    delete(pending)
    .where(
        pending.c.conversation == bindparam("of_conversation"),
        pending.c.subject == bindparam("delivery_id"),
    )
    .returning(pending.c.conversation),
)
_FORGET_DELIVERY = Prepared(
    delete(deliveries).where(deliveries.c.id == bindparam("id")).returning(deliveries.c.state),
)


@dataclass(frozen=True, slots=True)
class _Owed:
    """A delivery, and in which conversations it may be pending."""

    id: str
    conversations: tuple[int, ...]


@unit
def _look_at_deliveries(person: Person, place: str) -> Steps[Found]:
    before = int(place or 0)
    ((upto,),) = yield _DELIVERIES_AHEAD(place=before, limit=WINDOW)
    if upto is None:
        return Found(None)
    wanted: dict[str, Any] = {"place": before, "upto": upto, "account_id": person.account_id}
    rows = yield _DELIVERIES.many([wanted | each for each in _named(person)])
    found = {row[0]: row for row in rows}.values()
    undelivered = sum(row[1] != _DELIVERED for row in found)
    return Found(str(upto), [_owed(row) for row in found], undelivered)


def _named(person: Person) -> list[dict[str, Any]]:
    return [
        {"provider": person.provider, "external_id": person.external_id, "address": address}
        for address in person.addresses
    ]


def _owed(row: Row) -> _Owed:
    delivery_id, _, account_id, who, application_id, url = row
    targets = {application_id, url}
    usual = {conversation(account_id, who, target) for target in targets}
    return _Owed(delivery_id, (*sorted(usual), conversation_aside(delivery_id)))


@unit
def _erase_deliveries(_person: Person, owed: Sequence[_Owed], now: Moment) -> Steps[None]:
    ids = [{"id": one.id} for one in owed]
    ended = yield _NOT_TO_BE_DONE.many(
        [
            {"of_conversation": each, "delivery_id": one.id}
            for one in owed
            for each in one.conversations
        ],
    )
    gone = yield _FORGET_DELIVERY.many(ids)
    # Last: a neighbour in the batch may just have recorded one.
    yield FORGET_ATTEMPTS.many(ids)
    undelivered = sum(state != _DELIVERED for (state,) in gone)
    if undelivered:
        yield tally(Tally.DISCARDED, undelivered)
    # Somebody else's conversation may have the same number, and wait behind these.
    waiting = sorted({number for (number,) in ended})
    if waiting:
        yield CALL_NEXT.many([{"of_conversation": number, "now": now} for number in waiting])


_MESSAGES_AHEAD = _window(messages.c.number)
_MESSAGES = Prepared(
    select(messages.c.id).where(
        messages.c.number > bindparam("place"),
        messages.c.number <= bindparam("upto"),
        _ITS_MESSAGE,
    ),
)


@unit
def _look_at_messages(person: Person, place: str) -> Steps[Found]:
    before = int(place or 0)
    ((upto,),) = yield _MESSAGES_AHEAD(place=before, limit=WINDOW)
    if upto is None:
        return Found(None)
    rows = yield _MESSAGES.many(
        [{"place": before, "upto": upto} | each for each in _named(person)],
    )
    return Found(str(upto), [message_id for (message_id,) in rows])


@unit
def _erase_messages(_person: Person, ids: Sequence[str], _now: Moment) -> Steps[None]:
    yield FORGET_MESSAGE.many([{"id": message_id} for message_id in ids])


DELIVERIES = Trail(name="deliveries", look=_look_at_deliveries, erase=_erase_deliveries)
MESSAGES = Trail(name="messages", look=_look_at_messages, erase=_erase_messages)

TRAILS = (DELIVERIES, MESSAGES, PIECES, KEYS, CONTACTS)
"""What is owed goes first, and last what tells under which ids the person is known."""
