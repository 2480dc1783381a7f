"""The operator's commands about every tenant's URLs: seen, paused and resumed (ruling R30)."""

from __future__ import annotations

from jackfield.api.delivery_bodies import (
    DestinationBody,
    DestinationPageBody,
    destination_body,
)
from jackfield.app import Gateway
from jackfield.console.checks import invalid, no_destination
from jackfield.console.delivery_orders import ChangeDestination, ListDestinations
from jackfield.console.paging import check_limit, cut
from jackfield.console.tenants import check_tenant
from jackfield.delivery.pausing import Remembered, Whose
from jackfield.problems import NotFound


async def list_destinations(gateway: Gateway, order: ListDestinations) -> DestinationPageBody:
    """Return one page of URLs about which something is remembered.

    Raises Invalid, and NotFound for a tenant that is not there.
    """
    check_limit(order.limit)
    await check_tenant(gateway, order.api_key)
    work = gateway.afterwards.destinations.page(
        api_key=order.api_key,
        application_id=None,
        after=_behind(order.after),
        limit=order.limit + 1,
    )
    page, last = cut(await gateway.store.read(work), order.limit)
    now = gateway.clock()
    return DestinationPageBody(
        [destination_body(each, now=now) for each in page],
        None if last is None else f"{last.api_key} {last.url}",
    )


async def pause_destination(gateway: Gateway, order: ChangeDestination) -> DestinationBody:
    """Call a URL no more until it is resumed; raises NotFound for one that nobody uses."""
    await check_tenant(gateway, order.api_key)
    try:
        paused = await gateway.afterwards.pausing.pause(Whose(order.api_key), order.url)
    except NotFound:
        raise no_destination(order.api_key, order.url) from None
    return _shown(gateway, paused)


async def resume_destination(gateway: Gateway, order: ChangeDestination) -> DestinationBody:
    """Call a URL again, gently; raises NotFound for one that nobody uses."""
    await check_tenant(gateway, order.api_key)
    try:
        resumed = await gateway.afterwards.pausing.resume(Whose(order.api_key), order.url)
    except NotFound:
        raise no_destination(order.api_key, order.url) from None
    return _shown(gateway, resumed)


def _behind(after: str) -> tuple[str, str]:
    """Return the tenant and the URL that a page begins behind; raise Invalid for what is none."""
    api_key, space, url = after.partition(" ")
    if after and not space:
        raise invalid("after", "after is what the page before ended with")
    return api_key, url


def _shown(gateway: Gateway, remembered: Remembered) -> DestinationBody:
    return destination_body(remembered, now=gateway.clock())
