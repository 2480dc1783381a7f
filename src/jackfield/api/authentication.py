"""Turns a request's Authorization header into its Caller, before anything else is looked at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from starlette.types import ASGIApp, Receive, Scope, Send

from jackfield.api.http import Request, Response, send_response
from jackfield.auth import ApiSecrets, Caller, Secrets, parse_basic
from jackfield.problems import Unauthenticated
from jackfield.units import Store

PrivateHandler: TypeAlias = Callable[[Request, Caller], Awaitable[Response]]


class Authentication:
    """Knows who is calling. The rows are read at every use, so a revocation counts at once."""

    def __init__(self, store: Store, api_secrets: ApiSecrets, *, secrets: Secrets) -> None:
        self._store = store
        self._api_secrets = api_secrets
        self._secrets = secrets

    async def caller(self, request: Request) -> Caller:
        """Return who sent `request`, which has exactly one scheme in one header (ruling R12).

        Raises `Unauthenticated` otherwise and for a wrong secret, whichever of the two it was,
        and `Unavailable` when too many secrets wait to be checked.
        """
        given = request.headers("authorization")
        pair = parse_basic(given[0]) if len(given) == 1 else None
        if pair is None:
            raise Unauthenticated
        api_key, secret = pair
        stored = await self._store.read(self._api_secrets.live_api_secrets(api_key))
        if not await self._secrets.verify(secret, stored):
            raise Unauthenticated
        return Caller(api_key)

    def endpoint(self, handler: PrivateHandler) -> ASGIApp:
        """Return the ASGI application that answers a known caller with what `handler` returns."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope, receive)
            caller = await self.caller(request)
            await send_response(await handler(request, caller), scope, send)

        return answer
