"""What an operator's machines ask: is it alive, is it ready, what has it counted."""

from __future__ import annotations

import asyncio
import hmac
from datetime import timedelta
from typing import Final

from jackfield.api.http import Request, Response, json_response
from jackfield.clock import SECOND, Clock
from jackfield.deliveries import Deliveries
from jackfield.metrics import CONTENT_TYPE, Metrics, Waiting
from jackfield.problems import Forbidden, Unavailable
from jackfield.units import Store

PATIENCE: Final = timedelta(seconds=2)
"""How long the store may take to answer before it counts as not there."""

_FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


class Operations:
    """Answers anybody whether it is well, and the operator why not."""

    def __init__(
        self,
        store: Store,
        deliveries: Deliveries,
        *,
        metrics: Metrics,
        token: str | None,
        clock: Clock,
        patience: timedelta = PATIENCE,
    ) -> None:
        """Take `token`, which opens to others what is otherwise for this machine only."""
        self._store = store
        self._deliveries = deliveries
        self._metrics = metrics
        self._token = token
        self._clock = clock
        self._patience = patience

    async def alive(self, request: Request) -> Response:  # noqa: ARG002 - every handler takes one
        """Say that the loop runs; nothing else is asked."""
        return json_response({"status": "ok"})

    async def ready(self, request: Request) -> Response:
        """Say whether requests can be served; why not, only to the operator."""
        reason = await self._unreadiness()
        if reason is None:
            return json_response({"status": "ready"})
        told = {"reasons": [reason]} if self._is_operator(request) else {}
        return json_response({"status": "not ready", **told}, status=503)

    async def metrics(self, request: Request) -> Response:
        """Return everything that was counted, in Prometheus' text format; to the operator."""
        if not self._is_operator(request):
            raise Forbidden("Ask from this machine, or with the operations token as Bearer token.")
        await self._unreadiness()
        return Response(
            body=self._metrics.render(),
            headers=((b"content-type", CONTENT_TYPE.encode()),),
        )

    async def _unreadiness(self) -> str | None:
        """Return why the store cannot be used, or None after noting how long work has waited."""
        try:
            async with asyncio.timeout(self._patience.total_seconds()):
                lanes = await self._store.read(self._deliveries.lanes())
        except Unavailable as error:
            return error.detail
        except TimeoutError:
            return "The store did not answer in time."
        now = self._clock()
        overdue = max(0, now - min(lanes.values(), default=now))
        self._metrics.set_oldest_pending_ages({Waiting.READY: overdue / SECOND})
        return None

    def _is_operator(self, request: Request) -> bool:
        # What a proxy on this machine passes on comes from anywhere.
        is_direct = not any(request.headers(name) for name in _FORWARDED)
        return (is_direct and request.is_from_loopback) or self._has_token(request)

    def _has_token(self, request: Request) -> bool:
        given = request.headers("authorization")
        if self._token is None or len(given) != 1:
            return False
        scheme, _, token = given[0].partition(" ")
        is_right = hmac.compare_digest(token.strip().encode(), self._token.encode())
        return scheme.lower() == "bearer" and is_right
