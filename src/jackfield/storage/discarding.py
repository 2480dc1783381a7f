"""Discards pieces that became no message: what could not be read, or one unknown account's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Integer, bindparam, delete, func, or_, select

from jackfield.accounts import Provider
from jackfield.balance import Tally
from jackfield.inbound import Kept
from jackfield.storage.dialects import Prepared
from jackfield.storage.kept_pieces import RANGE
from jackfield.storage.tables import inbound_bodies
from jackfield.units import Row, Steps, Unit, tally, unit

WEIGHT = 4 * 1024 * 1024
"""Bytes that one transaction discards, unless its first piece alone has more: SQLite overwrites
all of them in the file, and every webhook waits for that."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One of them, without what is in it."""

    id: int
    kind: Kept
    size: int


@dataclass(frozen=True, slots=True)
class Slice:
    """Pieces in the order they came, and behind which id there may be more; None at the end."""

    pieces: Sequence[Piece]
    goes_on_at: int | None


_ROW = (inbound_bodies.c.id, inbound_bodies.c.kind, func.length(inbound_bodies.c.body))
_ahead = (inbound_bodies.c.id > bindparam("after"), inbound_bodies.c.id <= bindparam("up_to"))
_is_unknown = inbound_bodies.c.kind == Kept.UNKNOWN.value

_NEWEST = Prepared(select(func.max(inbound_bodies.c.id)))

_ONE = Prepared(
    select(*_ROW).where(
        inbound_bodies.c.id == bindparam("piece_id"),
        or_(
            inbound_bodies.c.kind == Kept.UNREAD.value,
            inbound_bodies.c.kind == Kept.DIFFERS.value,
        ),
    ),
)
_OF_A_KIND = Prepared(
    select(*_ROW)
    .where(inbound_bodies.c.kind == bindparam("kind"), *_ahead)
    .order_by(inbound_bodies.c.id)
    .limit(bindparam("limit", type_=Integer)),
)

# No index has the accounts, so of all that is for unknown ones a range is walked over at a time.
_walked = select(inbound_bodies.c.id).where(_is_unknown, *_ahead).order_by(inbound_bodies.c.id)
_walked_over = _walked.limit(RANGE).subquery()
_ends = (func.max(_walked_over.c.id), func.count())
_SPAN = Prepared(select(*_ends).select_from(_walked_over))  # type: ignore[arg-type] # two columns
_OF_ONE = Prepared(
    select(*_ROW)
    .where(
        _is_unknown,
        *_ahead,
        inbound_bodies.c.provider == bindparam("provider"),
        inbound_bodies.c.routing_key == bindparam("routing_key"),
    )
    .order_by(inbound_bodies.c.id)
    .limit(bindparam("limit", type_=Integer)),
)

_DISCARD = Prepared(
    delete(inbound_bodies)
    .where(inbound_bodies.c.id == bindparam("piece_id"))
    .returning(inbound_bodies.c.id),
)


@unit
def newest() -> Steps[int]:
    """Return the id of the newest piece of any kind, 0 where there is none."""
    ((piece_id,),) = yield _NEWEST()
    return piece_id or 0


@unit
def one(piece_id: int) -> Steps[Slice]:
    """Return one piece that could not be read or differs, or nothing."""
    rows = yield _ONE(piece_id=piece_id)
    return Slice([_piece(row) for row in rows], None)


@unit
def of_kinds(kinds: Sequence[Kept], *, after: int, up_to: int, limit: int) -> Steps[Slice]:
    """Return the next pieces of these kinds."""
    found: list[Piece] = []
    for kind in kinds:
        rows = yield _OF_A_KIND(kind=kind, after=after, up_to=up_to, limit=limit)
        found += [_piece(row) for row in rows]
    pieces = sorted(found, key=lambda piece: piece.id)[:limit]
    return Slice(pieces, pieces[-1].id if len(pieces) == limit else None)


@unit
def of_unknown(
    provider: Provider, routing_key: str, *, after: int, up_to: int, limit: int
) -> Steps[Slice]:
    """Return the next pieces that were written to one unknown account."""
    ((last, walked),) = yield _SPAN(after=after, up_to=up_to)
    if not walked:
        return Slice([], None)
    rows = yield _OF_ONE(
        provider=provider, routing_key=routing_key, after=after, up_to=last, limit=limit
    )
    pieces = [_piece(row) for row in rows]
    if len(pieces) == limit:
        return Slice(pieces, pieces[-1].id)
    return Slice(pieces, last if walked == RANGE else None)


@unit
def discard(found: Unit[Slice]) -> Steps[Slice]:
    """Remove what is found, as far as it is not too much; return what was still there.

    Of two who discard a piece, one counts it.
    """
    meant = yield from found
    pieces = _light_enough(meant.pieces)
    if not pieces:
        return meant
    rows = yield _DISCARD.many([{"piece_id": piece.id} for piece in pieces])
    gone = {piece_id for (piece_id,) in rows}
    if gone:
        yield tally(Tally.DISCARDED, len(gone))
    is_all = len(pieces) == len(meant.pieces)
    return Slice(
        [piece for piece in pieces if piece.id in gone],
        meant.goes_on_at if is_all else pieces[-1].id,
    )


def _light_enough(pieces: Sequence[Piece]) -> Sequence[Piece]:
    weight = 0
    for number, piece in enumerate(pieces):
        weight += piece.size
        if number and weight > WEIGHT:
            return pieces[:number]
    return pieces


def _piece(row: Row) -> Piece:
    piece_id, kind, size = row
    return Piece(piece_id, Kept(kind), size)
