"""What one person said and what is owed to others of it: how both go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Integer, and_, bindparam, delete, func, or_, select

from jackfield.balance import Tally
from jackfield.clock import Moment
from jackfield.deliveries import conversation, conversation_aside
from jackfield.delivery.records import Kind, State
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

_walked = (
    select(deliveries.c.number)
    .where(deliveries.c.number > bindparam("place"))
    .order_by(deliveries.c.number)
    .limit(bindparam("limit", type_=Integer))
    .subquery()
)
_AHEAD = Prepared(select(func.max(_walked.c.number)))

_its_message = and_(
    messages.c.provider == bindparam("provider"),
    messages.c.account_external_id == bindparam("external_id"),
    messages.c.address == bindparam("address"),
)
# What tells among what is to be done where a delivery stands.
_PLACED = (
    deliveries.c.id,
    deliveries.c.state,
    deliveries.c.account_id,
    deliveries.c.person,
    deliveries.c.application_id,
    deliveries.c.url,
    deliveries.c.kind,
)
_DELIVERIES = Prepared(
    select(*_PLACED, messages.c.id)
    .outerjoin(messages, messages.c.id == deliveries.c.message_id)
    .where(
        deliveries.c.number > bindparam("place"),
        deliveries.c.number <= bindparam("upto"),
        # A copy outlives the message it was made of.
        or_(
            _its_message,
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
    .returning(pending.c.subject, pending.c.conversation),
)
_FORGET_DELIVERY = Prepared(
    delete(deliveries)
    .where(deliveries.c.id == bindparam("id"))
    .returning(*_PLACED, deliveries.c.message_id),
)


@dataclass(frozen=True, slots=True)
class _Owed:
    """A delivery as it was at one moment; `message_id` is None where its message is gone."""

    id: str
    state: str
    account_id: int
    person: str
    application_id: str | None
    url: str | None
    kind: str
    message_id: str | None

    @property
    def goes_with_a_message(self) -> bool:
        """Whether it is a message's own. Copies and tests only point at one."""
        return self.kind == Kind.INBOUND and self.message_id is not None

    @property
    def conversations(self) -> tuple[int, ...]:
        """In which conversations it may be pending: its own, or out of order."""
        usual = conversation(self.account_id, self.person, self.url or self.application_id)
        return usual, conversation_aside(self.id)


@unit
def _look_at_deliveries(person: Person, place: str) -> Steps[Found]:
    before = int(place or 0)
    ((upto,),) = yield _AHEAD(place=before, limit=WINDOW)
    if upto is None:
        return Found(None)
    wanted: dict[str, Any] = {"place": before, "upto": upto, "account_id": person.account_id}
    rows = yield _DELIVERIES.many([wanted | each for each in _named(person)])
    found = _owed(rows)
    return Found(
        str(upto),
        found,
        undelivered=_undelivered(found),
        messages=sum(one.goes_with_a_message for one in found),
    )


def _named(person: Person) -> list[dict[str, Any]]:
    return [
        {"provider": person.provider, "external_id": person.external_id, "address": address}
        for address in person.addresses
    ]


def _owed(rows: Iterable[Row]) -> list[_Owed]:
    return list({one.id: one for one in (_Owed(*row) for row in rows)}.values())


def _undelivered(owed: Iterable[_Owed]) -> int:
    return sum(one.state != State.DELIVERED for one in owed)


@unit
def _erase_deliveries(_person: Person, owed: Sequence[_Owed], now: Moment) -> Steps[None]:
    """Forget deliveries, wherever they are by now, and the messages whose own they are.

    A message is never looked for by itself: one that arrives beside the erasure stays whole.
    """
    ids = [{"id": one.id} for one in owed]
    # Before the deliveries, as who ends one takes them: two processes do not wait in a ring.
    ended = yield from _not_to_be_done(owed)
    gone = _owed((yield _FORGET_DELIVERY.many(ids)))
    # Released, moved or put back since they were found. Now that they are gone, nobody else can.
    done_with = {delivery_id for delivery_id, _ in ended}
    ended += yield from _not_to_be_done([one for one in gone if one.id not in done_with])
    # After the deliveries: who records an attempt beside this has recorded it by then.
    yield FORGET_ATTEMPTS.many(ids)
    said = [{"id": one.message_id} for one in gone if one.goes_with_a_message]
    if said:
        yield FORGET_MESSAGE.many(said)
    undelivered = _undelivered(gone)
    if undelivered:
        yield tally(Tally.DISCARDED, undelivered)
    # Somebody else's conversation may have the same number, and wait behind these.
    waiting = sorted({number for _, number in ended})
    if waiting:
        yield CALL_NEXT.many([{"of_conversation": number, "now": now} for number in waiting])


@unit
def _not_to_be_done(owed: Sequence[_Owed]) -> Steps[list[Row]]:
    """Take what is pending from what is to be done; return each one's id and conversation."""
    places = [
        {"of_conversation": each, "delivery_id": one.id}
        for one in owed
        if one.state == State.PENDING
        for each in one.conversations
    ]
    return list((yield _NOT_TO_BE_DONE.many(places))) if places else []


DELIVERIES = Trail(name="deliveries", look=_look_at_deliveries, erase=_erase_deliveries)

TRAILS = (DELIVERIES, KEYS, PIECES, CONTACTS)
"""What is owed and what was said go first, and last under which ids the person is known.

An event that comes again with another content is kept until its key says that it was erased; so
what was kept is looked through after the keys.
"""
