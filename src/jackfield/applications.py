"""Applications: who receives, where, and with which public key it calls."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from jackfield.clock import Moment
from jackfield.units import Unit


class WebhookVersion(StrEnum):
    """Which shape of webhook an application hears."""

    V1 = "v1"
    V0_1 = "v0.1"


@dataclass(frozen=True, slots=True)
class Application:
    """One receiver of a tenant's.

    `document` is JSON (UTF-8) of what was given and has no rule here: privacy, the members of
    `capabilities.messages` beyond those below, and every other capability, returned as given.
    """

    id: str
    api_key: str
    name: str
    public_key: str | None
    webhook_version: WebhookVersion | None
    inbound_url: str | None
    status_url: str | None
    document: bytes
    version: int
    created_at: Moment

    @property
    def hears_messages(self) -> bool:
        """Whether it is "of type messages": it has the messages capability."""
        return self.webhook_version is not None


class Applications(Protocol):
    """What is asked of the applications' table."""

    def add(self, application: Application) -> Unit[None]:
        """Store a new application; its id is random and was never used."""
        ...

    def find(self, application_id: str) -> Unit[Application | None]:
        """Return the application, whoever owns it, or None."""
        ...
