"""What a tenant's deliveries came to: listed, shown, replayed, rebound; and tests sent."""

from __future__ import annotations

from typing import Final

from jackfield.api.bodies import Fields, order_fields
from jackfield.api.delivery_bodies import (
    DELIVERIES_PATH,
    DeliveryPageBody,
    ReboundBody,
    ReplayedBody,
    delivery_body,
    delivery_shown_body,
)
from jackfield.api.delivery_fields import (
    NAMED,
    NARROWING,
    cursor,
    misplaced,
    opaque,
    require_narrowing,
    selection,
    step,
    test_url,
)
from jackfield.api.http import Request, Response, json_response
from jackfield.api.idempotency import refuse_key
from jackfield.auth import Caller
from jackfield.clock import Clock
from jackfield.delivery.afterwards import Afterwards
from jackfield.delivery.rebinding import Rebound
from jackfield.delivery.records import DeliveryDetails, Selection, State
from jackfield.delivery.replaying import Place, Replayed, is_among
from jackfield.problems import NotFound
from jackfield.units import Store

LARGEST_PAGE: Final = 100

STEPS: Final = 5
"""Transactions, or looks, of one request: what is longer goes on with the next request."""

# The same words whether nobody has it or somebody else does.
_NO_DELIVERY = "No delivery of yours has this id: `GET /v1/deliveries` lists those that are yours."
_NO_APPLICATION = (
    "No application of yours has this id: `GET /v2/applications` lists those that are yours. A "
    "token may test its own application only."
)


class TenantDeliveries:
    """Answers known callers: a tenant about all that is its own, an application about its own."""

    def __init__(self, store: Store, afterwards: Afterwards, *, clock: Clock) -> None:
        self._store = store
        self._records = afterwards.records
        self._replaying = afterwards.replaying
        self._rebinding = afterwards.rebinding
        self._trials = afterwards.trials
        self._clock = clock

    async def page(self, request: Request, caller: Caller) -> Response:
        """Return one page of the caller's deliveries, newest first, without any text."""
        fields = Fields(request.query)
        fields.refuse_unknown(*NARROWING, "page_size", "after")
        page_size = fields.number("page_size", default=20, largest=LARGEST_PAGE)
        after = cursor(fields, places=1)
        chosen = selection(fields, api_key=caller.api_key, application_id=caller.application_id)
        fields.close()
        if chosen is None:
            return json_response(DeliveryPageBody([], None))
        before = None if after is None else after[0]
        found = await self._store.read(
            self._records.newest(chosen, before=before, limit=page_size)
        )
        following = None if found.goes_on_at is None else opaque(found.goes_on_at)
        return json_response(
            DeliveryPageBody([delivery_body(line) for line in found.lines], following)
        )

    async def show(self, request: Request, caller: Caller) -> Response:
        """Return one delivery with its attempts; another's is not there."""
        fields = Fields(request.query)
        fields.refuse_unknown()
        fields.close()
        return self._shown(await self._found(request.parameters["delivery_id"], caller))

    async def replay_one(self, request: Request, caller: Caller) -> Response:
        """Send one delivery again as it was, or a copy of it to a test URL."""
        refuse_key(request, look=DELIVERIES_PATH)
        fields = await order_fields(request, "to")
        to = test_url(fields, "to")
        fields.close()
        delivery_id = request.parameters["delivery_id"]
        try:
            replayed = await self._replaying.one(delivery_id, among=_own(caller), to=to)
        except NotFound:
            raise NotFound(_NO_DELIVERY) from None
        return self._shown(replayed)

    async def replay(self, request: Request, caller: Caller) -> Response:
        """Send again what is selected, as far as one request goes; by default what is dead."""
        refuse_key(request, look=DELIVERIES_PATH)
        fields = await order_fields(request, *NARROWING, "to", "dry_run", "after")
        require_narrowing(fields)
        to = test_url(fields, "to")
        chosen = selection(
            fields,
            api_key=caller.api_key,
            application_id=caller.application_id,
            state=State.DEAD,
        )
        asked = step(fields, places=2)
        fields.close()
        place = None if asked.places is None else Place(*asked.places)
        if chosen is None:
            done = Replayed(0, 0, 0, None)
        elif asked.is_dry_run:
            done = await self._replaying.count(chosen, place=place, looks=STEPS, to=to)
        else:
            done = await self._replaying.some(chosen, place=place, slices=STEPS, to=to)
        at = done.goes_on_at
        return json_response(
            ReplayedBody(
                dry_run=asked.is_dry_run,
                matched=done.chosen,
                replayed=done.pending,
                held=done.held,
                next=None if at is None else opaque(at.after, at.until),
            ),
        )

    async def rebind(self, request: Request, caller: Caller) -> Response:
        """Move what waits for an application its account has left, as far as one request goes."""
        fields = await order_fields(request, *NAMED, "dry_run", "after")
        which = misplaced(fields, api_key=caller.api_key, application_id=caller.application_id)
        asked = step(fields, places=1)
        fields.close()
        after = 0 if asked.places is None else asked.places[0]
        if which is None:
            done = Rebound(0, None)
        elif asked.is_dry_run:
            done = await self._rebinding.count(which, after=after, looks=STEPS)
        else:
            done = await self._rebinding.some(which, after=after, slices=STEPS)
        return json_response(
            ReboundBody(
                dry_run=asked.is_dry_run,
                moved=done.moved,
                next=None if done.goes_on_at is None else opaque(done.goes_on_at),
            ),
        )

    async def test(self, request: Request, caller: Caller) -> Response:
        """Send a test event to one application; nothing can be said about it."""
        refuse_key(request, look=DELIVERIES_PATH)
        (await order_fields(request)).close()
        application_id = request.parameters["application_id"]
        if caller.application_id not in {None, application_id}:
            raise NotFound(_NO_APPLICATION)
        try:
            test_id = await self._trials.send(application_id, api_key=caller.api_key)
        except NotFound:
            raise NotFound(_NO_APPLICATION) from None
        return self._shown(await self._found(test_id, caller), status=202)

    async def _found(self, delivery_id: str, caller: Caller) -> DeliveryDetails:
        found = await self._store.read(self._records.find(delivery_id))
        if found is None or not is_among(found, _own(caller)):
            raise NotFound(_NO_DELIVERY)
        return found

    def _shown(self, details: DeliveryDetails, *, status: int = 200) -> Response:
        return json_response(delivery_shown_body(details, now=self._clock()), status=status)


def _own(caller: Caller) -> Selection:
    return Selection(api_key=caller.api_key, application_id=caller.application_id)
