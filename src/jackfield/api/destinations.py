"""A tenant's URLs: how they are doing, paused and resumed (ruling R30)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from typing import Final

from jackfield.api.application_fields import LONGEST_URL
from jackfield.api.bodies import Fields, order_fields
from jackfield.api.delivery_bodies import DestinationPageBody, destination_body
from jackfield.api.delivery_fields import LONGEST_CURSOR
from jackfield.api.http import Request, Response, json_response
from jackfield.auth import Caller
from jackfield.clock import Clock
from jackfield.delivery.afterwards import Afterwards
from jackfield.delivery.pausing import Remembered, Whose
from jackfield.problems import NotFound
from jackfield.units import Store

LARGEST_PAGE: Final = 100

# The same words whether nobody uses it or somebody else does.
_NO_URL = (
    "Nothing of yours hears at this URL, written just so, and `GET /v1/destinations` does not "
    "list it. `GET /v2/applications` shows where your applications hear."
)


class TenantDestinations:
    """Answers known callers: a tenant about every URL of its own, an application about its own."""

    def __init__(self, store: Store, afterwards: Afterwards, *, clock: Clock) -> None:
        self._store = store
        self._pages = afterwards.destinations
        self._pausing = afterwards.pausing
        self._clock = clock

    async def page(self, request: Request, caller: Caller) -> Response:
        """Return one page of the URLs about which something is remembered."""
        fields = Fields(request.query)
        fields.refuse_unknown("page_size", "after")
        page_size = fields.number("page_size", default=20, largest=LARGEST_PAGE)
        after = _url_behind(fields)
        fields.close()
        work = self._pages.page(
            api_key=caller.api_key,
            application_id=caller.application_id,
            after=(caller.api_key, after),
            limit=page_size + 1,
        )
        found = await self._store.read(work)
        shown, now = found[:page_size], self._clock()
        body = DestinationPageBody(
            [destination_body(each, now=now) for each in shown],
            _opaque(shown[-1].url) if len(found) > page_size else None,
        )
        return json_response(body)

    async def pause(self, request: Request, caller: Caller) -> Response:
        """Call a URL no more until it is resumed."""
        return await self._changed(request, caller, self._pausing.pause)

    async def resume(self, request: Request, caller: Caller) -> Response:
        """Call a URL again, gently."""
        return await self._changed(request, caller, self._pausing.resume)

    async def _changed(
        self,
        request: Request,
        caller: Caller,
        change: Callable[[Whose, str], Awaitable[Remembered]],
    ) -> Response:
        fields = await order_fields(request, "url")
        url = fields.required_text("url", longest=LONGEST_URL)
        fields.close()
        try:
            changed = await change(Whose(caller.api_key, caller.application_id), url)
        except NotFound:
            raise NotFound(_NO_URL) from None
        return json_response(destination_body(changed, now=self._clock()))


def _opaque(url: str) -> str:
    return base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def _url_behind(fields: Fields) -> str:
    """Return the URL that `after` stands for; none when there is none, or it is not ours."""
    given = fields.text("after", longest=LONGEST_CURSOR)
    if given is None:
        return ""
    try:
        url = base64.urlsafe_b64decode(f"{given}{'=' * (-len(given) % 4)}").decode()
    except (binascii.Error, ValueError):
        url = ""
    if "\0" not in url and _opaque(url) == given:
        return url
    fields.refuse("after", "must be taken from a `next`; or begin without it")
    return ""
