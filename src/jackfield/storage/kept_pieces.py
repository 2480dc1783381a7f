"""Looks at pieces of webhooks that became no message, and takes out those that do now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Integer, bindparam, delete, func, select, update

from jackfield.accounts import Provider
from jackfield.balance import Tally
from jackfield.clock import Moment
from jackfield.inbound import Kept
from jackfield.storage.dialects import Prepared
from jackfield.storage.tables import accounts, inbound_bodies, provider_apps
from jackfield.units import Row, Steps, tally, unit

RANGE = 2_000
"""Pieces that one look walks over at most."""


@dataclass(frozen=True, slots=True)
class PieceRow:
    """One piece without its body, of which `size` is the number of bytes."""

    id: int
    kind: Kept
    provider_app_kind: str | None
    provider_app: str | None
    provider: str | None
    routing_key: str | None
    reason: str
    size: int
    received_at: Moment


@dataclass(frozen=True, slots=True)
class Unknown:
    """A piece that named an account which is not here, without its body."""

    id: int
    provider: str
    routing_key: str
    received_at: Moment


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    """One kept event of such an account, as `messages.encode_event` gave it."""

    id: int
    provider_app_id: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Answering:
    """The account that a routing key names now."""

    external_id: str
    api_key: str
    standing: str


_ROW = (
    inbound_bodies.c.id,
    inbound_bodies.c.kind,
    provider_apps.c.kind,
    provider_apps.c.name,
    inbound_bodies.c.provider,
    inbound_bodies.c.routing_key,
    inbound_bodies.c.reason,
    func.length(inbound_bodies.c.body),
    inbound_bodies.c.received_at,
)
_with_its_app = provider_apps.c.id == inbound_bodies.c.provider_app_id

_PAGE = Prepared(
    select(*_ROW)
    .outerjoin(provider_apps, _with_its_app)
    .where(inbound_bodies.c.kind == bindparam("kind"), inbound_bodies.c.id > bindparam("after"))
    .order_by(inbound_bodies.c.id)
    .limit(bindparam("limit", type_=Integer)),
)

_FIND = Prepared(
    select(*_ROW, inbound_bodies.c.provider_app_id, inbound_bodies.c.body)
    .outerjoin(provider_apps, _with_its_app)
    .where(inbound_bodies.c.id == bindparam("piece_id")),
)

_TAKE = Prepared(
    delete(inbound_bodies)
    .where(inbound_bodies.c.id == bindparam("piece_id"))
    .returning(inbound_bodies.c.id),
)

_TELL = Prepared(
    update(inbound_bodies)
    .where(inbound_bodies.c.id == bindparam("piece_id"))
    .values(reason=bindparam("new_reason")),
)

_is_unknown = (
    inbound_bodies.c.kind == Kept.UNKNOWN.value,
    inbound_bodies.c.id > bindparam("after"),
)
_UNKNOWN = Prepared(
    select(
        inbound_bodies.c.id,
        inbound_bodies.c.provider,
        inbound_bodies.c.routing_key,
        inbound_bodies.c.received_at,
    )
    .where(*_is_unknown)
    .order_by(inbound_bodies.c.id)
    .limit(RANGE),
)

_walked = select(inbound_bodies.c.id).where(*_is_unknown).order_by(inbound_bodies.c.id)
_walked_over = _walked.limit(RANGE).subquery()
_ends = (func.max(_walked_over.c.id), func.count())
_SPAN = Prepared(select(*_ends).select_from(_walked_over))  # type: ignore[arg-type] # two columns

_OF_ONE = Prepared(
    select(inbound_bodies.c.id, inbound_bodies.c.provider_app_id, inbound_bodies.c.body)
    .where(
        *_is_unknown,
        inbound_bodies.c.id <= bindparam("last"),
        inbound_bodies.c.provider == bindparam("provider"),
        inbound_bodies.c.routing_key == bindparam("routing_key"),
    )
    .order_by(inbound_bodies.c.id)
    .limit(bindparam("limit", type_=Integer)),
)

_ANSWERING = Prepared(
    select(accounts.c.external_id, accounts.c.api_key, accounts.c.standing).where(
        accounts.c.provider == bindparam("provider"),
        accounts.c.routing_key == bindparam("routing_key"),
    ),
)


@unit
def page(kinds: Sequence[Kept], *, after: int, limit: int) -> Steps[list[PieceRow]]:
    """Return `limit` pieces of these kinds in the order they came, those behind the id `after`."""
    found: list[PieceRow] = []
    for kind in kinds:
        rows = yield _PAGE(kind=kind, after=after, limit=limit)
        found += [_piece(row) for row in rows]
    return sorted(found, key=lambda piece: piece.id)[:limit]


@unit
def find(piece_id: int) -> Steps[tuple[PieceRow, int, bytes] | None]:
    """Return a piece, its provider app's id and its body, or None."""
    rows = yield _FIND(piece_id=piece_id)
    for *columns, provider_app_id, body in rows:
        return _piece(columns), provider_app_id, body
    return None


@unit
def take(piece_ids: Sequence[int]) -> Steps[set[int]]:
    """Remove pieces and return which were there: of two who take one, one gets it."""
    rows = yield _TAKE.many([{"piece_id": piece_id} for piece_id in piece_ids])
    yield tally(Tally.REREAD, len(rows))
    return {piece_id for (piece_id,) in rows}


@unit
def tell(piece_id: int, *, reason: str) -> Steps[None]:
    """Keep why a piece still cannot be read."""
    yield _TELL(piece_id=piece_id, new_reason=reason)


@unit
def unknown(*, after: int) -> Steps[list[Unknown]]:
    """Return the next `RANGE` pieces whose account is not here; fewer at the end."""
    rows = yield _UNKNOWN(after=after)
    return [Unknown(*row) for row in rows]


@unit
def unknown_of(
    provider: Provider, routing_key: str, *, after: int, limit: int
) -> Steps[tuple[list[UnknownEvent], int | None]]:
    """Return the next kept events of one account, and behind which id to go on if there is."""
    ((last, walked),) = yield _SPAN(after=after)
    if not walked:
        return [], None
    rows = yield _OF_ONE(
        provider=provider, routing_key=routing_key, after=after, last=last, limit=limit
    )
    events = [UnknownEvent(*row) for row in rows]
    if len(events) == limit:
        return events, events[-1].id
    return events, last if walked == RANGE else None


@unit
def answering(provider: Provider, routing_key: str) -> Steps[Answering | None]:
    """Return the account that a routing key names now, or None."""
    rows = yield _ANSWERING(provider=provider, routing_key=routing_key)
    return Answering(*rows[0]) if rows else None


def _piece(row: Row) -> PieceRow:
    piece_id, kind, *rest = row
    return PieceRow(piece_id, Kept(kind), *rest)
