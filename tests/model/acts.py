"""What happens to accounts: a unit for the store, and what must come of it in the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from jackfield import links
from jackfield.accounts import Account as StoredAccount
from jackfield.clock import Moment
from jackfield.inbound import Accepted, accept
from jackfield.messages import Reading
from jackfield.units import Steps, Unit, alone, unit
from model import plain_rules
from model.plain_model import Model
from model.scene import ACCOUNTS, Scene, draft, event, plain_account


@dataclass(frozen=True, slots=True)
class Ready:
    """An act about to happen.

    `happen` does it to the model and says what the caller must be told: the type of a Problem,
    or something that `told` finds in what the store gave back. `is_news` says that the dispatcher
    is woken by it.
    """

    work: Unit[Any]
    happen: Callable[[Model], object]
    told: Callable[[Any], object] = lambda _: None
    is_news: bool = True


class Act(Protocol):
    def ready(self, scene: Scene, now: Moment) -> Ready: ...


@dataclass(frozen=True, slots=True)
class Saying:
    """A new event, or one that came before: the same, or another under the same key."""

    account: str
    people: tuple[str, ...]
    repeats: int | None = None
    differs: bool = False


@dataclass(frozen=True, slots=True)
class Hear:
    """One webhook arrives, with some events."""

    sayings: tuple[Saying, ...]

    def ready(self, scene: Scene, now: Moment) -> Ready:
        said = []
        for one in self.sayings:
            again = None
            if one.repeats is not None:
                again = scene.repeats(one.repeats, differs=one.differs)
            said.append(again or scene.says(one.account, one.people))
        work = accept(
            Reading(events=[event(one) for one in said]),
            provider_app_id=scene.provider_app_id,
            now=now,
            arrivals=scene.parts.arrivals,
        )
        return Ready(work, lambda model: model.hear(said, now=now), _counts)


def _counts(accepted: Accepted) -> tuple[int, int, int, int]:
    return accepted.delivered, accepted.held, accepted.repeated, accepted.unknown


@dataclass(frozen=True, slots=True)
class Register:
    account: str
    is_claimed: bool
    application: str | None

    def ready(self, scene: Scene, now: Moment) -> Ready:
        application_id = None if self.application is None else scene.ids[self.application]
        new = draft(self.account, is_claimed=self.is_claimed, application_id=application_id)
        plain = plain_account(
            self.account, is_claimed=self.is_claimed, application_id=application_id
        )
        work = links.register(
            new, accounts=scene.parts.accounts, applications=scene.parts.applications
        )
        return Ready(
            work, lambda model: plain_rules.register(model, self.account, plain), is_news=False
        )


@dataclass(frozen=True, slots=True)
class Link:
    account: str
    application: str

    def ready(self, scene: Scene, now: Moment) -> Ready:
        provider, api_key = ACCOUNTS[self.account]
        application_id = scene.ids[self.application]
        work = links.link(
            provider,
            self.account,
            application_id=application_id,
            api_key=api_key,
            accounts=scene.parts.accounts,
            applications=scene.parts.applications,
        )
        return Ready(work, lambda model: plain_rules.link(model, self.account, application_id))


@dataclass(frozen=True, slots=True)
class Unlink:
    account: str
    application: str

    def ready(self, scene: Scene, now: Moment) -> Ready:
        provider, api_key = ACCOUNTS[self.account]
        application_id = scene.ids[self.application]
        work = links.unlink(
            provider,
            self.account,
            application_id=application_id,
            api_key=api_key,
            accounts=scene.parts.accounts,
            applications=scene.parts.applications,
        )
        return Ready(
            work,
            lambda model: plain_rules.unlink(model, self.account, application_id),
            is_news=False,
        )


@dataclass(frozen=True, slots=True)
class Swap:
    """Name another application in one step, or none."""

    account: str
    application: str | None

    def ready(self, scene: Scene, now: Moment) -> Ready:
        provider, api_key = ACCOUNTS[self.account]
        application_id = None if self.application is None else scene.ids[self.application]
        work = links.change(
            provider,
            self.account,
            edit=_as_it_is,
            linked_to=[] if application_id is None else [application_id],
            api_key=api_key,
            accounts=scene.parts.accounts,
            applications=scene.parts.applications,
        )
        return Ready(work, lambda model: plain_rules.swap(model, self.account, application_id))


@unit
def _as_it_is(account: StoredAccount) -> Steps[StoredAccount]:
    yield from ()
    return account


@dataclass(frozen=True, slots=True)
class Delete:
    account: str

    def ready(self, scene: Scene, now: Moment) -> Ready:
        provider, api_key = ACCOUNTS[self.account]
        work = links.delete(
            provider, self.account, api_key=api_key, now=now, accounts=scene.parts.accounts
        )
        return Ready(
            alone(work), lambda model: plain_rules.delete(model, self.account), is_news=False
        )


@dataclass(frozen=True, slots=True)
class Vouch:
    account: str

    def ready(self, scene: Scene, now: Moment) -> Ready:
        work = _vouched(scene, self.account)
        return Ready(work, lambda model: plain_rules.vouch(model, self.account))


@unit
def _vouched(scene: Scene, account: str) -> Steps[None]:
    provider, _ = ACCOUNTS[account]
    there = yield from scene.parts.accounts.find(provider, account)
    if there is not None:
        yield from scene.parts.accounts.vouch(there.id)
