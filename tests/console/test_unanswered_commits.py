"""Where COMMIT gave no answer, a command looks again before it says what became of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from databases import look
from doubtful import Doubtful
from gateway import Client, Doors, application, opened
from jackfield.accounts import Provider
from jackfield.app import Gateway
from jackfield.console import commands
from jackfield.console.account_orders import (
    CreateAccount,
    DeleteAccount,
    LinkAccount,
    UnlinkAccount,
)
from jackfield.console.application_orders import CreateApplication, DeleteApplication
from jackfield.console.orders import AddProviderApp, CreateTenant, Order, VouchAccount
from jackfield.console.provider_app_orders import AddProviderAppSecret, RevokeProviderAppSecret
from jackfield.console.tenant_orders import (
    AddApiSecret,
    RevokeApiSecret,
    SetTenant,
    ShowTenant,
)
from jackfield.problems import Conflict, OutcomeUnknown, Unavailable
from jackfield.provider_apps import ProviderAppKind, SecretRole
from line import Line

PAGE = "200000000000002"
URL = "https://acme.example/in"
MESSENGER = Provider.MESSENGER
KEY, OTHER_KEY = "acme0001", "zenith01"
LOST = "Nothing was stored: do it again."
TABLES = (
    "tenants",
    "api_secrets",
    "signature_secrets",
    "accounts",
    "applications",
    "provider_apps",
    "provider_app_secrets",
)


async def run(gateway: Gateway, name: str, order: Order) -> Any:  # noqa: ANN401 -- each its own
    return await commands.COMMANDS[name].run(gateway, order)


@dataclass(frozen=True)
class Case:
    """One command: what must be there before, the order that follows from it, what shows it.

    `says_lost` is what is told when it was not stored; None where that cannot be known.
    """

    name: str
    before: Callable[[Doors, Client], Awaitable[str]]
    order: Callable[[str], Order]
    see: str
    says_lost: str | None = LOST


async def nothing(_: Doors, __: Client) -> str:
    return ""


async def a_tenants_application(_: Doors, owner: Client) -> str:
    return await application(owner)


async def a_page(doors: Doors, owner: Client) -> str:
    order = CreateAccount(
        provider=MESSENGER,
        external_id=PAGE,
        api_key=KEY,
        access_token="t",
    )
    await run(doors.gateway, "accounts.create", order)
    return await application(owner)


async def a_linked_page(doors: Doors, owner: Client) -> str:
    number = await a_page(doors, owner)
    order = LinkAccount(provider=MESSENGER, external_id=PAGE, application_id=number)
    await run(doors.gateway, "accounts.link", order)
    return number


async def a_second_secret(doors: Doors, _: Client) -> str:
    return str((await run(doors.gateway, "tenants.secrets.add", AddApiSecret(api_key=KEY))).id)


async def a_disabled_tenant(doors: Doors, _: Client) -> str:
    await run(doors.gateway, "tenants.disable", ShowTenant(api_key=KEY))
    return ""


async def a_provider_app(doors: Doors, _: Client) -> str:
    await doors.provider_app()
    return ""


async def a_second_app_secret(doors: Doors, owner: Client) -> str:
    await a_provider_app(doors, owner)
    added = await run(doors.gateway, "provider-apps.secrets.add", NEW_APP_SECRET)
    return str(added.id)


NEW_APP_SECRET = AddProviderAppSecret(
    name="main",
    role=SecretRole.APP_SECRET,
    secret="another",
)
META = AddProviderApp(
    kind=ProviderAppKind.META,
    name="second",
    secrets={SecretRole.APP_SECRET: "a secret", SecretRole.VERIFY_TOKEN: "a word"},
)
ACCOUNT = f"accounts show messenger {PAGE}"
CASES = (
    Case(
        "tenants.create",
        nothing,
        lambda _: CreateTenant(name="Zenith", api_key=OTHER_KEY),
        f"tenants show {OTHER_KEY}",
    ),
    Case(
        "tenants.set",
        nothing,
        lambda _: SetTenant(api_key=KEY, name="New", inbound_url=URL),
        f"tenants show {KEY}",
        says_lost=None,
    ),
    Case(
        "tenants.disable",
        nothing,
        lambda _: ShowTenant(api_key=KEY),
        f"tenants show {KEY}",
        says_lost=None,
    ),
    Case(
        "tenants.enable",
        a_disabled_tenant,
        lambda _: ShowTenant(api_key=KEY),
        f"tenants show {KEY}",
        says_lost=None,
    ),
    Case(
        "tenants.secrets.add",
        nothing,
        lambda _: AddApiSecret(api_key=KEY),
        f"tenants show {KEY}",
    ),
    Case(
        "tenants.secrets.revoke",
        a_second_secret,
        lambda number: RevokeApiSecret(api_key=KEY, id=int(number)),
        f"tenants show {KEY}",
    ),
    Case(
        "tenants.signature.rotate",
        nothing,
        lambda _: ShowTenant(api_key=KEY),
        f"tenants show {KEY}",
    ),
    Case(
        "accounts.create",
        nothing,
        lambda _: CreateAccount(
            provider=MESSENGER,
            external_id=PAGE,
            api_key=KEY,
            access_token="t",
        ),
        ACCOUNT,
    ),
    Case(
        "accounts.vouch",
        a_page,
        lambda _: VouchAccount(provider=MESSENGER, external_id=PAGE),
        ACCOUNT,
    ),
    Case(
        "accounts.link",
        a_page,
        lambda number: LinkAccount(provider=MESSENGER, external_id=PAGE, application_id=number),
        ACCOUNT,
    ),
    Case(
        "accounts.unlink",
        a_linked_page,
        lambda _: UnlinkAccount(provider=MESSENGER, external_id=PAGE),
        ACCOUNT,
    ),
    Case(
        "accounts.delete",
        a_linked_page,
        lambda _: DeleteAccount(provider=MESSENGER, external_id=PAGE),
        ACCOUNT,
    ),
    Case(
        "applications.create",
        nothing,
        lambda _: CreateApplication(api_key=KEY, name="Desk", inbound_url=URL),
        f"applications list --tenant {KEY}",
    ),
    Case(
        "applications.delete",
        a_tenants_application,
        lambda number: DeleteApplication(id=number),
        "applications show ",
    ),
    Case("provider-apps.add", nothing, lambda _: META, "provider-apps show second --kind meta"),
    Case(
        "provider-apps.secrets.add",
        a_provider_app,
        lambda _: NEW_APP_SECRET,
        "provider-apps show main",
    ),
    Case(
        "provider-apps.secrets.revoke",
        a_second_app_secret,
        lambda number: RevokeProviderAppSecret(name="main", id=int(number)),
        "provider-apps show main",
    ),
)
EVERY = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


def doubting(doors: Doors, **how: Any) -> Gateway:  # noqa: ANN401 -- see Doubtful
    return replace(doors.gateway, store=Doubtful(doors.gateway.store, **how))


async def everything(database_url: str) -> list[list[tuple[Any, ...]]]:
    return [await look(database_url, f"SELECT * FROM {table}") for table in TABLES]  # noqa: S608 -- our own


@EVERY
async def test_what_was_stored_after_all_is_given_as_ever(
    both: Doors, database_url: str, case: Case
) -> None:
    order = case.order(await case.before(both, await both.tenant()))
    before = await everything(database_url)

    given = await run(doubting(both), case.name, order)

    assert given is not None
    assert await everything(database_url) != before


@EVERY
async def test_what_was_not_stored_is_not_claimed(
    both: Doors, database_url: str, case: Case
) -> None:
    order = case.order(await case.before(both, await both.tenant()))
    before = await everything(database_url)

    with pytest.raises(Unavailable) as told:
        await run(doubting(both, commits=False), case.name, order)
    rows = await everything(database_url)
    await run(both.gateway, case.name, order)

    assert rows == before
    assert isinstance(told.value, OutcomeUnknown) is (case.says_lost is None)
    if case.says_lost is not None:
        assert str(told.value) == case.says_lost


@EVERY
async def test_who_cannot_look_is_told_what_to_look_at(sqlite_url: str, case: Case) -> None:
    async with opened(sqlite_url) as doors:
        order = case.order(await case.before(doors, await doors.tenant()))

        with pytest.raises(OutcomeUnknown, match=f"`jackfield {case.see}.*` shows what is there"):
            await run(doubting(doors, is_blind=True), case.name, order)


async def test_a_secret_that_is_shown_once_is_shown_although_the_commit_was_not_answered(
    both: Doors,
) -> None:
    await both.tenant()

    added = await run(doubting(both), "tenants.secrets.add", AddApiSecret(api_key=KEY))

    answer = await both.caller(KEY, added.api_secret).get("/beta/chatapp-accounts")
    assert answer.status == 200


async def test_a_name_that_was_taken_is_not_taken_for_ones_own(both: Doors) -> None:
    await both.tenant()
    await run(both.gateway, "provider-apps.add", META)
    orders: dict[str, Order] = {
        "tenants.create": CreateTenant(name="Mine", api_key=KEY),
        "provider-apps.add": META,
    }

    for name, order in orders.items():
        with pytest.raises(Unavailable, match=LOST):
            await run(doubting(both), name, order)
        with pytest.raises(Conflict):
            await run(both.gateway, name, order)


@pytest.mark.parametrize("lost", ["request", "answer"])
async def test_a_line_cut_at_commit_costs_no_truth(postgres_url: str, lost: str) -> None:
    order = CreateTenant(name="Zenith", api_key=OTHER_KEY)
    async with Line(postgres_url) as line, opened(line.url) as doors:
        await doors.tenant()
        line.cut_at(b"COMMIT\0", is_forwarded=lost == "answer")

        if lost == "answer":
            made = await run(doors.gateway, "tenants.create", order)
            assert made.api_key == OTHER_KEY
        else:
            with pytest.raises(Unavailable, match=LOST):
                await run(doors.gateway, "tenants.create", order)
