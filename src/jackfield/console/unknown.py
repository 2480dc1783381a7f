"""The operator's commands about accounts that are not here and were written to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import structlog

from jackfield.accounts import Provider
from jackfield.app import Gateway
from jackfield.clock import Moment, iso
from jackfield.console.kept_orders import (
    AssignUnknown,
    ListUnknown,
    UnknownAssigned,
    UnknownLine,
    UnknownListed,
)
from jackfield.console.paging import check_limit, cut, place
from jackfield.console.unread import LONGEST
from jackfield.inbound import accept, is_meant
from jackfield.messages import Event, Reading, decode_event
from jackfield.problems import NotFound
from jackfield.storage import arrivals, kept_pieces
from jackfield.storage.kept_pieces import RANGE, Answering, Unknown, UnknownEvent
from jackfield.units import Steps, alone, unit

log = structlog.get_logger()

SLICE = 200
"""Messages per transaction: few enough that the hot path never waits long behind one."""


@dataclass(frozen=True, slots=True)
class _Assigned:
    """What became of kept messages so far; `lanes` have something to do because of it."""

    delivered: int = 0
    held: int = 0
    repeated: int = 0
    left: int = 0
    lanes: frozenset[int] = frozenset()


async def list_unknown(gateway: Gateway, order: ListUnknown) -> UnknownListed:
    """Return one page of the accounts that nobody has, in the order of their names.

    All that is kept is walked over, range by range, with room for others between. Raises Invalid.
    """
    check_limit(order.limit)
    groups: dict[tuple[str, str], UnknownLine] = {}
    after, walked = 0, RANGE
    while walked == RANGE:
        pieces = await gateway.store.survey(kept_pieces.unknown(after=after))
        walked = len(pieces)
        after = pieces[-1].id if pieces else after
        for piece in pieces:
            name = (piece.provider, piece.routing_key)
            groups[name] = _counted(groups.get(name), piece)
    behind = [groups[name] for name in sorted(groups) if "/".join(name) > order.after]
    page, last = cut(behind, order.limit)
    return UnknownListed(
        accounts=page,
        next=None if last is None else f"{last.provider}/{last.routing_key}",
    )


async def assign_unknown(gateway: Gateway, order: AssignUnknown) -> UnknownAssigned:
    """Accept what was written to an account before it was here, as if it came now.

    They are never released by themselves, since nobody knows whose account it was then; the
    operator says so with this. Raises NotFound when no account has the routing key now.
    """
    account = await _answering(gateway, order.provider, order.routing_key)
    began, sums, after = time.monotonic(), _Assigned(), place(order.after)
    while True:
        work = _assign(order, after=after, now=gateway.clock())
        step, goes_on_at = await (
            gateway.store.read(work) if order.dry_run else gateway.store.commit(alone(work))
        )
        if step.lanes:
            gateway.arrived(step.lanes)
        sums = _together(sums, step)
        if goes_on_at is None or time.monotonic() - began > LONGEST:
            break
        after = goes_on_at
        await asyncio.sleep(0)  # a read of SQLite's does not give way by itself
    if not order.dry_run:
        log.info("unknown.assigned", provider=order.provider, tenant=account.api_key)
    return UnknownAssigned(
        provider=order.provider,
        external_id=account.external_id,
        api_key=account.api_key,
        standing=account.standing,
        delivered=sums.delivered,
        held=sums.held,
        repeated=sums.repeated,
        left=sums.left,
        next=None if goes_on_at is None else str(goes_on_at),
    )


@unit
def _assign(
    order: AssignUnknown, *, after: int, now: Moment
) -> Steps[tuple[_Assigned, int | None]]:
    kept, goes_on_at = yield from kept_pieces.unknown_of(
        order.provider, order.routing_key, after=after, limit=SLICE
    )
    done = _Assigned()
    for provider_app_id, pieces in groupby(kept, key=lambda piece: piece.provider_app_id):
        step = yield from _accept(order, list(pieces), provider_app_id=provider_app_id, now=now)
        done = _together(done, step)
    return done, goes_on_at


@unit
def _accept(
    order: AssignUnknown, pieces: Sequence[UnknownEvent], *, provider_app_id: int, now: Moment
) -> Steps[_Assigned]:
    """Accept those that are meant for the account, and leave the others as they are."""
    name = (order.provider.value, order.routing_key)
    receivers = yield from arrivals.receivers([name], provider_app_id=provider_app_id)
    meant: dict[int, Event] = {}
    for piece in pieces:
        event = decode_event(piece.body)
        if event is not None and is_meant(event, receivers):
            meant[piece.id] = event
    left = len(pieces) - len(meant)
    if order.dry_run or not meant:
        return _Assigned(delivered=len(meant), left=left)
    taken = yield from kept_pieces.take(list(meant))
    events = [event for piece_id, event in meant.items() if piece_id in taken]
    accepted = yield from accept(
        Reading(events=events), provider_app_id=provider_app_id, now=now, arrivals=arrivals
    )
    return _Assigned(accepted.delivered, accepted.held, accepted.repeated, left, accepted.lanes)


async def _answering(gateway: Gateway, provider: Provider, routing_key: str) -> Answering:
    account = await gateway.store.read(kept_pieces.answering(provider, routing_key))
    if account is None:
        raise NotFound(
            f"No {provider} account here has the routing key {routing_key}: whoever it belongs to "
            "registers it first. (For a WhatsApp number the routing key is its phone_number_id, "
            "else the account's id.)",
        )
    return account


def _counted(line: UnknownLine | None, piece: Unknown) -> UnknownLine:
    at = iso(piece.received_at)
    if line is None:
        return UnknownLine(
            provider=piece.provider,
            routing_key=piece.routing_key,
            messages=1,
            first_at=at,
            last_at=at,
        )
    return UnknownLine(
        provider=line.provider,
        routing_key=line.routing_key,
        messages=line.messages + 1,
        first_at=min(line.first_at, at),
        last_at=max(line.last_at, at),
    )


def _together(one: _Assigned, other: _Assigned) -> _Assigned:
    return replace(
        one,
        delivered=one.delivered + other.delivered,
        held=one.held + other.held,
        repeated=one.repeated + other.repeated,
        left=one.left + other.left,
        lanes=one.lanes | other.lanes,
    )
