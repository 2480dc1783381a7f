"""How deliveries, and what is done with them afterwards, look as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from jackfield.clock import Moment, iso
from jackfield.delivery.pausing import Condition, Remembered, condition, next_call
from jackfield.delivery.records import DeliveryDetails, DeliveryLine, State, waits_for

DELIVERIES_PATH: Final = "/v1/deliveries"
DESTINATIONS_PATH: Final = "/v1/destinations"
TESTS_PATH: Final = "/v1/applications"


class DeliveryBody(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery in a listing, without anything of its message's text.

    `id` is what its receiver sees as `webhook-id`. `reason` is why it is held, or was when it
    died, or else how its last attempt ended. `url` is there for what goes to a test URL.
    """

    id: str
    kind: str
    state: State
    reason: str | None
    message_uuid: str
    api_key: str
    provider: str | None
    external_id: str | None
    application_id: str | None
    url: str | None
    tries: int
    accepted_at: str
    finished_at: str | None


class DeliveryPageBody(msgspec.Struct, frozen=True):
    """One page, newest first; `next` is what `after` must be for the following one.

    A page may be short, or empty, and still have a `next`: a look walks only so far.
    """

    deliveries: Sequence[DeliveryBody]
    next: str | None


class AttemptBody(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt; `tried` begins again with 1 after a replay."""

    tried: int
    started_at: str
    milliseconds: int
    outcome: str
    status: int | None
    detail: str | None


class DeliveryShownBody(DeliveryBody, frozen=True, kw_only=True):
    """One delivery with what was tried, oldest first, and why it waits.

    `waits_for` is `due`, `behind` (an earlier message of its conversation), `backoff`, `aside`
    (out of order), `breaker` or `paused`, or the reason it is held. `from` is null for a tenant
    while its account is only claimed.
    """

    sender: str | None = msgspec.field(name="from")
    link_version: int | None
    bound_at: str | None
    aside_at: str | None
    due_at: str | None
    waits_for: str | None
    paused_because: str | None
    attempts: Sequence[AttemptBody]


class ReplayedBody(msgspec.Struct, frozen=True, kw_only=True):
    """What one step of a replay did, or would do now; `next` goes on with it, null at the end.

    Of those that matched, `replayed` go to where they were bound (or to the test URL), and `held`
    to whoever hears their account now. The others could not be replayed.
    """

    dry_run: bool
    matched: int
    replayed: int
    held: int
    next: str | None


class ReboundBody(msgspec.Struct, frozen=True, kw_only=True):
    """What one step of rebinding moved, or would move; `next` goes on with it, null at the end."""

    dry_run: bool
    moved: int
    next: str | None


class DestinationBody(msgspec.Struct, frozen=True, kw_only=True):
    """How one URL is doing; `not_before` is when it is called again, if it is left alone."""

    url: str
    api_key: str
    state: Condition
    paused_because: str | None
    paused_at: str | None
    failures: int
    not_before: str | None
    resumed_at: str | None


class DestinationPageBody(msgspec.Struct, frozen=True):
    """URLs of which something is remembered; one that always worked is not listed."""

    destinations: Sequence[DestinationBody]
    next: str | None


def delivery_body(line: DeliveryLine) -> DeliveryBody:
    """Return how a delivery looks in a listing."""
    return DeliveryBody(**_members(line))


def delivery_shown_body(
    details: DeliveryDetails, *, now: Moment, to_operator: bool = False
) -> DeliveryShownBody:
    """Return how one delivery looks; `now` tells whether its time has come."""
    return DeliveryShownBody(
        **_members(details.line),
        sender=details.person if details.is_told or to_operator else None,
        link_version=details.link_version,
        bound_at=_iso(details.bound_at),
        aside_at=_iso(details.aside_at),
        due_at=_iso(details.due_at),
        waits_for=waits_for(details, now=now),
        paused_because=details.paused_because,
        attempts=[
            AttemptBody(
                tried=each.tried,
                started_at=iso(each.started_at),
                milliseconds=each.milliseconds,
                outcome=each.outcome,
                status=each.status,
                detail=each.detail,
            )
            for each in details.attempts
        ],
    )


def destination_body(remembered: Remembered, *, now: Moment) -> DestinationBody:
    """Return how a URL looks."""
    destination = remembered.destination
    return DestinationBody(
        url=remembered.url,
        api_key=remembered.api_key,
        state=condition(destination, now=now),
        paused_because=destination.paused_because,
        paused_at=_iso(destination.paused_at),
        failures=destination.failures,
        not_before=_iso(next_call(destination, now=now)),
        resumed_at=_iso(destination.resumed_at),
    )


def _members(line: DeliveryLine) -> dict[str, Any]:
    return {
        "id": line.id,
        "kind": line.kind,
        "state": line.state,
        "reason": line.reason,
        "message_uuid": line.message_id,
        "api_key": line.api_key,
        "provider": line.provider,
        "external_id": line.external_id,
        "application_id": line.application_id,
        "url": line.url,
        "tries": line.tries,
        "accepted_at": iso(line.accepted_at),
        "finished_at": _iso(line.finished_at),
    }


def _iso(moment: Moment | None) -> str | None:
    return None if moment is None else iso(moment)
