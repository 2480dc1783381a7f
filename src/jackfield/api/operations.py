"""What an operator's machines ask: is it alive, is it ready, what has it counted."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from jackfield.api.http import Request, Response, json_response
from jackfield.balance import Books
from jackfield.keeping.watch import Watch
from jackfield.metrics import CONTENT_TYPE, Metrics
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
        books: Books,
        watch: Watch,
        *,
        metrics: Metrics,
        warnings: Callable[[], Sequence[str]],
        token: str | None,
        patience: timedelta = PATIENCE,
    ) -> None:
        """Take `token`, which opens to others what is otherwise for this machine only.

        `warnings` are what its operator must know, and what nobody need be sent away for.
        """
        self._store = store
        self._books = books
        self._watch = watch
        self._metrics = metrics
        self._warnings = warnings
        self._token = token
        self._patience = patience

    async def alive(self, request: Request) -> Response:  # noqa: ARG002 - every handler takes one
        """Say that the loop runs; nothing else is asked."""
        return json_response({"status": "ok"})

    async def ready(self, request: Request) -> Response:
        """Say whether requests can be served; why not, and what else is wrong, to the operator.

        Books that differ are a warning: whoever stopped accepting for that would lose more.
        """
        is_operator = self._is_operator(request)
        reason = await self._unreadiness()
        if reason is not None:
            told = {"reasons": [reason]} if is_operator else {}
            return json_response({"status": "not ready", **told}, status=503)
        warnings = list(self._warnings()) if is_operator else []
        return json_response({"status": "ready"} | ({"warnings": warnings} if warnings else {}))

    async def metrics(self, request: Request) -> Response:
        """Return everything that was counted, in Prometheus' text format; to the operator."""
        if not self._is_operator(request):
            raise Forbidden("Ask from this machine, or with the operations token as Bearer token.")
        await self._watch.look(patience=self._patience)
        return Response(
            body=self._metrics.render(),
            headers=((b"content-type", CONTENT_TYPE.encode()),),
        )

    async def _unreadiness(self) -> str | None:
        """Return why the store cannot be used, or None when it answers: any point read will do."""
        try:
            async with asyncio.timeout(self._patience.total_seconds()):
                await self._store.read(self._books.are_open())
        except Unavailable as error:
            return error.detail
        except TimeoutError:
            return "The store did not answer in time."
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
