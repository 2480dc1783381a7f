"""The operator's commands about what could not be read: seen, and read again."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import structlog

from jackfield.app import Gateway
from jackfield.clock import iso
from jackfield.console.checks import check_piece, no_piece
from jackfield.console.kept_orders import (
    ListUnread,
    PieceLine,
    PieceShown,
    ReparseUnread,
    ShowUnread,
    UnreadListed,
    UnreadReparsed,
)
from jackfield.console.paging import check_limit, cut, place
from jackfield.inbound import Accepted, Kept, accept
from jackfield.messages import Reading, Unread
from jackfield.problems import Conflict
from jackfield.providers import WEBHOOKS
from jackfield.storage import arrivals, kept_pieces
from jackfield.storage.kept_pieces import PieceRow
from jackfield.units import Steps, alone, unit

log = structlog.get_logger()

LONGEST = 2.0
"""Seconds after which a long command says how far it has come."""

_PAGE = 50
_NOTHING = Accepted(delivered=0, held=0, repeated=0, unknown=0, unread=0)


@dataclass(frozen=True, slots=True)
class _Sums:
    """What became of the pieces so far."""

    pieces: int = 0
    delivered: int = 0
    held: int = 0
    repeated: int = 0
    unknown: int = 0
    ignored: int = 0
    still_unread: int = 0


async def list_unread(gateway: Gateway, order: ListUnread) -> UnreadListed:
    """Return one page of what could not be read, or differs; raises Invalid."""
    check_limit(order.limit)
    kinds = [Kept.UNREAD, Kept.DIFFERS] if order.kind is None else [Kept(order.kind)]
    work = kept_pieces.page(kinds, after=place(order.after), limit=order.limit + 1)
    page, last = cut(await gateway.store.read(work), order.limit)
    return UnreadListed(
        pieces=[PieceLine(**_members(piece)) for piece in page],
        next=None if last is None else str(last.id),
    )


async def show_unread(gateway: Gateway, order: ShowUnread) -> PieceShown:
    """Return one piece whole, with whatever somebody wrote in it; raises NotFound."""
    piece, _, body = await _found(gateway, order.id)
    return PieceShown(**_members(piece), body=body.decode(errors="replace"))


async def reparse_unread(gateway: Gateway, order: ReparseUnread) -> UnreadReparsed:
    """Read what could not be read again, and accept what can be read now.

    What still cannot stays, with the new reason. Raises NotFound, and Conflict for a piece that
    was read well and only differs.
    """
    if order.id is not None:
        piece, _, _ = await _found(gateway, order.id)
        if piece.kind is not Kept.UNREAD:
            raise Conflict(
                "This one was read: a known event came again with another content, and what came "
                "first was delivered. It is kept for you to look at.",
            )
        return _reparsed(await _reread(gateway, piece, _Sums()), None)
    began, sums, after = time.monotonic(), _Sums(), place(order.after)
    while True:
        work = kept_pieces.page([Kept.UNREAD], after=after, limit=_PAGE)
        pieces = await gateway.store.read(work)
        for piece in pieces:
            sums, after = await _reread(gateway, piece, sums), piece.id
        if len(pieces) < _PAGE:
            return _reparsed(sums, None)
        if time.monotonic() - began > LONGEST:
            return _reparsed(sums, after)


async def _reread(gateway: Gateway, piece: PieceRow, sums: _Sums) -> _Sums:
    found = await gateway.store.read(kept_pieces.find(piece.id))
    if found is None:  # somebody else was quicker
        return sums
    _, provider_app_id, body = found
    sums = replace(sums, pieces=sums.pieces + 1)
    reading = _read(piece, body)
    if not reading.events and [unread.body for unread in reading.unread] == [body]:
        await gateway.store.commit(kept_pieces.tell(piece.id, reason=reading.unread[0].reason))
        return replace(sums, still_unread=sums.still_unread + 1)
    work = _accept(piece.id, reading, provider_app_id=provider_app_id, gateway=gateway)
    accepted = await gateway.store.commit(alone(work))
    if accepted.lanes:
        gateway.arrived(accepted.lanes)
    return replace(
        sums,
        delivered=sums.delivered + accepted.delivered,
        held=sums.held + accepted.held,
        repeated=sums.repeated + accepted.repeated,
        unknown=sums.unknown + accepted.unknown,
        ignored=sums.ignored + (not reading.events and not reading.unread),
        still_unread=sums.still_unread + accepted.unread,
    )


@unit
def _accept(
    piece_id: int, reading: Reading, *, provider_app_id: int, gateway: Gateway
) -> Steps[Accepted]:
    """Take a piece out and accept what it says; what of it is still unread is kept by itself."""
    # First out: a piece that is kept again may have the same digest.
    taken = yield from kept_pieces.take([piece_id])
    if not taken:
        return _NOTHING
    return (
        yield from accept(
            reading, provider_app_id=provider_app_id, now=gateway.clock(), arrivals=arrivals
        )
    )


def _read(piece: PieceRow, body: bytes) -> Reading:
    webhook = WEBHOOKS.get(piece.provider_app_kind or "")
    if webhook is None:
        reason = "the provider app it came by is here no more, so nobody knows how to read it"
        return Reading(unread=[Unread(reason=reason, body=body)])
    try:
        return webhook.read(body)
    except Exception as error:  # noqa: BLE001 - whatever it was, it is said and the piece is kept
        # The error's own words may quote the message.
        reason = f"our reader broke: {type(error).__name__}"
        return Reading(unread=[Unread(reason=reason, body=body)])


async def _found(gateway: Gateway, piece_id: int) -> tuple[PieceRow, int, bytes]:
    check_piece(piece_id)
    found = await gateway.store.read(kept_pieces.find(piece_id))
    if found is None or found[0].kind == Kept.UNKNOWN:
        raise no_piece(piece_id)
    return found


def _reparsed(sums: _Sums, after: int | None) -> UnreadReparsed:
    log.info("unread.reparsed", pieces=sums.pieces, still_unread=sums.still_unread)
    return UnreadReparsed(
        pieces=sums.pieces,
        delivered=sums.delivered,
        held=sums.held,
        repeated=sums.repeated,
        unknown=sums.unknown,
        ignored=sums.ignored,
        still_unread=sums.still_unread,
        next=None if after is None else str(after),
    )


def _members(piece: PieceRow) -> dict[str, Any]:
    app = None if piece.provider_app is None else f"{piece.provider_app_kind}/{piece.provider_app}"
    return {
        "id": piece.id,
        "kind": piece.kind,
        "provider_app": app,
        "provider": piece.provider,
        "routing_key": piece.routing_key,
        "reason": piece.reason,
        "bytes": piece.size,
        "received_at": iso(piece.received_at),
    }
