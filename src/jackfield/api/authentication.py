"""Turns a request's Authorization header into its Caller, before anything else is looked at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from jackfield.api.http import Request, Response, send_response
from jackfield.auth import (
    ApiSecrets,
    ApplicationKeys,
    Caller,
    Secrets,
    Signatures,
    parse_basic,
    parse_bearer,
    read_acl,
)
from jackfield.auth.access import agree
from jackfield.clock import Clock
from jackfield.problems import Forbidden, Unauthenticated
from jackfield.units import Store

PrivateHandler: TypeAlias = Callable[[Request, Caller], Awaitable[Response]]
Recognise: TypeAlias = Callable[[Request], Awaitable[Caller]]


class Authentication:
    """Knows who is calling. The rows are read at every use, so a revocation counts at once."""

    def __init__(
        self,
        store: Store,
        *,
        api_secrets: ApiSecrets,
        secrets: Secrets,
        application_keys: ApplicationKeys,
        clock: Clock,
    ) -> None:
        self._store = store
        self._api_secrets = api_secrets
        self._secrets = secrets
        self._application_keys = application_keys
        self._signatures = Signatures()
        self._clock = clock

    async def caller(self, request: Request) -> Caller:
        """Return who sent `request`, which has exactly one scheme in one header (ruling R12).

        Basic: an API key and its secret. Bearer: an application's token. Raises
        `Unauthenticated` for anything else, whatever is wrong with it; `Forbidden`, without a
        reason, for what the token's own allow-list does not cover (ruling R11); `Unavailable`
        when too many secrets wait to be checked; and, for an allow-list with filters, what
        reading the query and the body raises.
        """
        header = _only_header(request)
        if header[:6].lower() == "basic ":
            return await self._owner(header)
        return await self._application(header, request)

    async def owner(self, request: Request) -> Caller:
        """Return who sent `request` as `caller` does, where only a key and a secret count."""
        return await self._owner(_only_header(request))

    def endpoint(self, handler: PrivateHandler) -> ASGIApp:
        """Return the ASGI application that answers a known caller with what `handler` returns."""
        return _endpoint(handler, self.caller)

    def owner_endpoint(self, handler: PrivateHandler) -> ASGIApp:
        """Return the same for those who come with a key and a secret, and with no token."""
        return _endpoint(handler, self.owner)

    async def _owner(self, header: str) -> Caller:
        pair = parse_basic(header)
        if pair is None:
            raise Unauthenticated
        api_key, secret = pair
        stored = await self._store.recall(self._api_secrets.live_api_secrets(api_key))
        if not await self._secrets.verify(secret, stored):
            raise Unauthenticated
        return Caller(api_key)

    async def _application(self, header: str, request: Request) -> Caller:
        token = parse_bearer(header)
        if token is None or not token.is_current(self._clock()):
            raise Unauthenticated
        work = self._application_keys.application_key(token.application_id)
        key = await self._store.recall(work)
        if (
            key is None
            or key.public_key is None
            or not self._signatures.is_signed(token, key.public_key)
        ):
            raise Unauthenticated
        # Only now is the list worth anything: before, a stranger could have written it.
        if token.acl is not None and not await _is_allowed(request, token.acl):
            raise Forbidden
        return Caller(key.api_key, token.application_id)


def _only_header(request: Request) -> str:
    given = request.headers("authorization")
    if len(given) != 1:
        raise Unauthenticated
    return given[0]


def _endpoint(handler: PrivateHandler, recognise: Recognise) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        caller = await recognise(request)
        await send_response(await handler(request, caller), scope, send)

    return answer


async def _is_allowed(request: Request, acl: bytes) -> bool:
    """Say whether the list covers `request`; the body is read only where a filter needs it."""
    asked = read_acl(acl).filters_for(request.method, request.path)
    if not asked or not all(asked):
        return bool(asked)
    sources = (request.parameters, request.query, await _members(request))
    return any(agree(filters, sources) for filters in asked)


async def _members(request: Request) -> Mapping[str, object]:
    """Return the body's members; none of one whose fault its handler will name."""
    try:
        body = msgspec.json.decode(await request.body() or b"{}")
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
