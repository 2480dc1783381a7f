"""Who there is in the examples, and what they are about to say."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final

import msgspec

from jackfield.accounts import Draft, Provider, Standing
from jackfield.applications import Application, WebhookVersion
from jackfield.clock import Moment
from jackfield.messages import Event, InboundMessage, Text
from jackfield.provider_apps import SecretRole
from jackfield.sealing import Keyring
from jackfield.storage import accounts, applications, provider_apps, tenants
from jackfield.tenants import Tenant, signature_secret_place
from jackfield.units import Steps, unit
from model.plain_model import Model
from model.plain_rules import register
from model.plain_values import Account, Said
from model.plain_values import Application as PlainApplication
from model.plain_values import Tenant as PlainTenant
from model.process import Parts
from world import SIGNATURE_SECRET

START: Final = Moment(1_795_000_000_000)
ACME, BETA = "acme0001", "beta0002"
ACCOUNTS: Final = {
    "2001": (Provider.MESSENGER, ACME),
    "447700900001": (Provider.WHATSAPP, ACME),
    "3001": (Provider.MESSENGER, BETA),
}
OWNERS: Final = {"desk": ACME, "shop": ACME, "bot": BETA}
URLS: Final = ("https://one.example/in", "https://two.example/in")
PEOPLE: Final = (("447700900101", "US.101"), ("447700900102", "US.102"))


@dataclass
class Scene:
    """What the machine knows besides the model: the ids of things, and what was said."""

    parts: Parts
    provider_app_id: int = 1
    ids: dict[str, str] = field(default_factory=dict)
    said: list[Said] = field(default_factory=list)
    delivery_ids: dict[str, str] = field(default_factory=dict)
    applications_made: int = 0

    def another_application(self, name: str, url: str | None) -> Application:
        """Return an application that takes the name of the one there was; its id is new."""
        self.applications_made += 1
        self.ids[name] = f"00000000-0000-4000-8000-{self.applications_made:012d}"
        return Application(
            id=self.ids[name],
            api_key=OWNERS[name],
            name=name,
            public_key=None,
            webhook_version=WebhookVersion.V0_1 if name == "shop" else WebhookVersion.V1,
            inbound_url=url,
            status_url=None,
            document=b"{}",
            version=1,
            created_at=START,
        )

    def says(self, account: str, people: tuple[str, ...]) -> Said:
        """Return something new that is said to an account."""
        number = len(self.said)
        said = Said(account, people, f"key-{number}", f"words {number}")
        self.said.append(said)
        return said

    def repeats(self, which: int, *, differs: bool) -> Said | None:
        """Return what was said before, in the same words or not; nothing if nothing was."""
        if not self.said:
            return None
        said = self.said[-1 - which % len(self.said)]
        return replace(said, text=f"{said.text}, differently") if differs else said


def event(said: Said) -> Event:
    provider, _ = ACCOUNTS[said.account]
    return Event(
        provider=provider,
        routing_key=said.account,
        key=said.key,
        people=said.people,
        message=InboundMessage(content=Text(said.text), sent_at=START, raw=msgspec.Raw(b"{}")),
        digest=sha256(said.text.encode()).digest(),
    )


def draft(account: str, *, is_claimed: bool, application_id: str | None) -> Draft:
    provider, api_key = ACCOUNTS[account]
    return Draft(
        provider=provider,
        external_id=account,
        routing_key=account,
        api_key=api_key,
        name=None,
        standing=Standing.CLAIMED if is_claimed else Standing.VOUCHED,
        provider_app_id=None,
        credentials=None,
        application_id=application_id,
        created_at=START,
    )


def plain_account(account: str, *, is_claimed: bool, application_id: str | None) -> Account:
    provider, api_key = ACCOUNTS[account]
    return Account(0, api_key, provider is Provider.WHATSAPP, is_claimed, application_id)


LINKED_AT_FIRST: Final = {"2001": "desk", "447700900001": "shop", "3001": "bot"}
URLS_AT_FIRST: Final = {"desk": URLS[0], "shop": URLS[1], "bot": URLS[0]}


@unit
def furnish(scene: Scene, model: Model, keys: Keyring) -> Steps[None]:
    """Put two tenants there, their applications and accounts, and one provider app for all."""
    yield from provider_apps.add("meta", "shared", sealed={SecretRole.APP_SECRET: b""}, now=START)
    yield from provider_apps.grant_all(scene.provider_app_id)
    for api_key in (ACME, BETA):
        yield from tenants.add(Tenant(api_key, api_key, START))
        sealed = keys.seal(SIGNATURE_SECRET.encode(), place=signature_secret_place(api_key))
        yield from tenants.add_signature_secret(api_key, sealed, now=START)
        model.tenants[api_key] = PlainTenant()
    for name, url in URLS_AT_FIRST.items():
        application = scene.another_application(name, url)
        yield from applications.add(application)
        model.applications[application.id] = PlainApplication(application.api_key, url)
    for account, name in LINKED_AT_FIRST.items():
        application_id = None if name is None else scene.ids[name]
        yield from accounts.add(draft(account, is_claimed=False, application_id=application_id))
        register(
            model, account, plain_account(account, is_claimed=False, application_id=application_id)
        )
