"""The command that makes an account: checked and sealed as the API does it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from gateway import Doors
from jackfield.accounts import Provider, Standing
from jackfield.console.account_orders import AccountCreated, CreateAccount
from jackfield.console.listing import show_account
from jackfield.console.listing_orders import ShowAccount
from jackfield.console.orders import AddProviderApp, GrantProviderApp
from jackfield.console.provider_apps import add_provider_app, grant_provider_app
from jackfield.console.registering import create_account
from jackfield.problems import Conflict, Invalid, NotFound
from jackfield.provider_apps import ProviderAppKind
from jackfield.storage.tables import accounts

NUMBER = {
    "phone_number_id": "106000000000001",
    "waba_id": "102000000000001",
    "access_token": "canary-token",
}


async def page(doors: Doors, external_id: str = "1", **more: Any) -> AccountCreated:  # noqa: ANN401 - members
    members: dict[str, Any] = {"api_key": "acme0001", "access_token": "canary-token", **more}
    order = CreateAccount(provider=Provider.MESSENGER, external_id=external_id, **members)
    return await create_account(doors.gateway, order)


async def number(doors: Doors, external_id: str, **more: str) -> AccountCreated:
    order = CreateAccount(
        provider=Provider.WHATSAPP,
        external_id=external_id,
        api_key="acme0001",
        credentials=NUMBER | more,
    )
    return await create_account(doors.gateway, order)


async def test_an_account_made_here_is_what_the_api_would_have_made(both: Doors) -> None:
    acme = await both.tenant()
    body = {"external_id": "2", "access_token": "canary-token", "name": "Acme"}

    made = await page(both, "1", name="Acme")
    by_the_api = await acme.post("/beta/chatapp-accounts/messenger", body)

    shown = (await acme.get("/beta/chatapp-accounts/messenger/1")).json
    assert {**shown, "external_id": "2"} == by_the_api.json
    assert shown["access_token"] == "canary-token"
    assert made == AccountCreated(
        provider=Provider.MESSENGER,
        external_id="1",
        api_key="acme0001",
        name="Acme",
        standing=Standing.CLAIMED,
    )


async def test_its_token_is_sealed(both: Doors) -> None:
    await both.tenant()

    await page(both)

    work = both.gateway.accounts.find(Provider.MESSENGER, "1")
    account = await both.gateway.store.read(work)
    assert account is not None
    assert account.credentials is not None
    assert b"canary" not in account.credentials


async def test_what_the_provider_cannot_use_is_named_and_not_stored(both: Doors) -> None:
    await both.tenant()

    with pytest.raises(Invalid, match="access_token"):
        await page(both, access_token=None)
    with pytest.raises(Invalid, match=r"credentials\.phone_number_id"):
        await number(both, "447700900123", phone_number_id="x")
    with pytest.raises(NotFound, match="`jackfield tenants list` shows"):
        await page(both, api_key="nobody")

    assert await both.count(accounts) == 0


async def test_an_account_that_is_there_is_not_made_again(both: Doors) -> None:
    await both.tenant()
    await both.tenant("zenith01")
    await page(both, api_key="zenith01")
    await number(both, "447700900123")

    with pytest.raises(Conflict, match="the tenant zenith01's: jackfield accounts show messeng"):
        await page(both)
    with pytest.raises(Conflict, match="`jackfield accounts list --provider whatsapp` shows"):
        await number(both, "447700900124")

    assert await both.count(accounts) == 2


async def test_a_provider_app_is_named_only_where_it_serves_the_tenant(both: Doors) -> None:
    await both.tenant()
    await both.provider_app("main")
    await both.provider_app("private", for_all=False)

    with pytest.raises(Invalid, match="jackfield provider-apps grant private acme0001"):
        await number(both, "447700900123", provider_app="private")
    await number(both, "447700900123", provider_app="main")

    assert await both.count(accounts) == 1


PARTNER = {"provider_app": "partner"}
KINDS: dict[str, tuple[Provider, str, dict[str, str], str]] = {
    "a Page": (Provider.MESSENGER, "2000", {}, "2000"),
    "a number": (Provider.WHATSAPP, "447700900123", NUMBER, "106000000000001"),
    "a bot": (
        Provider.VIBER,
        "pa:75000000000000001",
        {"connector": "bot", "auth_token": "canary-token"},
        "pa:75000000000000001",
    ),
    "a business sender": (
        Provider.VIBER,
        "Shop",
        {"connector": "infobip", "sender": "DemoSender", **PARTNER},
        "infobip:DemoSender",
    ),
    "an agent at Google": (
        Provider.RCS,
        "shop_x1@rbm.goog",
        {"connector": "google", **PARTNER},
        "shop_x1@rbm.goog",
    ),
    "an agent at a partner": (
        Provider.RCS,
        "shop",
        {"connector": "infobip", "sender": "DemoSender", **PARTNER},
        "infobip:DemoSender",
    ),
}


@pytest.mark.parametrize(
    ("provider", "external_id", "credentials", "routing_key"), KINDS.values(), ids=KINDS
)
async def test_every_kind_is_made_and_shown_with_what_its_callbacks_name_it_by(
    both: Doors,
    provider: Provider,
    external_id: str,
    credentials: dict[str, str],
    routing_key: str,
) -> None:
    acme = await both.tenant()
    for kind in (ProviderAppKind.INFOBIP, ProviderAppKind.GOOGLE):
        await add_provider_app(both.gateway, AddProviderApp(kind=kind, name="partner", secrets={}))
        grant = GrantProviderApp(kind=kind, name="partner", api_key=None)
        await grant_provider_app(both.gateway, grant)
    order = CreateAccount(
        provider=provider,
        external_id=external_id,
        api_key="acme0001",
        access_token="canary-token" if provider is Provider.MESSENGER else None,
        credentials=credentials or None,
    )

    await create_account(both.gateway, order)

    look = ShowAccount(provider=provider, external_id=external_id)
    shown = await show_account(both.gateway, look)
    by_the_api = await acme.get(f"/beta/chatapp-accounts/{provider}/{quote(external_id, safe='')}")
    assert (shown.routing_key, shown.provider_app) == (
        routing_key,
        credentials.get("provider_app"),
    )
    assert by_the_api.json["external_id"] == external_id
    assert b"canary" not in msgspec.json.encode(shown)


async def test_who_makes_an_account_for_a_partner_that_is_not_there_is_told_how(
    both: Doors,
) -> None:
    await both.tenant()
    order = CreateAccount(
        provider=Provider.RCS,
        external_id="shop_x1@rbm.goog",
        api_key="acme0001",
        credentials={"connector": "google", **PARTNER},
    )

    with pytest.raises(Invalid, match="provider-apps grant partner acme0001 --kind google"):
        await create_account(both.gateway, order)

    assert await both.count(accounts) == 0
