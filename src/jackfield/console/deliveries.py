"""The operator's commands about what every tenant's deliveries came to."""

from __future__ import annotations

import time
from typing import Final

import msgspec

from jackfield.api.bodies import Fields
from jackfield.api.delivery_bodies import (
    DeliveryPageBody,
    DeliveryShownBody,
    ReboundBody,
    ReplayedBody,
    delivery_body,
    delivery_shown_body,
)
from jackfield.api.delivery_fields import misplaced, selection
from jackfield.app import Gateway
from jackfield.console.checks import (
    check_address,
    invalid,
    no_application,
    no_delivery,
)
from jackfield.console.delivery_orders import (
    ListDeliveries,
    Narrowed,
    RebindDeliveries,
    ReplayDeliveries,
    ReplayDelivery,
    ShowDelivery,
    TryApplication,
)
from jackfield.console.paging import check_limit, place
from jackfield.console.tenants import check_tenant
from jackfield.delivery.rebinding import Rebound
from jackfield.delivery.records import DeliveryDetails, DeliveryLine, Selection, State
from jackfield.delivery.replaying import Place, Replayed
from jackfield.problems import NotFound

LONGEST: Final = 2.0
"""Seconds after which a long command says how far it has come."""

STEPS: Final = 5
"""Transactions, or looks, between two glances at the clock."""


async def list_deliveries(gateway: Gateway, order: ListDeliveries) -> DeliveryPageBody:
    """Return one page of deliveries, newest first; raises Invalid, and NotFound for no tenant.

    It looks on for a while where nothing fits, so that a page is empty at the end, or after a
    long way only.
    """
    check_limit(order.limit)
    chosen = await _selection(gateway, order)
    before: int | None = place(order.after) or None
    began = time.monotonic()
    found: list[DeliveryLine] = []
    while True:
        left = order.limit - len(found)
        look = gateway.afterwards.records.newest(chosen, before=before, limit=left)
        seen = await gateway.store.read(look)
        found += seen.lines
        before = seen.goes_on_at
        if before is None or len(found) == order.limit or time.monotonic() - began > LONGEST:
            break
    following = None if before is None else str(before)
    return DeliveryPageBody([delivery_body(line) for line in found], following)


async def show_delivery(gateway: Gateway, order: ShowDelivery) -> DeliveryShownBody:
    """Return one delivery with its attempts and why it waits; raises NotFound."""
    found = await gateway.store.read(gateway.afterwards.records.find(order.id))
    if found is None:
        raise no_delivery(order.id)
    return _shown(gateway, found)


async def replay_delivery(gateway: Gateway, order: ReplayDelivery) -> DeliveryShownBody:
    """Send one delivery again, or a copy to a test URL.

    Raises Invalid, NotFound, and Conflict for one that is on its way or that nobody would hear.
    """
    if order.to is not None:
        check_address("to", order.to)
    try:
        replayed = await gateway.afterwards.replaying.one(order.id, among=Selection(), to=order.to)
    except NotFound:
        raise no_delivery(order.id) from None
    return _shown(gateway, replayed)


async def replay_deliveries(gateway: Gateway, order: ReplayDeliveries) -> ReplayedBody:
    """Send again what is selected (by default what is dead), as far as two seconds go.

    Raises Invalid, and NotFound for a tenant that is not there.
    """
    chosen = await _selection(gateway, order, state=State.DEAD)
    if order.to is not None:
        check_address("to", order.to)
    began, at = time.monotonic(), _places(order.after)
    sums = Replayed(0, 0, 0, at)
    while True:
        step = await _replay(gateway, order, chosen, at)
        at = step.goes_on_at
        sums = Replayed(
            sums.chosen + step.chosen, sums.pending + step.pending, sums.held + step.held, at
        )
        if at is None or time.monotonic() - began > LONGEST:
            break
    return ReplayedBody(
        dry_run=order.dry_run,
        matched=sums.chosen,
        replayed=sums.pending,
        held=sums.held,
        next=None if at is None else f"{at.after}-{at.until}",
    )


async def rebind_deliveries(gateway: Gateway, order: RebindDeliveries) -> ReboundBody:
    """Move what waits for an application its account has left, as far as two seconds go.

    Raises Invalid.
    """
    named = ("provider", "external_id", "application_id")
    given = {name: getattr(order, name) for name in named}
    fields = Fields({name: value for name, value in given.items() if value is not None})
    which = misplaced(fields, api_key=None, application_id=None)
    fields.close()
    assert which is not None  # noqa: S101 - only an application may not mean another's
    rebinding, began, sums = gateway.afterwards.rebinding, time.monotonic(), Rebound(0, 0)
    at: int | None = place(order.after)
    while at is not None and time.monotonic() - began <= LONGEST:
        if order.dry_run:
            step = await rebinding.count(which, after=at, looks=STEPS)
        else:
            step = await rebinding.some(which, after=at, slices=STEPS)
        at = step.goes_on_at
        sums = Rebound(sums.moved + step.moved, at)
    return ReboundBody(
        dry_run=order.dry_run, moved=sums.moved, next=None if at is None else str(at)
    )


async def try_application(gateway: Gateway, order: TryApplication) -> DeliveryShownBody:
    """Send a test event to an application.

    Raises NotFound, and Conflict for one that hears no messages.
    """
    try:
        test_id = await gateway.afterwards.trials.send(order.id, api_key=None)
    except NotFound:
        raise no_application(order.id) from None
    return await show_delivery(gateway, ShowDelivery(id=test_id))


async def _replay(
    gateway: Gateway, order: ReplayDeliveries, chosen: Selection, at: Place | None
) -> Replayed:
    replaying = gateway.afterwards.replaying
    if order.dry_run:
        return await replaying.count(chosen, place=at, looks=STEPS, to=order.to)
    return await replaying.some(chosen, place=at, slices=STEPS, to=order.to)


async def _selection(
    gateway: Gateway, order: Narrowed, *, state: State | None = None
) -> Selection:
    names = {field.encode_name: field.name for field in msgspec.structs.fields(Narrowed)}
    given = {word: getattr(order, name) for word, name in names.items()}
    fields = Fields({word: value for word, value in given.items() if value is not None})
    chosen = selection(fields, api_key=order.api_key, application_id=None, state=state)
    fields.close()
    assert chosen is not None  # noqa: S101 - only an application may not mean another's
    await check_tenant(gateway, order.api_key)
    return chosen


def _places(after: str) -> Place | None:
    if after == "":
        return None
    first, dash, last = after.partition("-")
    if not dash:
        raise invalid("after", "after is what the step before ended with")
    return Place(place(first), place(last))


def _shown(gateway: Gateway, details: DeliveryDetails) -> DeliveryShownBody:
    return delivery_shown_body(details, now=gateway.clock(), to_operator=True)
