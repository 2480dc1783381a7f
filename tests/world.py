"""Named people and things for the tests: tenants, applications, accounts, and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count

import msgspec

from jackfield import links
from jackfield.accounts import Account, Draft, Provider, Standing
from jackfield.applications import Application, WebhookVersion
from jackfield.clock import Moment, after, now
from jackfield.ids import application_id
from jackfield.inbound import Accepted, accept
from jackfield.messages import Event, InboundMessage, Reading, Text
from jackfield.provider_apps import SecretRole
from jackfield.sealing import Keyring
from jackfield.storage import accounts, applications, arrivals, provider_apps, tenants
from jackfield.storage.opening import OpenStore
from jackfield.tenants import Tenant, signature_secret_place

SIGNATURE_SECRET = "a signature secret that is long enough to sign with"
MASTER_KEY = bytes(range(32))

_numbers = count(1)


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    time: Moment = field(default_factory=now)

    def __call__(self) -> Moment:
        return self.time

    def advance(self, delay: object) -> None:
        """Move it by a timedelta."""
        self.time = after(self.time, delay)  # type: ignore[arg-type] # a timedelta, said above


@dataclass
class World:
    """What a test finds there: a store with one provider app that serves everybody."""

    store: OpenStore
    keys: Keyring = field(default_factory=lambda: Keyring([MASTER_KEY]))
    provider_app_id: int = 0

    async def open(self) -> World:
        """Put the provider app there."""
        made = provider_apps.add("meta", "shared", sealed={SecretRole.APP_SECRET: b""}, now=now())
        await self.store.commit(made)
        found = await self.store.read(provider_apps.find("meta", "shared"))
        assert found is not None
        self.provider_app_id = found.id
        await self.store.commit(provider_apps.grant_all(found.id))
        return self

    async def tenant(self, api_key: str = "acme0001", *, inbound_url: str | None = None) -> Tenant:
        """Make a tenant that can sign."""
        tenant = Tenant(api_key, f"{api_key} Ltd", now(), inbound_url)
        await self.store.commit(tenants.add(tenant))
        sealed = self.keys.seal(SIGNATURE_SECRET.encode(), place=signature_secret_place(api_key))
        await self.store.commit(tenants.add_signature_secret(api_key, sealed, now=now()))
        return tenant

    async def application(
        self, inbound_url: str | None, *, api_key: str = "acme0001"
    ) -> Application:
        """Make an application that hears messages at `inbound_url`, if it has one."""
        application = Application(
            id=application_id(),
            api_key=api_key,
            name="Desk",
            public_key=None,
            webhook_version=WebhookVersion.V1,
            inbound_url=inbound_url,
            status_url=None,
            document=b"{}",
            version=1,
            created_at=now(),
        )
        await self.store.commit(applications.add(application))
        return application

    async def page(
        self,
        external_id: str = "200000000000002",
        *,
        application: Application | None = None,
        standing: Standing = Standing.VOUCHED,
        api_key: str = "acme0001",
        provider: Provider = Provider.MESSENGER,
    ) -> Account:
        """Register a Page (or another kind of account), linked from the start if asked."""
        draft = Draft(
            provider=provider,
            external_id=external_id,
            routing_key=external_id,
            api_key=api_key,
            name=None,
            standing=standing,
            provider_app_id=None,
            credentials=None,
            application_id=None if application is None else application.id,
            created_at=now(),
        )
        return await self.store.commit(
            links.register(draft, accounts=accounts, applications=applications),
        )

    async def link(self, account: Account, application: Application) -> Account:
        """Link them as their owner would."""
        return await self.store.commit(
            links.link(
                account.provider,
                account.external_id,
                application_id=application.id,
                api_key=account.api_key,
                accounts=accounts,
                applications=applications,
            ),
        )

    async def hear(self, *events: Event, at: Moment | None = None) -> Accepted:
        """Let one verified webhook arrive with these events."""
        return await self.store.commit(
            accept(
                Reading(events=list(events)),
                provider_app_id=self.provider_app_id,
                now=at or now(),
                arrivals=arrivals,
            ),
        )


def said(
    text: str,
    *,
    to: Account,
    by: str | Sequence[str] = "700000000000007",
    key: str | None = None,
) -> Event:
    """Return the event of one person saying `text` to an account."""
    return Event(
        provider=to.provider,
        routing_key=to.routing_key,
        key=key or f"m_{next(_numbers)}",
        people=(by,) if isinstance(by, str) else tuple(by),
        message=InboundMessage(content=Text(text), sent_at=now(), raw=msgspec.Raw(b"{}")),
        digest=sha256(text.encode()).digest(),
    )
