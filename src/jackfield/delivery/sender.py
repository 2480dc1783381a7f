"""One attempt to bring a delivery to its URL: signs, sends, and says how it ended."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import MappingProxyType

from jackfield.clock import SECOND, Clock, Moment
from jackfield.crashpoints import Crashpoint, reach
from jackfield.deliveries import (
    Attempt,
    Deliveries,
    Elsewhere,
    Outcome,
    Outgoing,
    Pending,
    lasted,
)
from jackfield.delivery.signing import signed_headers
from jackfield.egress import Egress, Failure, Reply, Unreached
from jackfield.metrics import Metrics
from jackfield.sealing import Keyring
from jackfield.tenants import signature_secret_place
from jackfield.units import Store

# Ruling R26.
CONNECT_TIMEOUT = timedelta(seconds=3)
TOTAL_TIMEOUT = timedelta(seconds=15)

_UNREACHED: Mapping[Failure, Outcome] = MappingProxyType(
    {Failure.NOT_ALLOWED: Outcome.NOT_ALLOWED, Failure.TIMED_OUT: Outcome.TIMED_OUT},
)
_STATUS: Mapping[int, Outcome] = MappingProxyType(
    {410: Outcome.GONE, 429: Outcome.THROTTLED},
)


class Sender:
    """Attempts deliveries over the one door out; decides nothing about what follows."""

    def __init__(
        self,
        store: Store,
        deliveries: Deliveries,
        *,
        egress: Egress,
        keyring: Keyring,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._deliveries = deliveries
        self._egress = egress
        self._keyring = keyring
        self._clock = clock
        self._metrics = metrics

    async def attempt(self, item: Pending, url: str) -> Attempt | Elsewhere | None:
        """Send the delivery once, to where its application lives now, with the bytes it has.

        Returns Elsewhere, and nothing is sent, when that is not `url`, whose gate let it through;
        None when it is no longer to be done: its account was deleted, say.
        """
        outgoing = await self._store.read(self._deliveries.outgoing(item))
        started_at = self._clock()
        if outgoing is None:
            return None
        if outgoing.url is None:
            detail = "the application it was bound to has no inbound URL any more"
            return Attempt(item.tries + 1, started_at, 0, Outcome.NOWHERE, detail=detail)
        if outgoing.url != url:
            return Elsewhere(outgoing.url)
        answer = await self._egress.post(
            url,
            body=outgoing.body,
            headers=await self._headers(item, outgoing, now=started_at),
            connect_timeout=CONNECT_TIMEOUT,
            total_timeout=TOTAL_TIMEOUT,
        )
        ended_at = self._clock()
        attempt = _attempt(answer, item=item, started_at=started_at, ended_at=ended_at)
        if item.tries:
            self._metrics.retried_total.inc()
        if attempt.outcome is Outcome.DELIVERED:
            waited = (ended_at - outgoing.accepted_at) / SECOND
            self._metrics.deliver_seconds.observe(max(waited, 0))
        return attempt

    async def _headers(self, item: Pending, outgoing: Outgoing, *, now: Moment) -> dict[str, str]:
        place = signature_secret_place(outgoing.api_key)
        # Asked for each message, and written once in a while.
        sealed = await self._store.recall(self._deliveries.signature_secrets(outgoing.api_key))
        signed = signed_headers(
            outgoing.body,
            delivery_id=item.subject,
            secrets=[self._keyring.unseal(each, place=place).decode() for each in sealed],
            api_key=outgoing.api_key,
            application_id=outgoing.application_id,
            now=now,
            token_id=str(uuid.uuid4()),
        )
        reach(Crashpoint.SIGNED_NOT_SENT)
        return {"Content-Type": "application/json", **signed}


def _attempt(
    answer: Reply | Unreached,
    *,
    item: Pending,
    started_at: Moment,
    ended_at: Moment,
) -> Attempt:
    tried, milliseconds = item.tries + 1, lasted(started_at, ended_at)
    if isinstance(answer, Unreached):
        outcome = _UNREACHED.get(answer.failure, Outcome.UNREACHABLE)
        return Attempt(tried, started_at, milliseconds, outcome, detail=answer.detail)
    return Attempt(
        tried,
        started_at,
        milliseconds,
        outcome_of(answer.status),
        status=answer.status,
        retry_after=retry_after(answer.headers.get("retry-after"), now=ended_at),
    )


def outcome_of(status: int) -> Outcome:
    """Return what an HTTP status says about a delivery (ruling R15)."""
    if 200 <= status < 300:
        return Outcome.DELIVERED
    if status in _STATUS:
        return _STATUS[status]
    return Outcome.FAILED if status >= 500 else Outcome.REJECTED


def retry_after(value: str | None, *, now: Moment) -> timedelta | None:
    """Return how long a `Retry-After` header asks to wait; None when it says nothing usable.

    Takes seconds or an HTTP date (RFC 9110, section 10.2.3).
    """
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return timedelta(seconds=min(int(value[:9]), 10**8))
    try:
        when = parsedate_to_datetime(value)
        return max(when - datetime.fromtimestamp(now / SECOND, UTC), timedelta(0))
    except (ValueError, TypeError, OverflowError):
        return None  # a stranger's nonsense is the same as saying nothing
