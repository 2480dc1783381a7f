"""Where providers call us: a handshake, or a signed body that is stored before it gets its 200."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Collection, Mapping
from itertools import chain
from typing import Final

import structlog
from starlette.types import Message, Receive, Scope, Send

from jackfield.api.http import Request, Response, request_id, send_response
from jackfield.clock import SECOND, Clock
from jackfield.crashpoints import Crashpoint, reach
from jackfield.inbound import Accepted, Arrivals, accept
from jackfield.messages import Reading, Unread
from jackfield.metrics import Metrics
from jackfield.problems import Forbidden, NotFound, Unauthenticated
from jackfield.provider_apps import ProviderApp, ProviderApps, SecretRole, secret_place
from jackfield.providers import WEBHOOKS
from jackfield.providers.contract import Webhook
from jackfield.sealing import Keyring
from jackfield.units import Store, quick

log = structlog.get_logger()

BODY_LIMIT: Final = 8 << 20
"""Bytes that a provider may send at once (ruling R26)."""

_FEW: Final = 8
"""So many events are stored as quickly as one is."""

_NOTHING: Final = Accepted(delivered=0, held=0, repeated=0, unknown=0, unread=0)


class ProviderWebhooks:
    """Answers the providers at `/webhooks/KIND/NAME`, one path for each of the operator's apps."""

    def __init__(
        self,
        store: Store,
        *,
        provider_apps: ProviderApps,
        arrivals: Arrivals,
        keyring: Keyring,
        clock: Clock,
        metrics: Metrics,
        arrived: Callable[[Collection[int]], None],
        webhooks: Mapping[str, Webhook] = WEBHOOKS,
    ) -> None:
        """Take `arrived`, which is told in which lanes something is due; `webhooks` are a door."""
        self._store = store
        self._provider_apps = provider_apps
        self._arrivals = arrivals
        self._keyring = keyring
        self._clock = clock
        self._metrics = metrics
        self._arrived = arrived
        self._webhooks = webhooks

    async def challenge(self, request: Request) -> Response:
        """Answer a handshake in plain text; a wrong one is `Forbidden`."""
        webhook, app = await self._called(request)
        told = webhook.challenge(request.query, self._unsealed(app, SecretRole.VERIFY_TOKEN))
        if told is None:
            raise Forbidden("The verify token is not the one this provider app was given.")
        return Response(body=told.encode(), headers=((b"content-type", b"text/plain"),))

    async def accept(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Store all that a signed body says, and then answer 200: the ASGI application itself.

        Size and time are bounded before the signature is looked at; a bad one is
        `Unauthenticated`. When the store cannot commit, `Unavailable` makes the provider call
        again.
        """
        began = time.perf_counter()
        request = Request(scope, _watched(receive))
        webhook, app = await self._called(request)
        body = await request.body(BODY_LIMIT)
        if not webhook.verify(body, _headers(scope), self._unsealed(app, SecretRole.APP_SECRET)):
            self._metrics.webhook_signature_failures_total.inc()
            raise Unauthenticated("The signature is missing or wrong.")
        reach(Crashpoint.VERIFIED_NOT_QUEUED)
        reading = _read(webhook, body, request=request_id(scope))
        accepted = await self._store_all(reading, app)
        reach(Crashpoint.COMMITTED_NOT_ANSWERED)
        try:
            await send_response(Response(), scope, send)
            reach(Crashpoint.ANSWERED)
        finally:
            if accepted.delivered:
                self._arrived(accepted.lanes)
        self._metrics.ingest_ack_seconds.observe(time.perf_counter() - began)
        self._count(reading, accepted, kind=app.kind)

    async def _called(self, request: Request) -> tuple[Webhook, ProviderApp]:
        """Return whom the path names; raise `NotFound` when there is no such provider app."""
        kind, name = request.parameters["kind"], request.parameters["name"]
        webhook = self._webhooks.get(kind)
        if webhook is None:
            raise NotFound
        app = await self._store.recall(self._provider_apps.find(kind, name))
        if app is None:
            raise NotFound
        return webhook, app

    def _unsealed(self, app: ProviderApp, role: SecretRole) -> list[bytes]:
        place = secret_place(app.kind, app.name, role)
        return [self._keyring.unseal(sealed, place=place) for sealed in app.sealed[role]]

    async def _store_all(self, reading: Reading, app: ProviderApp) -> Accepted:
        if not reading.events and not reading.unread:
            return _NOTHING  # receipts and echoes only: there is nothing to make durable
        work = accept(
            reading,
            provider_app_id=app.id,
            now=self._clock(),
            arrivals=self._arrivals,
        )
        is_small = len(reading.events) + len(reading.unread) <= _FEW
        return await self._store.commit(quick(work) if is_small else work)

    def _count(self, reading: Reading, accepted: Accepted, *, kind: str) -> None:
        providers = chain(
            (e.provider for e in reading.events), (u.provider for u in reading.unread)
        )
        channel = next(filter(None, providers), kind)
        results = {
            "delivered": accepted.delivered,
            "held": accepted.held,
            "repeated": accepted.repeated,
            "unknown": accepted.unknown,
            "unread": accepted.unread,
            "ignored": reading.ignored.total(),
        }
        for result, amount in results.items():
            if amount:
                self._metrics.ingested(channel, result, amount)
        if reading.events:
            sent_at = min(event.message.sent_at for event in reading.events)
            lag = (self._clock() - sent_at) / SECOND
            self._metrics.provider_lag_seconds.observe(max(lag, 0))
        if accepted.repeated:
            self._metrics.duplicates_suppressed_total.inc(accepted.repeated)


def _read(webhook: Webhook, body: bytes, *, request: str) -> Reading:
    """Return what the body says; all of it as one unread piece if our reader breaks on it."""
    reach(Crashpoint.READING_EVENTS)
    try:
        return webhook.read(body)
    except Exception as error:  # noqa: BLE001 - whatever it was, it is said and the body is kept
        # A reader promises not to raise. If it does, neither the message nor the provider's
        # patience may be lost. The error's own words may quote the message: they stay out.
        broke = type(error).__name__
        where = "".join(traceback.format_tb(error.__traceback__))
        log.error("webhook.reader_broke", request=request, error=broke, traceback=where)  # noqa: TRY400 - see above
        return Reading(unread=[Unread(reason=f"our reader broke: {broke}", body=body)])


def _watched(receive: Receive) -> Receive:
    async def watched() -> Message:
        message = await receive()
        if message.get("more_body"):
            reach(Crashpoint.BODY_HALF_READ)
        return message

    return watched


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
