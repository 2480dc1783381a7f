"""What an operator commands, on both databases."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator

import pytest

from gateway import Client, Doors, basic, opened
from jackfield.accounts import Provider, Standing
from jackfield.console import commands, provider_apps
from jackfield.console.commands import COMMANDS
from jackfield.console.orders import (
    AddProviderApp,
    CreateTenant,
    GrantProviderApp,
    VouchAccount,
)
from jackfield.problems import Conflict, Invalid, NotFound
from jackfield.provider_apps import ProviderAppKind, SecretRole, secret_place
from jackfield.storage.tables import api_secrets, tenants
from jackfield.tenants import signature_secret_place

ACME = CreateTenant(name="Acme")
META = {SecretRole.APP_SECRET: "s3cret", SecretRole.VERIFY_TOKEN: "the word"}
MAIN = AddProviderApp(kind=ProviderAppKind.META, name="main", secrets=META)


@pytest.fixture
async def doors(database_url: str) -> AsyncIterator[Doors]:
    """A gateway on each engine."""
    async with opened(database_url) as doors:
        yield doors


async def test_a_new_tenant_is_let_in_with_the_secret_it_was_given(doors: Doors) -> None:
    made = await commands.create_tenant(doors.gateway, ACME)

    caller = Client(doors.asgi, (basic(made.api_key, made.api_secret),))
    answer = await caller.get("/beta/chatapp-accounts")

    assert answer.status == 200
    assert (len(made.api_key), len(made.api_secret)) == (8, 32)


async def test_a_tenant_may_choose_its_key_and_secret(doors: Doors) -> None:
    order = CreateTenant(name="Acme", api_key="acme_1-Z", api_secret="correct horse")

    made = await commands.create_tenant(doors.gateway, order)

    caller = Client(doors.asgi, (basic("acme_1-Z", "correct horse"),))
    assert (await caller.get("/beta/chatapp-accounts")).status == 200
    assert (made.api_key, made.api_secret) == ("acme_1-Z", "correct horse")


async def test_the_webhook_secret_is_the_signature_secret_that_was_sealed(doors: Doors) -> None:
    made = await commands.create_tenant(doors.gateway, ACME)

    work = doors.gateway.tenants.signature_secrets_of(made.api_key)
    (sealed,) = await doors.gateway.store.read(work)
    place = signature_secret_place(made.api_key)
    opened_secret = doors.gateway.keys.unseal(sealed, place=place).decode()

    assert opened_secret == made.signature_secret
    assert made.webhook_secret.startswith("whsec_")
    encoded = made.webhook_secret.removeprefix("whsec_")
    assert base64.b64decode(encoded).decode() == made.signature_secret


async def test_a_taken_api_key_is_a_conflict_and_leaves_nothing_behind(doors: Doors) -> None:
    order = CreateTenant(name="Acme", api_key="acme")
    await commands.create_tenant(doors.gateway, order)

    with pytest.raises(Conflict, match="The API key acme is taken"):
        await commands.create_tenant(doors.gateway, order)

    assert await doors.count(tenants) == 1
    assert await doors.count(api_secrets) == 1


@pytest.mark.parametrize("api_key", ["", "a b", "a:b", "ü", "a" * 65, "a\n"])
async def test_an_api_key_that_no_header_could_carry_is_refused(
    doors: Doors,
    api_key: str,
) -> None:
    with pytest.raises(Invalid, match="an API key is 1 to 64"):
        await commands.create_tenant(doors.gateway, CreateTenant(name="Acme", api_key=api_key))


@pytest.mark.parametrize("text", ["", " padded", "line\nbreak", "nul\0", "x" * 256, "\ud800"])
async def test_a_text_that_cannot_be_kept_or_typed_is_refused(doors: Doors, text: str) -> None:
    orders = [CreateTenant(name=text), CreateTenant(name="Acme", api_secret=text)]

    for order in orders:
        with pytest.raises(Invalid, match="visible characters"):
            await commands.create_tenant(doors.gateway, order)

    assert await doors.count(tenants) == 0


async def test_a_provider_app_is_kept_sealed_and_serves_nobody_yet(doors: Doors) -> None:
    tenant = await commands.create_tenant(doors.gateway, ACME)

    added = await provider_apps.add_provider_app(doors.gateway, MAIN)

    store, apps = doors.gateway.store, doors.gateway.provider_apps
    app = await store.read(apps.find("meta", "main"))
    assert app is not None
    (sealed,) = app.sealed[SecretRole.APP_SECRET]
    place = secret_place("meta", "main", SecretRole.APP_SECRET)
    assert added.webhook_path == "/webhooks/meta/main"
    assert doors.gateway.keys.unseal(sealed, place=place) == b"s3cret"
    assert not await store.read(apps.may_serve(app.id, tenant.api_key))


async def test_a_provider_app_answers_the_challenge_with_its_verify_token(doors: Doors) -> None:
    added = await provider_apps.add_provider_app(doors.gateway, MAIN)
    query = "hub.mode=subscribe&hub.verify_token=the%20word&hub.challenge=4711"

    answer = await doors.anybody().get(f"{added.webhook_path}?{query}")

    assert (answer.status, answer.body) == (200, b"4711")


async def test_a_second_provider_app_of_a_name_is_a_conflict(doors: Doors) -> None:
    await provider_apps.add_provider_app(doors.gateway, MAIN)

    with pytest.raises(Conflict, match="named main already"):
        await provider_apps.add_provider_app(doors.gateway, MAIN)


@pytest.mark.parametrize("name", ["", "Main", "a/b", "-a", "a b", "a" * 64, "a\n"])
async def test_a_provider_apps_name_must_do_as_the_end_of_a_path(doors: Doors, name: str) -> None:
    order = AddProviderApp(kind=ProviderAppKind.META, name=name, secrets=META)

    with pytest.raises(Invalid, match="a-z, 0-9 and -"):
        await provider_apps.add_provider_app(doors.gateway, order)


async def test_a_grant_reaches_the_named_tenant_and_no_other(doors: Doors) -> None:
    granted = await commands.create_tenant(doors.gateway, ACME)
    other = await commands.create_tenant(doors.gateway, ACME)
    await provider_apps.add_provider_app(doors.gateway, MAIN)

    order = GrantProviderApp(name="main", api_key=granted.api_key)
    await provider_apps.grant_provider_app(doors.gateway, order)

    store, apps = doors.gateway.store, doors.gateway.provider_apps
    app = await store.read(apps.find("meta", "main"))
    assert app is not None
    assert await store.read(apps.may_serve(app.id, granted.api_key))
    assert not await store.read(apps.may_serve(app.id, other.api_key))


async def test_a_grant_to_all_reaches_tenants_that_come_later(doors: Doors) -> None:
    await provider_apps.add_provider_app(doors.gateway, MAIN)

    order = GrantProviderApp(name="main", api_key=None)
    granted = await provider_apps.grant_provider_app(doors.gateway, order)

    later = await commands.create_tenant(doors.gateway, ACME)
    store, apps = doors.gateway.store, doors.gateway.provider_apps
    app = await store.read(apps.find("meta", "main"))
    assert app is not None
    assert granted.all
    assert await store.read(apps.may_serve(app.id, later.api_key))


async def test_what_is_not_there_cannot_be_granted(doors: Doors) -> None:
    with pytest.raises(NotFound, match="no provider app named main"):
        await provider_apps.grant_provider_app(
            doors.gateway,
            GrantProviderApp(name="main", api_key=None),
        )

    await provider_apps.add_provider_app(doors.gateway, MAIN)
    with pytest.raises(NotFound, match="no tenant with the API key nobody"):
        await provider_apps.grant_provider_app(
            doors.gateway,
            GrantProviderApp(name="main", api_key="nobody"),
        )


async def test_an_account_that_was_only_claimed_is_vouched_for(doors: Doors) -> None:
    caller = await doors.tenant()
    page = {"external_id": "200000000000002", "access_token": "token"}
    assert (await caller.post("/beta/chatapp-accounts/messenger", page)).status == 201
    order = VouchAccount(provider=Provider.MESSENGER, external_id="200000000000002")

    vouched = await commands.vouch_account(doors.gateway, order)

    work = doors.gateway.accounts.find(Provider.MESSENGER, "200000000000002")
    account = await doors.gateway.store.read(work)
    assert account is not None
    assert vouched.standing is Standing.VOUCHED is account.standing


async def test_an_account_that_is_not_there_cannot_be_vouched_for(doors: Doors) -> None:
    order = VouchAccount(provider=Provider.RCS, external_id="agent")

    with pytest.raises(NotFound, match="no rcs account agent"):
        await commands.vouch_account(doors.gateway, order)


def test_every_command_has_the_name_of_its_noun_and_verb() -> None:
    assert set(COMMANDS) == {
        "tenants.create",
        "tenants.list",
        "tenants.show",
        "tenants.set",
        "tenants.disable",
        "tenants.enable",
        "tenants.secrets.add",
        "tenants.secrets.revoke",
        "tenants.signature.rotate",
        "provider-apps.add",
        "provider-apps.list",
        "provider-apps.show",
        "provider-apps.grant",
        "provider-apps.revoke",
        "provider-apps.secrets.add",
        "provider-apps.secrets.revoke",
        "accounts.list",
        "accounts.show",
        "accounts.vouch",
        "accounts.create",
        "accounts.link",
        "accounts.unlink",
        "accounts.delete",
        "applications.list",
        "applications.show",
        "applications.create",
        "applications.delete",
        "audit",
        "people.erase",
        "keys.show",
        "keys.rotate.begin",
        "keys.rotate.reseal",
        "keys.rotate.finish",
        "applications.test",
        "deliveries.list",
        "deliveries.show",
        "deliveries.replay-one",
        "deliveries.replay",
        "deliveries.rebind",
        "destinations.list",
        "destinations.pause",
        "destinations.resume",
        "unread.list",
        "unread.show",
        "unread.reparse",
        "unread.discard",
        "unknown.list",
        "unknown.assign",
        "unknown.discard",
    }
