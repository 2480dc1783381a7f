"""What the owners of applications may do, and operators."""

from __future__ import annotations

from dataclasses import dataclass, replace

from jackfield import applications as application_rules
from jackfield.applications import Application, Applications, Description, WebhookVersion
from jackfield.clock import Moment
from jackfield.delivery.destinations import Paused
from jackfield.delivery.rebinding import Misplaced, Rebinds, move_slice
from jackfield.delivery.replaying import PutBack
from jackfield.storage import tenants
from jackfield.tenants import TenantChange
from jackfield.units import Steps, alone, unit
from model import plain_rules
from model.acts import Ready
from model.plain_model import Model
from model.plain_values import Application as PlainApplication
from model.scene import OWNERS, Scene


@dataclass(frozen=True, slots=True)
class Replace:
    """Delete an application, and make another of its name."""

    application: str
    url: str | None

    def ready(self, scene: Scene, now: Moment) -> Ready:
        old = scene.ids[self.application]
        new = scene.another_application(self.application, self.url)
        work = _replaced(old, new, scene.parts.applications)

        def happen(model: Model) -> object:
            told = plain_rules.remove(model, old)
            model.applications[new.id] = PlainApplication(new.api_key, new.inbound_url)
            return told

        return Ready(alone(work), happen)


@unit
def _replaced(old: str, new: Application, applications: Applications) -> Steps[None]:
    yield from application_rules.remove(old, api_key=new.api_key, applications=applications)
    yield from applications.add(new)


@dataclass(frozen=True, slots=True)
class Describe:
    """Give an application another URL, or none, or take its messages capability away."""

    application: str
    url: str | None
    hears_messages: bool = True

    def ready(self, scene: Scene, now: Moment) -> Ready:
        application_id = scene.ids[self.application]
        version = WebhookVersion.V0_1 if self.application == "shop" else WebhookVersion.V1
        description = Description(
            name=self.application,
            public_key=None,
            webhook_version=version if self.hears_messages else None,
            inbound_url=self.url,
            status_url=None,
            document=b"{}",
        )
        work = application_rules.change(
            application_id,
            description,
            api_key=OWNERS[self.application],
            applications=scene.parts.applications,
        )
        return Ready(
            work,
            lambda model: plain_rules.describe(
                model, application_id, url=self.url, hears_messages=self.hears_messages
            ),
        )


@dataclass(frozen=True, slots=True)
class OwnUrl:
    """Give a tenant a URL for what nobody else hears, or none."""

    api_key: str
    url: str | None

    def ready(self, scene: Scene, now: Moment) -> Ready:
        def happen(model: Model) -> None:
            there = model.tenants[self.api_key]
            plain_rules.change_tenant(model, self.api_key, replace(there, own_url=self.url))

        return Ready(alone(_own_url(self.api_key, self.url)), happen)


# These two as the console has them.
@unit
def _own_url(api_key: str, url: str | None) -> Steps[None]:
    before = yield from tenants.claim_to_let_in(api_key)
    assert before is not None
    yield from tenants.change(
        api_key, TenantChange(name=before.name, inbound_url=url, status_url=None)
    )
    if before.inbound_url is None and url is not None:
        yield from tenants.release_held(api_key)
    elif before.inbound_url is not None and url is None:
        yield from tenants.hold(api_key)


@unit
def _disable(api_key: str, since: Moment | None) -> Steps[None]:
    claim = tenants.claim_to_let_in if since is None else tenants.claim
    yield from claim(api_key)
    yield from tenants.disable(api_key, since=since)
    if since is None:
        yield from tenants.release_held(api_key)


@dataclass(frozen=True, slots=True)
class Disable:
    """Shut a tenant out, or let it in again."""

    api_key: str
    is_disabled: bool = True

    def ready(self, scene: Scene, now: Moment) -> Ready:
        def happen(model: Model) -> None:
            there = model.tenants[self.api_key]
            plain_rules.change_tenant(
                model, self.api_key, replace(there, is_disabled=self.is_disabled)
            )

        work = _disable(self.api_key, now if self.is_disabled else None)
        # To let a tenant in is done alone, to shut it out is not.
        work = work if self.is_disabled else alone(work)
        return Ready(work, happen, is_news=not self.is_disabled)


@dataclass(frozen=True, slots=True)
class Pause:
    api_key: str
    url: str

    def ready(self, scene: Scene, now: Moment) -> Ready:
        work = scene.parts.destinations.pause(
            self.api_key, self.url, because=Paused.REQUESTED, now=now
        )
        return Ready(work, lambda model: plain_rules.pause(model, (self.api_key, self.url)), bool)


@dataclass(frozen=True, slots=True)
class Resume:
    api_key: str
    url: str

    def ready(self, scene: Scene, now: Moment) -> Ready:
        work = scene.parts.destinations.resume(self.api_key, self.url, now=now)
        return Ready(
            work, lambda model: plain_rules.resume(model, (self.api_key, self.url), now=now), bool
        )


@dataclass(frozen=True, slots=True)
class Replay:
    """Send messages again, by how new they are."""

    which: tuple[int, ...]

    def ready(self, scene: Scene, now: Moment) -> Ready:
        texts = [[*scene.delivery_ids][-1 - each % len(scene.delivery_ids)] for each in self.which]
        delivery_ids = [scene.delivery_ids[text] for text in dict.fromkeys(texts)]
        work = scene.parts.replays.put_back(delivery_ids, now=now)
        return Ready(alone(work), lambda model: plain_rules.replay(model, texts, now=now), _put)


def _put(put: PutBack) -> tuple[int, int]:
    return put.pending, put.held


@dataclass(frozen=True, slots=True)
class Rebind:
    """Move what waits for somebody who is not linked any more."""

    api_key: str | None

    def ready(self, scene: Scene, now: Moment) -> Ready:
        work = _rebound(Misplaced(api_key=self.api_key), now, scene.parts.rebinds)
        return Ready(alone(work), lambda model: plain_rules.rebind(model, self.api_key), int)


@unit
def _rebound(which: Misplaced, now: Moment, rebinds: Rebinds) -> Steps[int]:
    moved, place = 0, 0
    while True:
        step = yield from move_slice(which, after=place, now=now, rebinds=rebinds)
        moved += step.moved
        if step.goes_on_at is None:
            return moved
        place = step.goes_on_at
