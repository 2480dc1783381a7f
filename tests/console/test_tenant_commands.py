"""Commands about tenants: what they show, and that what they shut is shut at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from databases import look
from gateway import SECRET, Client, Doors, basic, opened, signature
from jackfield.accounts import Provider
from jackfield.console import commands, tenant_secrets, tenants
from jackfield.console.orders import CreateTenant, VouchAccount
from jackfield.console.tenant_orders import (
    AddApiSecret,
    ListTenants,
    RevokeApiSecret,
    SetTenant,
    ShowTenant,
)
from jackfield.delivery.signing import webhook_secret
from jackfield.problems import Conflict, Invalid, NotFound
from jackfield.tenants import signature_secret_place

ACCOUNTS = "/beta/chatapp-accounts"
PAGE = "200000000000002"
ACME = ShowTenant(api_key="acme0001")


@pytest.fixture
async def second(both: Doors, database_url: str) -> AsyncIterator[Doors]:
    """Another gateway on the same database, as another process would be (PostgreSQL only)."""
    if not database_url.startswith("postgresql"):
        pytest.skip("SQLite has one writer")
    async with opened(database_url) as doors:
        yield doors


def caller(doors: Doors, secret: str) -> Client:
    return Client(doors.asgi, (basic("acme0001", secret),))


async def status(doors: Doors, secret: str = SECRET) -> int:
    return (await caller(doors, secret).get(ACCOUNTS)).status


async def test_a_listing_goes_on_where_the_page_before_ended(both: Doors) -> None:
    for key in ("a", "b", "c"):
        await both.tenant(key)

    first = await tenants.list_tenants(both.gateway, ListTenants(limit=2))
    rest = await tenants.list_tenants(both.gateway, ListTenants(after="b", limit=2))

    assert [one.api_key for one in first.tenants] == ["a", "b"]
    assert (first.next, rest.next) == ("b", None)
    assert [one.api_key for one in rest.tenants] == ["c"]


@pytest.mark.parametrize("limit", [0, -1, 501])
async def test_a_page_of_no_rows_or_too_many_is_refused(both: Doors, limit: int) -> None:
    with pytest.raises(Invalid, match="1 to 500"):
        await tenants.list_tenants(both.gateway, ListTenants(limit=limit))


async def test_what_is_shown_of_a_tenant_names_its_secrets_and_holds_none(both: Doors) -> None:
    order = CreateTenant(name="Acme", api_key="acme0001", api_secret="correct horse")
    made = await commands.create_tenant(both.gateway, order)
    added = await tenant_secrets.add_api_secret(both.gateway, AddApiSecret(api_key="acme0001"))

    shown = await tenants.show_tenant(both.gateway, ACME)

    assert [one.kind for one in shown.api_secrets] == ["generated", "chosen"]
    assert shown.api_secrets[0].id == added.id
    assert len(shown.signature_secrets) == 1
    document = msgspec.json.encode(shown).decode()
    for secret in (made.api_secret, added.api_secret, made.signature_secret):
        assert secret not in document


async def test_who_is_not_there_is_said_with_what_to_do(both: Doors) -> None:
    orders = {
        "tenants.show": ACME,
        "tenants.set": SetTenant(api_key="acme0001", name="x"),
        "tenants.disable": ACME,
        "tenants.enable": ACME,
        "tenants.secrets.add": AddApiSecret(api_key="acme0001"),
        "tenants.secrets.revoke": RevokeApiSecret(api_key="acme0001", id=1),
        "tenants.signature.rotate": ACME,
    }

    for name, order in orders.items():
        with pytest.raises(NotFound, match="`jackfield tenants list` shows those there are"):
            await commands.COMMANDS[name].run(both.gateway, order)


async def test_a_set_changes_what_is_given_and_empty_clears(both: Doors) -> None:
    await both.tenant()
    url = "https://acme.example/in"

    named = SetTenant(api_key="acme0001", name="New", inbound_url=url, status_url=url)
    changed = await tenants.set_tenant(both.gateway, named)
    cleared = await tenants.set_tenant(both.gateway, SetTenant(api_key="acme0001", inbound_url=""))

    assert (changed.name, changed.inbound_url, changed.status_url) == ("New", url, url)
    assert (cleared.name, cleared.inbound_url, cleared.status_url) == ("New", None, url)
    shown = await tenants.show_tenant(both.gateway, ACME)
    assert (shown.name, shown.inbound_url, shown.status_url) == ("New", None, url)


@pytest.mark.parametrize("url", ["ftp://acme.example", "acme.example", "https://u:p@acme.example"])
async def test_a_url_that_nothing_can_be_sent_to_is_refused(both: Doors, url: str) -> None:
    await both.tenant()

    for order in (
        SetTenant(api_key="acme0001", name="New", inbound_url=url),
        SetTenant(api_key="acme0001", name="New", status_url=url),
    ):
        with pytest.raises(Invalid, match="cannot be used"):
            await tenants.set_tenant(both.gateway, order)

    assert (await tenants.show_tenant(both.gateway, ACME)).name == "acme0001 Ltd"


async def test_a_set_of_nothing_or_of_an_empty_name_is_refused(both: Doors) -> None:
    await both.tenant()

    with pytest.raises(Invalid, match="nothing to change"):
        await tenants.set_tenant(both.gateway, SetTenant(api_key="acme0001"))
    with pytest.raises(Invalid, match="visible characters"):
        await tenants.set_tenant(both.gateway, SetTenant(api_key="acme0001", name=""))


async def held_and_bound(database_url: str) -> tuple[int, int]:
    rows = await look(
        database_url,
        "SELECT SUM(CASE WHEN state = 'held' THEN 1 ELSE 0 END), "
        "SUM(CASE WHEN state = 'pending' THEN 1 ELSE 0 END) FROM deliveries",
    )
    return int(rows[0][0] or 0), int(rows[0][1] or 0)


async def page_of_a_tenant(doors: Doors) -> Client:
    """Make a tenant with a Page that is vouched for and linked to nothing."""
    owner = await doors.tenant()
    await doors.provider_app()
    page = {"external_id": PAGE, "access_token": "token"}
    assert (await owner.post(f"{ACCOUNTS}/messenger", page)).status == 201
    order = VouchAccount(provider=Provider.MESSENGER, external_id=PAGE)
    await commands.vouch_account(doors.gateway, order)
    return owner


async def somebody_writes(doors: Doors, mid: str) -> None:
    event = {
        "sender": {"id": "700000000000007"},
        "recipient": {"id": PAGE},
        "timestamp": 1_700_000_000_000,
        "message": {"mid": mid, "text": "Hello"},
    }
    entry = {"id": PAGE, "time": 1_700_000_000_000, "messaging": [event]}
    body = msgspec.json.encode({"object": "page", "entry": [entry]})
    answer = await doors.anybody().post(
        "/webhooks/meta/main", body, x_hub_signature_256=signature(body)
    )
    assert answer.status == 200


async def until_nothing_is_held(database_url: str) -> None:
    async with asyncio.timeout(20):
        while (await held_and_bound(database_url))[0]:
            await asyncio.sleep(0.01)


async def test_a_first_inbound_url_hears_what_was_held(both: Doors, database_url: str) -> None:
    await page_of_a_tenant(both)
    await somebody_writes(both, "m_1")
    before = await held_and_bound(database_url)
    both.gateway.releaser.start()

    order = SetTenant(api_key="acme0001", inbound_url="https://acme.example/in")
    changed = await tenants.set_tenant(both.gateway, order)
    await until_nothing_is_held(database_url)

    assert before == (1, 0)
    assert changed.releasing == 1
    assert await held_and_bound(database_url) == (0, 1)


async def test_what_waits_for_an_inbound_url_that_is_taken_away_is_held(
    both: Doors, database_url: str
) -> None:
    await page_of_a_tenant(both)
    order = SetTenant(api_key="acme0001", inbound_url="https://acme.example/in")
    await tenants.set_tenant(both.gateway, order)
    await somebody_writes(both, "m_1")
    both.gateway.releaser.start()
    await until_nothing_is_held(database_url)
    before = await held_and_bound(database_url)

    await tenants.set_tenant(both.gateway, SetTenant(api_key="acme0001", name="New"))
    renamed = await held_and_bound(database_url)
    await tenants.set_tenant(both.gateway, SetTenant(api_key="acme0001", inbound_url=""))

    assert before == renamed == (0, 1)
    assert await held_and_bound(database_url) == (1, 0)


async def test_a_disabled_tenant_is_shut_out_and_its_messages_wait(
    both: Doors,
    database_url: str,
) -> None:
    await page_of_a_tenant(both)
    await tenants.set_tenant(
        both.gateway, SetTenant(api_key="acme0001", inbound_url="https://acme.example/in")
    )
    let_in = await status(both)

    disabled = await tenants.disable_tenant(both.gateway, ACME)
    shut_out = await status(both)
    await somebody_writes(both, "m_1")
    waiting = await held_and_bound(database_url)
    both.gateway.releaser.start()
    enabled = await tenants.enable_tenant(both.gateway, ACME)
    await until_nothing_is_held(database_url)

    assert (let_in, shut_out, await status(both)) == (200, 401, 200)
    assert (disabled.disabled, enabled.disabled) == (True, False)
    assert (waiting, enabled.releasing) == ((1, 0), 1)
    assert await held_and_bound(database_url) == (0, 1)


async def test_a_tenant_is_disabled_in_every_process_at_once(both: Doors, second: Doors) -> None:
    await both.tenant()
    let_in = await status(second)

    await tenants.disable_tenant(both.gateway, ACME)

    assert (let_in, await status(second)) == (200, 401)


async def test_two_secrets_open_the_door_and_a_third_is_refused(both: Doors) -> None:
    await both.tenant()

    order = AddApiSecret(api_key="acme0001", api_secret="correct horse")
    added = await tenant_secrets.add_api_secret(both.gateway, order)

    assert await status(both) == await status(both, "correct horse") == 200
    assert added.api_secret == "correct horse"
    with pytest.raises(Conflict, match="Revoke one first: `jackfield tenants secrets revoke"):
        await tenant_secrets.add_api_secret(both.gateway, AddApiSecret(api_key="acme0001"))


@pytest.mark.parametrize("chosen", [None, "correct horse"])
async def test_a_revoked_secret_opens_nothing_from_the_next_request_on(
    both: Doors,
    chosen: str | None,
) -> None:
    await both.tenant()
    order = AddApiSecret(api_key="acme0001", api_secret=chosen)
    added = await tenant_secrets.add_api_secret(both.gateway, order)
    before = await status(both, added.api_secret)

    revoked = await tenant_secrets.revoke_api_secret(
        both.gateway, RevokeApiSecret(api_key="acme0001", id=added.id)
    )

    assert (before, await status(both, added.api_secret)) == (200, 401)
    assert (revoked.left, await status(both)) == (1, 200)


@pytest.mark.parametrize("chosen", [None, "correct horse"])
async def test_a_revoked_secret_opens_nothing_in_any_process(
    both: Doors,
    second: Doors,
    chosen: str | None,
) -> None:
    await both.tenant()
    order = AddApiSecret(api_key="acme0001", api_secret=chosen)
    added = await tenant_secrets.add_api_secret(both.gateway, order)
    before = await status(second, added.api_secret)

    await tenant_secrets.revoke_api_secret(
        both.gateway, RevokeApiSecret(api_key="acme0001", id=added.id)
    )

    assert (before, await status(second, added.api_secret)) == (200, 401)


async def test_the_last_secret_is_revoked_only_by_force(both: Doors) -> None:
    await both.tenant()
    (only,) = (await tenants.show_tenant(both.gateway, ACME)).api_secrets
    order = RevokeApiSecret(api_key="acme0001", id=only.id)

    with pytest.raises(Conflict, match="or say --force"):
        await tenant_secrets.revoke_api_secret(both.gateway, order)
    kept = await status(both)
    await tenant_secrets.revoke_api_secret(
        both.gateway, RevokeApiSecret(api_key="acme0001", id=only.id, force=True)
    )

    assert (kept, await status(both)) == (200, 401)


async def test_a_secret_of_another_tenant_cannot_be_revoked(both: Doors) -> None:
    await both.tenant()
    await both.tenant("zenith01")
    theirs = await tenants.show_tenant(both.gateway, ShowTenant(api_key="zenith01"))

    order = RevokeApiSecret(api_key="acme0001", id=theirs.api_secrets[0].id, force=True)
    with pytest.raises(NotFound, match="`jackfield tenants show acme0001` shows those there are"):
        await tenant_secrets.revoke_api_secret(both.gateway, order)


async def test_a_rotation_keeps_the_signature_secret_before_it_and_drops_the_third(
    both: Doors,
) -> None:
    made = await commands.create_tenant(
        both.gateway, CreateTenant(name="Acme", api_key="acme0001")
    )

    rotated = [await tenant_secrets.rotate_signature(both.gateway, ACME) for _ in range(2)]

    store, keys = both.gateway.store, both.gateway.keys
    kept = await store.read(both.gateway.tenants.signature_secrets_of("acme0001"))
    place = signature_secret_place("acme0001")
    live = [keys.unseal(sealed, place=place).decode() for sealed in kept]
    newest, older = rotated[1], rotated[0]
    assert live == [newest.signature_secret, older.signature_secret]
    assert made.signature_secret not in live
    assert newest.webhook_secret == webhook_secret(newest.signature_secret)
    assert [one.live for one in rotated] == [2, 2]
