"""The tables whose rows go when they are old enough, each with its way to be walked over.

Deliveries, attempts and kept pieces are numbered in order of time, so a walk over them ends where
they are too young. Keys are in order of their names, and a walk looks at all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    and_,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
)

from jackfield.balance import Tally
from jackfield.inbound import Kept
from jackfield.keeping.retention import HOURLY, Cutoffs, Look, Shelf
from jackfield.storage.dialects import Prepared
from jackfield.storage.known_keys import KEYS
from jackfield.storage.tables import attempts, deliveries, inbound_bodies, messages
from jackfield.storage.unused_urls import URLS
from jackfield.units import Statement, Steps, tally, unit

_DEAD = "dead"
_INBOUND = "inbound"


def _look(number: Column[int], moment: Column[int], is_ripe: ColumnElement[bool]) -> Prepared:
    """Return where the next rows end, since when the first is there, and how many may go."""
    walked = (
        select(number.label("place"), moment.label("moment"), case((is_ripe, 1)).label("ripe"))
        .where(number > bindparam("place"))
        .order_by(number)
        .limit(bindparam("limit", type_=Integer))
        .subquery()
    )
    ends: list[Any] = [func.max(walked.c.place), func.min(walked.c.moment)]
    return Prepared(select(*ends, func.count(walked.c.ripe)))


def _between(number: Column[int]) -> ColumnElement[bool]:
    return and_(number > bindparam("place"), number <= bindparam("upto"))


@unit
def _seen(look: Statement, *, youngest: int) -> Steps[Look[int]]:
    ((upto, oldest, ripe),) = yield look
    # What stands behind these is as young as they are, or younger.
    is_over = upto is None or (not ripe and oldest >= youngest)
    return Look(None if is_over else upto, ripe)


# Deliveries, each with its attempts and its message -----------------------------------------

_ended_long_ago = or_(
    and_(deliveries.c.state == "delivered", deliveries.c.accepted_at < bindparam("messages")),
    and_(deliveries.c.state == _DEAD, deliveries.c.finished_at < bindparam("dead")),
)
_LOOK_AT_DELIVERIES = _look(deliveries.c.number, deliveries.c.accepted_at, _ended_long_ago)
_CLEAR_DELIVERIES = Prepared(
    delete(deliveries)
    .where(_between(deliveries.c.number), _ended_long_ago)
    .returning(
        deliveries.c.id,
        deliveries.c.kind,
        deliveries.c.message_id,
        deliveries.c.state,
    ),
)
FORGET_ATTEMPTS = Prepared(delete(attempts).where(attempts.c.delivery_id == bindparam("id")))
FORGET_MESSAGE = Prepared(delete(messages).where(messages.c.id == bindparam("id")))


@unit
def _look_at_deliveries(place: int, cutoffs: Cutoffs, limit: int) -> Steps[Look[int]]:
    before = {"messages": cutoffs.messages, "dead": cutoffs.dead}
    look = _LOOK_AT_DELIVERIES(place=place, limit=limit, **before)
    return (yield from _seen(look, youngest=max(before.values())))


@unit
def _clear_deliveries(place: int, upto: int, cutoffs: Cutoffs) -> Steps[int]:
    gone = yield _CLEAR_DELIVERIES(
        place=place, upto=upto, messages=cutoffs.messages, dead=cutoffs.dead
    )
    if gone:
        yield FORGET_ATTEMPTS.many([{"id": delivery_id} for delivery_id, *_ in gone])
    # A message has one delivery of its own. Copies and tests only point at it.
    told = [{"id": message_id} for _, kind, message_id, _ in gone if kind == _INBOUND]
    if told:
        yield FORGET_MESSAGE.many(told)
    dead = sum(state == _DEAD for *_, state in gone)
    if dead:
        yield tally(Tally.DISCARDED, dead)
    return len(gone)


# Attempts of what was delivered: those of what is not say why, and go with it ----------------

# Each one's state is asked for: for NOT EXISTS, PostgreSQL would list all deliveries first.
_its_state = select(deliveries.c.state).where(deliveries.c.id == attempts.c.delivery_id)
_of_what_was_delivered = and_(
    attempts.c.started_at < bindparam("attempts"),
    func.coalesce(_its_state.scalar_subquery(), "delivered") == "delivered",
)
_LOOK_AT_ATTEMPTS = _look(attempts.c.number, attempts.c.started_at, _of_what_was_delivered)
_CLEAR_ATTEMPTS = Prepared(
    delete(attempts)
    .where(_between(attempts.c.number), _of_what_was_delivered)
    .returning(attempts.c.number),
)


@unit
def _look_at_attempts(place: int, cutoffs: Cutoffs, limit: int) -> Steps[Look[int]]:
    look = _LOOK_AT_ATTEMPTS(place=place, limit=limit, attempts=cutoffs.attempts)
    return (yield from _seen(look, youngest=cutoffs.attempts))


@unit
def _clear_attempts(place: int, upto: int, cutoffs: Cutoffs) -> Steps[int]:
    gone = yield _CLEAR_ATTEMPTS(place=place, upto=upto, attempts=cutoffs.attempts)
    return len(gone)


# Kept pieces, but for what could not be read: that waits for somebody who can ----------------

_nobody_came = and_(
    or_(
        inbound_bodies.c.kind == Kept.UNKNOWN.value,
        inbound_bodies.c.kind == Kept.DIFFERS.value,
    ),
    inbound_bodies.c.received_at < bindparam("dead"),
)
_LOOK_AT_PIECES = _look(inbound_bodies.c.id, inbound_bodies.c.received_at, _nobody_came)
_CLEAR_PIECES = Prepared(
    delete(inbound_bodies)
    .where(_between(inbound_bodies.c.id), _nobody_came)
    .returning(inbound_bodies.c.id),
)


@unit
def _look_at_pieces(place: int, cutoffs: Cutoffs, limit: int) -> Steps[Look[int]]:
    look = _LOOK_AT_PIECES(place=place, limit=limit, dead=cutoffs.dead)
    return (yield from _seen(look, youngest=cutoffs.dead))


@unit
def _clear_pieces(place: int, upto: int, cutoffs: Cutoffs) -> Steps[int]:
    gone = yield _CLEAR_PIECES(place=place, upto=upto, dead=cutoffs.dead)
    if gone:
        yield tally(Tally.DISCARDED, len(gone))
    return len(gone)


DELIVERIES = Shelf(
    name="deliveries",
    start=0,
    every=HOURLY,
    look=_look_at_deliveries,
    clear=_clear_deliveries,
)
ATTEMPTS = Shelf(
    name="attempts",
    start=0,
    every=HOURLY,
    look=_look_at_attempts,
    clear=_clear_attempts,
)
PIECES = Shelf(
    name="kept pieces",
    start=0,
    every=HOURLY,
    look=_look_at_pieces,
    clear=_clear_pieces,
)

SHELVES: Sequence[Shelf[Any]] = (DELIVERIES, ATTEMPTS, PIECES, KEYS, URLS)
