"""Applications: who receives, where, and with which public key it calls."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from jackfield.clock import Moment
from jackfield.problems import NotFound, OutcomeUnknown, Stale
from jackfield.units import Steps, Unit, alone, unit


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


@dataclass(frozen=True, slots=True)
class Description:
    """What an owner says of an application: all of it but whose it is, and since when."""

    name: str
    public_key: str | None
    webhook_version: WebhookVersion | None
    inbound_url: str | None
    status_url: str | None
    document: bytes


@dataclass(frozen=True, slots=True)
class ApplicationPage:
    """One page of a tenant's applications, in the order they were made, and how many there are."""

    applications: Sequence[Application]
    total: int


class Applications(Protocol):
    """What is asked of the applications' table."""

    def add(self, application: Application) -> Unit[None]:
        """Store a new application; its id is random and was never used."""
        ...

    def find(self, application_id: str) -> Unit[Application | None]:
        """Return the application, whoever owns it, or None."""
        ...

    def find_to_change(self, application_id: str) -> Unit[Application | None]:
        """Return what `find` does; nobody else changes or links it before this unit ends."""
        ...

    def find_to_link(self, application_id: str) -> Unit[Application | None]:
        """Return what `find` does; nobody changes or deletes it before this unit ends."""
        ...

    def page(self, api_key: str, *, offset: int, limit: int) -> Unit[ApplicationPage]:
        """Return `limit` applications of one tenant after the first `offset`."""
        ...

    def put(self, application: Application) -> Unit[None]:
        """Store a changed application in the place of the one that has its id."""
        ...

    def remove(self, application: Application) -> Unit[None]:
        """Forget an application that no account is linked to."""
        ...

    def unbind(self, application_id: str) -> Unit[None]:
        """Unlink every account, and hold again what is still owed to the application.

        What has somebody else to go to (another application, or the tenant's own URL) is then
        released to it. Where much is owed it is the newest, and the rest follows slice by slice:
        see `delivery.withdrawing`.
        """
        ...

    def hold(self, application_id: str) -> Unit[None]:
        """Hold again what is still owed to the application, as `unbind` does; links stay."""
        ...

    def release(self, application_id: str) -> Unit[None]:
        """Let what is held for the linked accounts go out."""
        ...


def change(
    application_id: str,
    description: Description,
    *,
    api_key: str,
    applications: Applications,
    versions: Collection[int] | None = None,
) -> Unit[Application]:
    """Replace all that a tenant says of an application of its own, and return it.

    Its version is raised when that differs from what was there. Without the messages capability
    it loses its links, and what waits for it is held (ruling R18); without a URL that is held too,
    and a URL where there was none releases what is held. Raises NotFound for an application that
    the tenant does not have, and Stale when it has none of `versions`.
    """
    return alone(_change(application_id, description, api_key, applications, versions))


def remove(
    application_id: str,
    *,
    api_key: str,
    applications: Applications,
    versions: Collection[int] | None = None,
) -> Unit[None]:
    """Delete an application of a tenant's, with its links; what waits for it is held (R18).

    Raises NotFound for an application that the tenant does not have, and Stale when it has none
    of `versions`.
    """
    return alone(_remove(application_id, api_key, applications, versions))


@unit
def stands(written: Application, *, applications: Applications) -> Steps[bool]:
    """Say whether an application is as a write returned it, when nobody knows if it was stored.

    Raises OutcomeUnknown when it was changed since, so that it can be said no more.
    """
    found = yield from applications.find(written.id)
    if found == written:
        return True
    if found is None or found.version < written.version:
        return False
    raise OutcomeUnknown


@unit
def is_gone(application_id: str, *, applications: Applications) -> Steps[bool]:
    """Say whether there is no such application; an id is never used again."""
    found = yield from applications.find(application_id)
    return found is None


@unit
def _change(
    application_id: str,
    description: Description,
    api_key: str,
    applications: Applications,
    versions: Collection[int] | None,
) -> Steps[Application]:
    there = yield from _owned(application_id, api_key, applications, versions)
    wanted = replace(
        there,
        name=description.name,
        public_key=description.public_key,
        webhook_version=description.webhook_version,
        inbound_url=description.inbound_url,
        status_url=description.status_url,
        document=description.document,
    )
    if wanted == there:
        return there
    changed = replace(wanted, version=there.version + 1)
    yield from applications.put(changed)
    if there.hears_messages and not changed.hears_messages:
        yield from applications.unbind(application_id)
    elif there.inbound_url is None and changed.inbound_url is not None:
        yield from applications.release(application_id)
    elif there.inbound_url is not None and changed.inbound_url is None:
        yield from applications.hold(application_id)
    return changed


@unit
def _remove(
    application_id: str,
    api_key: str,
    applications: Applications,
    versions: Collection[int] | None,
) -> Steps[None]:
    there = yield from _owned(application_id, api_key, applications, versions)
    yield from applications.unbind(application_id)
    yield from applications.remove(there)


@unit
def _owned(
    application_id: str,
    api_key: str,
    applications: Applications,
    versions: Collection[int] | None,
) -> Steps[Application]:
    application = yield from applications.find_to_change(application_id)
    if application is None or application.api_key != api_key:
        raise NotFound
    if versions is not None and application.version not in versions:
        raise Stale
    return application
