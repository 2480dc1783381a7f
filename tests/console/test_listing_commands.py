"""Commands that look at accounts and applications: every page, every tenant, no secret."""

from __future__ import annotations

import msgspec
import pytest

from gateway import Client, Doors, application
from jackfield.accounts import Provider
from jackfield.console import listing
from jackfield.console.listing_orders import (
    ListAccounts,
    ListApplications,
    ShowAccount,
    ShowApplication,
)
from jackfield.problems import Invalid, NotFound
from world import World, said

ACCOUNTS = "/beta/chatapp-accounts"


async def page(owner: Client, external_id: str, **more: object) -> None:
    body = {"external_id": external_id, "access_token": "canary-token", **more}
    assert (await owner.post(f"{ACCOUNTS}/messenger", body)).status == 201


async def number(owner: Client, external_id: str) -> None:
    body = {
        "external_id": external_id,
        "credentials": {
            "phone_number_id": f"1{external_id}",
            "waba_id": "102000000000001",
            "access_token": "canary-token",
        },
    }
    assert (await owner.post(f"{ACCOUNTS}/whatsapp", body)).status == 201


async def walk(doors: Doors, *, limit: int, **narrow: object) -> list[str]:
    """Return the ids of all pages."""
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        order = msgspec.convert({"after": after, "limit": limit, **narrow}, ListAccounts)
        listed = await listing.list_accounts(doors.gateway, order)
        assert len(listed.accounts) <= limit
        seen += [one.external_id for one in listed.accounts]
        after = listed.next
    return seen


async def test_pages_show_each_account_once_and_can_be_narrowed(both: Doors) -> None:
    acme, zenith = await both.tenant(), await both.tenant("zenith01")
    for n in range(3):
        await page(acme, f"10{n}")
        await page(zenith, f"20{n}")
    await number(acme, "447700900123")

    everything = await walk(both, limit=2)
    of_one = await walk(both, limit=3, api_key="zenith01")
    of_whatsapp = await walk(both, limit=1, provider="whatsapp")
    of_both = await walk(both, limit=1, api_key="zenith01", provider="whatsapp")

    assert everything == ["100", "200", "101", "201", "102", "202", "447700900123"]
    assert of_one == ["200", "201", "202"]
    assert of_whatsapp == ["447700900123"]
    assert of_both == []


async def test_an_account_is_shown_with_what_waits_and_without_its_token(
    both: Doors,
) -> None:
    world = await World(both.gateway.store, both.gateway.keys).open()
    await world.tenant(inbound_url=None)
    account = await world.page("1")
    other = await world.page("2", api_key="acme0001")
    await world.hear(said("one", to=account), said("two", to=account), said("x", to=other))
    linked = await world.link(other, await world.application("https://desk.example/in"))
    await world.hear(said("three", to=account))

    shown = await listing.show_account(
        both.gateway, ShowAccount(provider=Provider.MESSENGER, external_id="1")
    )
    beside = await listing.show_account(
        both.gateway, ShowAccount(provider=Provider.MESSENGER, external_id="2")
    )

    assert (shown.held, shown.pending, shown.application_id) == (3, 0, None)
    assert (shown.standing, shown.version, shown.link_version) == ("vouched", 1, 1)
    assert (beside.held, beside.application_id) == (1, linked.application_id)
    assert beside.version == beside.link_version == 2


async def test_what_is_pending_is_counted_for_its_account(both: Doors) -> None:
    world = await World(both.gateway.store, both.gateway.keys).open()
    await world.tenant()
    desk = await world.application("https://desk.example/in")
    account = await world.page("1", application=desk)
    other = await world.page("2", application=desk)
    await world.hear(said("one", to=account), said("two", to=account), said("x", to=other))

    shown = await listing.show_account(
        both.gateway, ShowAccount(provider=Provider.MESSENGER, external_id="1")
    )

    assert (shown.held, shown.pending) == (0, 2)


async def test_no_listing_holds_a_token(both: Doors) -> None:
    await page(await both.tenant(), "1", name="Acme")

    listed = await listing.list_accounts(both.gateway, ListAccounts())
    shown = await listing.show_account(
        both.gateway, ShowAccount(provider=Provider.MESSENGER, external_id="1")
    )

    assert listed.accounts[0].name == shown.name == "Acme"
    assert b"canary" not in msgspec.json.encode([listed, shown])


async def test_applications_are_listed_for_all_and_for_one(both: Doors) -> None:
    acme, zenith = await both.tenant(), await both.tenant("zenith01")
    ours = [await application(acme, version="v1") for _ in range(2)]
    theirs = await application(zenith, version="v1")

    first = await listing.list_applications(both.gateway, ListApplications(limit=2))
    rest = await listing.list_applications(
        both.gateway, ListApplications(limit=2, after=first.next or "")
    )
    one = await listing.list_applications(both.gateway, ListApplications(api_key="zenith01"))

    assert [each.id for each in first.applications] == ours
    assert [each.id for each in rest.applications] == [theirs]
    assert [each.id for each in one.applications] == [theirs]
    assert (rest.next, one.next) == (None, None)


async def test_an_application_is_shown_with_how_many_accounts_it_hears(both: Doors) -> None:
    acme = await both.tenant()
    desk = await application(acme, version="v1")
    for n in range(2):
        await page(acme, f"10{n}", applications=[desk])
    await page(acme, "200")

    shown = await listing.show_application(both.gateway, ShowApplication(id=desk))

    assert (shown.api_key, shown.accounts, shown.has_public_key) == ("acme0001", 2, True)
    assert shown.webhook_version == "v1"


async def test_what_is_not_there_is_said_with_what_to_do(both: Doors) -> None:
    gateway = both.gateway

    with pytest.raises(NotFound, match="`jackfield accounts list --provider rcs` shows"):
        await listing.show_account(gateway, ShowAccount(provider=Provider.RCS, external_id="x"))
    with pytest.raises(NotFound, match="`jackfield applications list` shows"):
        await listing.show_application(gateway, ShowApplication(id="x"))
    with pytest.raises(NotFound, match="`jackfield tenants list` shows"):
        await listing.list_accounts(gateway, ListAccounts(api_key="nobody"))
    with pytest.raises(NotFound, match="`jackfield tenants list` shows"):
        await listing.list_applications(gateway, ListApplications(api_key="nobody"))
    with pytest.raises(Invalid, match="1 to 500"):
        await listing.list_accounts(gateway, ListAccounts(limit=0))
