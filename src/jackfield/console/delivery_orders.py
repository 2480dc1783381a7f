"""What the commands about deliveries and their URLs take, as JSON; they give as the API does."""

from __future__ import annotations

import msgspec

from jackfield.console.orders import Order


class Narrowed(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which deliveries are meant, in the words of the API; what is None narrows nothing."""

    api_key: str | None = None
    provider: str | None = None
    external_id: str | None = None
    application_id: str | None = None
    state: str | None = None
    reason: str | None = None
    since: str | None = msgspec.field(name="from", default=None)
    until: str | None = None


class ListDeliveries(Narrowed, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`deliveries.list`: a page, newest first, behind `after`. Gives a `DeliveryPageBody`."""

    after: str = ""
    limit: int = 50


class ShowDelivery(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`deliveries.show`. Gives a `DeliveryShownBody`."""

    id: str


class ReplayDelivery(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`deliveries.replay-one`: or a copy `to` a test URL. Gives a `DeliveryShownBody`."""

    id: str
    to: str | None = None


class ReplayDeliveries(Narrowed, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`deliveries.replay`: as far as one command goes, behind `after`. Gives a `ReplayedBody`."""

    to: str | None = None
    dry_run: bool = False
    after: str = ""


class RebindDeliveries(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`deliveries.rebind`: as far as one command goes, behind `after`. Gives a `ReboundBody`."""

    provider: str | None = None
    external_id: str | None = None
    application_id: str | None = None
    dry_run: bool = False
    after: str = ""


class TryApplication(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`applications.test`: a test event to its inbound URL. Gives a `DeliveryShownBody`."""

    id: str


class ListDestinations(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`destinations.list`: a page by tenant and URL. Gives a `DestinationPageBody`."""

    api_key: str | None = None
    after: str = ""
    limit: int = 50


class ChangeDestination(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`destinations.pause` and `destinations.resume`. Give a `DestinationBody`."""

    api_key: str
    url: str
