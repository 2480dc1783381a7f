"""Sends a test event to an application, the way its messages go."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from jackfield.applications import Application, Applications
from jackfield.clock import Clock, Moment
from jackfield.deliveries import lane
from jackfield.ids import uuid7
from jackfield.messages import InboundMessage, Text, render
from jackfield.problems import Conflict, NotFound
from jackfield.units import Steps, Store, Unit, unit

NOBODY: Final = "jackfield-test"
"""Who a test is from and to: no provider has such an id, so an answer to it reaches nobody."""

WORDS: Final = "This is a test from Jackfield: nobody wrote it."


@dataclass(frozen=True, slots=True)
class Trial:
    """A test on its way; `body` has the shape of a text message on Messenger."""

    id: str
    message_id: str
    api_key: str
    application_id: str
    body: bytes


class TrialStore(Protocol):
    """What testing asks of the store."""

    def add(self, trial: Trial, *, now: Moment) -> Unit[None]:
        """Store a test that is due now; its application's URL decides where it goes."""
        ...


class Trials:
    """Sends tests; `arrived` wakes who brings them."""

    def __init__(
        self,
        store: Store,
        *,
        applications: Applications,
        trials: TrialStore,
        clock: Clock,
        arrived: Callable[[Collection[int]], None],
    ) -> None:
        self._store = store
        self._applications = applications
        self._trials = trials
        self._clock = clock
        self._arrived = arrived

    async def send(self, application_id: str, *, api_key: str | None) -> str:
        """Send one test to an application of the tenant's (None: of any), and return its id.

        Raises NotFound, and Conflict for an application that has no inbound URL.
        """
        trial = await self._store.commit(self._send(application_id, api_key))
        self._arrived({lane(trial.api_key, trial.application_id)})
        return trial.id

    @unit
    def _send(self, application_id: str, api_key: str | None) -> Steps[Trial]:
        application = yield from self._applications.find(application_id)
        if application is None or api_key not in {None, application.api_key}:
            raise NotFound
        now = self._clock()
        trial = _trial(application, now=now)
        yield from self._trials.add(trial, now=now)
        return trial


def _trial(application: Application, *, now: Moment) -> Trial:
    if application.webhook_version is None or application.inbound_url is None:
        raise Conflict(
            "The application hears no messages: give it a messages capability with an inbound "
            "URL first.",
            title="Application conflict",
        )
    message_id = uuid7()
    body = render(
        InboundMessage(content=Text(WORDS), sent_at=now, raw=msgspec.Raw(b"{}")),
        message_uuid=message_id,
        provider="messenger",
        account=NOBODY,
        person=NOBODY,
        webhook_version=application.webhook_version.value,
    )
    return Trial(uuid7(), message_id, application.api_key, application.id, body)
