"""Both sides of the books: what was tallied, and what the tables hold."""

from __future__ import annotations

from sqlalchemy import ColumnElement, ScalarSelect, Select, func, literal, or_, select, text

from jackfield.balance import Balance, Tally
from jackfield.inbound import Kept
from jackfield.storage.dialects import Prepared, insert
from jackfield.storage.tables import deliveries, inbound_bodies, pending, totals
from jackfield.units import Steps, unit

_IN = (Tally.ACCEPTED, Tally.ADJUSTED)
_OUT = (Tally.DELIVERED, Tally.DISCARDED, Tally.REREAD)

_to_deliver = select(func.count()).select_from(pending).where(pending.c.kind == "deliver")
_kept = select(func.count()).select_from(inbound_bodies)


# The state is written out: only so do both engines use the indexes of what is held and dead.
def _in_state(state: str) -> Select[int]:
    return (
        select(func.count()).select_from(deliveries).where(text(f"deliveries.state = '{state}'"))
    )


def _is_one_of(*names: Tally) -> ColumnElement[bool]:
    return or_(*[totals.c.name == name.value for name in names])


def _tallied(*names: Tally) -> ScalarSelect[int]:
    summed = select(func.coalesce(func.sum(totals.c.count), 0))
    return summed.where(_is_one_of(*names)).scalar_subquery()


_TALLIES = Prepared(
    select(totals.c.name, func.sum(totals.c.count))
    .where(_is_one_of(*_IN, *_OUT))
    .group_by(totals.c.name),
)
_PENDING = Prepared(_to_deliver)
_HELD = Prepared(_in_state("held"))
_DEAD = Prepared(_in_state("dead"))
_KEPT = Prepared(select(inbound_bodies.c.kind, func.count()).group_by(inbound_bodies.c.kind))

_ARE_OPEN = Prepared(
    select(totals.c.count).where(totals.c.name == Tally.ADJUSTED.value, totals.c.scope == ""),
)

# One statement, so that on PostgreSQL too all of it is seen at one moment.
_missing = (
    _to_deliver.scalar_subquery()
    + _in_state("held").scalar_subquery()
    + _in_state("dead").scalar_subquery()
    + _kept.scalar_subquery()
    + _tallied(*_OUT)
    - _tallied(*_IN)
)
_adjustment = insert(totals).from_select(
    ["name", "scope", "count"],
    select(literal(Tally.ADJUSTED.value), literal(""), _missing).where(
        text("1 = 1"),  # without it SQLite would take ON CONFLICT for the ON of a join
    ),
)
_OPEN = Prepared(_adjustment.on_conflict_do_nothing())
_SETTLE = Prepared(
    _adjustment.on_conflict_do_update(
        index_elements=[totals.c.name, totals.c.scope],
        set_={"count": totals.c.count + _adjustment.excluded["count"]},
    ),
)


@unit
def balance() -> Steps[Balance]:
    """See `Books.balance`."""
    tallied = {str(name): int(count) for name, count in (yield _TALLIES())}
    ((waiting,),) = yield _PENDING()
    ((held,),) = yield _HELD()
    ((dead,),) = yield _DEAD()
    kept = {str(kind): int(count) for kind, count in (yield _KEPT())}
    return Balance(
        **{name.value: tallied.get(name, 0) for name in (*_IN, *_OUT)},
        pending=waiting,
        held=held,
        dead=dead,
        unread=kept.get(Kept.UNREAD, 0),
        unknown=kept.get(Kept.UNKNOWN, 0),
        differs=kept.get(Kept.DIFFERS, 0),
    )


@unit
def are_open() -> Steps[bool]:
    """See `Books.are_open`."""
    return bool((yield _ARE_OPEN()))


@unit
def open_books() -> Steps[None]:
    """See `Books.open_books`."""
    yield _OPEN()


@unit
def settle() -> Steps[None]:
    """See `Books.settle`."""
    yield _SETTLE()
