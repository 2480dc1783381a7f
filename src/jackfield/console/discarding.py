"""The operator's commands that discard pieces which nobody will need, in slices."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import TypeAlias

import structlog

from jackfield.app import Gateway
from jackfield.console.checks import check_piece, no_piece
from jackfield.console.kept_orders import (
    DiscardUnknown,
    DiscardUnread,
    UnknownDiscarded,
    UnreadDiscarded,
)
from jackfield.console.paging import place
from jackfield.console.unread import LONGEST
from jackfield.inbound import Kept
from jackfield.keeping.erasure import PAUSE
from jackfield.keeping.retention import SLICE
from jackfield.storage import discarding
from jackfield.storage.discarding import Slice
from jackfield.storage.kept_pieces import RANGE
from jackfield.units import Unit, alone

log = structlog.get_logger()

Look: TypeAlias = Callable[[int, int], Unit[Slice]]
"""Takes the id behind which it looks, and how many pieces it gives at most."""


async def discard_unread(
    gateway: Gateway, order: DiscardUnread, *, longest: float = LONGEST
) -> UnreadDiscarded:
    """Discard what could not be read or differs, or count it; see `DiscardUnread`.

    Raises Invalid, and NotFound for one piece that is not there or is for an unknown account.
    """
    if order.id is not None:
        check_piece(order.id)
    kinds = [Kept.UNREAD, Kept.DIFFERS] if order.kind is None else [Kept(order.kind)]
    up_to = await _up_to(gateway, order.up_to)

    def look(after: int, limit: int) -> Unit[Slice]:
        if order.id is not None:
            return discarding.one(order.id)
        return discarding.of_kinds(kinds, after=after, up_to=up_to, limit=limit)

    found, goes_on_at = await _discard(gateway, look, order=order, longest=longest)
    if order.id is not None and not found:
        raise no_piece(order.id)
    counts = {"unread": found[Kept.UNREAD], "differs": found[Kept.DIFFERS]}
    if not order.dry_run:
        log.info("unread.discarded", **counts)
    return UnreadDiscarded(dry_run=order.dry_run, **counts, up_to=up_to, next=_words(goes_on_at))


async def discard_unknown(
    gateway: Gateway, order: DiscardUnknown, *, longest: float = LONGEST
) -> UnknownDiscarded:
    """Discard what was written to an account that is not here, or count it; raises Invalid."""
    up_to = await _up_to(gateway, order.up_to)

    def look(after: int, limit: int) -> Unit[Slice]:
        return discarding.of_unknown(
            order.provider, order.routing_key, after=after, up_to=up_to, limit=limit
        )

    found, goes_on_at = await _discard(gateway, look, order=order, longest=longest)
    messages = found[Kept.UNKNOWN]
    if not order.dry_run:
        log.info("unknown.discarded", provider=order.provider, messages=messages)
    return UnknownDiscarded(
        dry_run=order.dry_run,
        provider=order.provider,
        routing_key=order.routing_key,
        messages=messages,
        up_to=up_to,
        next=_words(goes_on_at),
    )


async def _up_to(gateway: Gateway, given: int | None) -> int:
    """Return the newest piece that may go: what comes from now on nobody has seen."""
    return await gateway.store.read(discarding.newest()) if given is None else given


async def _discard(
    gateway: Gateway, look: Look, *, order: DiscardUnread | DiscardUnknown, longest: float
) -> tuple[Counter[Kept], int | None]:
    """Return how many of each kind are gone, or would be, and where to go on if there is more."""
    began, found = time.monotonic(), Counter[Kept]()
    at = place(order.after)
    while True:
        if order.dry_run:
            done = await gateway.store.survey(look(at, RANGE))
        else:
            done = await gateway.store.commit(alone(discarding.discard(look(at, SLICE))))
        found.update(piece.kind for piece in done.pieces)
        if done.goes_on_at is None or time.monotonic() - began > longest:
            return found, done.goes_on_at
        at = done.goes_on_at
        await asyncio.sleep(PAUSE)


def _words(goes_on_at: int | None) -> str | None:
    return None if goes_on_at is None else str(goes_on_at)
