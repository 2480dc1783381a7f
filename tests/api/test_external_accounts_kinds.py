"""Viber senders and RCS agents: registered, listed, linked, changed and deleted."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from contract.installed import partners
from external_accounts import BASE, NO_ACCESS, faults
from gateway import Answer, Client, Doors, application
from jackfield.accounts import Account, Provider, credentials_place
from jackfield.clock import now

VIBER = "viber_service_msg"
BOT = {"connector": "bot", "auth_token": "viber-canary"}
SENDER = {"connector": "infobip", "provider_app": "partner", "sender": "Shop"}
AGENT = {"connector": "google", "provider_app": "partner"}

KINDS: dict[str, tuple[str, dict[str, str], str, dict[str, str]]] = {
    "a bot": (VIBER, BOT, "shop@agents.example", BOT),
    "a business sender": (VIBER, SENDER, "infobip:Shop", SENDER),
    "an agent at Google": ("rcs", AGENT, "shop@agents.example", AGENT),
    "an agent at a partner": ("rcs", SENDER, "infobip:Shop", SENDER),
}
kinds = pytest.mark.parametrize(
    ("provider", "credentials", "routing_key", "sealed"), KINDS.values(), ids=KINDS
)


async def register(
    caller: Client, provider: str, credentials: object, external_id: str = "shop@agents.example"
) -> Answer:
    body = {"external_id": external_id, "name": "Shop", "credentials": credentials}
    return await caller.post(f"{BASE}/{provider}", body)


async def found(doors: Doors, provider: str) -> Account:
    store, accounts = doors.gateway.store, doors.gateway.accounts
    account = await store.read(accounts.find(Provider(provider), "shop@agents.example"))
    assert account is not None
    return account


def opened(doors: Doors, account: Account) -> Any:  # noqa: ANN401 - JSON
    place = credentials_place(account.provider, account.external_id)
    return msgspec.json.decode(doors.gateway.keys.unseal(account.credentials or b"", place=place))


@kinds
async def test_it_is_registered_with_what_opens_it_sealed(
    doors: Doors,
    provider: str,
    credentials: dict[str, str],
    routing_key: str,
    sealed: dict[str, str],
) -> None:
    caller = await doors.tenant()
    await partners(doors, "partner")

    answer = await register(caller, provider, credentials)

    assert answer.status == 201
    assert answer.json == {
        "external_id": "shop@agents.example",
        "api_key": "acme0001",
        "provider": provider,
        "name": "Shop",
        "applications": [],
    }
    account = await found(doors, provider)
    assert account.routing_key == routing_key
    assert opened(doors, account) == sealed
    assert (account.provider_app_id is None) == (credentials is BOT)


@kinds
async def test_it_is_listed_linked_changed_and_deleted(
    doors: Doors,
    provider: str,
    credentials: dict[str, str],
    routing_key: str,
    sealed: dict[str, str],
) -> None:
    caller = await doors.tenant()
    await partners(doors, "partner")
    desk = await application(caller)
    made = await register(caller, provider, credentials)
    path = f"{BASE}/{provider}/shop%40agents.example"

    listed = await caller.get(f"{BASE}?provider={provider}")
    linked = await caller.post(path + "/applications", {"application": desk})
    renamed = await caller.ask("PATCH", path, body={"name": "Desk", "credentials": credentials})
    account = await found(doors, provider)
    deleted = await caller.ask("DELETE", path)

    assert listed.json["_embedded"] == [made.json]
    assert linked.json == made.json | {"applications": [desk]}
    assert renamed.json == linked.json | {"name": "Desk"}
    assert (account.routing_key, opened(doors, account)) == (routing_key, sealed)
    assert deleted.status == 204


async def test_a_bots_token_is_renewed(doors: Doors) -> None:
    caller = await doors.tenant()
    await register(caller, VIBER, BOT)
    path = f"{BASE}/{VIBER}/shop%40agents.example"

    answer = await caller.ask("PATCH", path, body={"credentials": {"auth_token": "new"}})

    assert answer.status == 200
    assert opened(doors, await found(doors, VIBER)) == BOT | {"auth_token": "new"}


async def test_a_sender_that_somebody_has_is_refused_without_a_word(doors: Doors) -> None:
    caller, other = await doors.tenant(), await doors.tenant("umbr0002")
    await partners(doors, "partner")
    await register(caller, VIBER, SENDER)

    answer = await register(other, VIBER, SENDER, "another")

    assert (answer.status, answer.json) == (403, NO_ACCESS)


async def test_a_bot_never_stands_where_a_sender_does(doors: Doors) -> None:
    caller = await doors.tenant()
    await partners(doors, "partner")

    answers = [
        await register(caller, VIBER, SENDER, "1"),
        await register(caller, VIBER, BOT, "Shop"),
    ]

    assert [answer.status for answer in answers] == [201, 201]


@pytest.mark.parametrize(("provider", "credentials"), [(VIBER, BOT), ("rcs", AGENT)])
async def test_nobody_takes_the_name_that_a_partners_callbacks_have_for_a_sender(
    sqlite_doors: Doors, provider: str, credentials: dict[str, str]
) -> None:
    caller = await sqlite_doors.tenant()
    await partners(sqlite_doors, "partner")

    answer = await register(caller, provider, credentials, "infobip:Shop")

    assert faults(answer) == [
        {"name": "external_id", "reason": "`external_id` must not begin with infobip:"}
    ]


@pytest.mark.parametrize(
    ("provider", "credentials"), [(VIBER, SENDER), ("rcs", SENDER), ("rcs", AGENT)]
)
async def test_the_partner_is_changed_where_the_new_one_may_serve(
    doors: Doors, provider: str, credentials: dict[str, str]
) -> None:
    caller = await doors.tenant()
    await partners(doors, "partner")
    kind = credentials["connector"]
    apps, store = doors.gateway.provider_apps, doors.gateway.store
    for name in ("second", "private"):
        await store.commit(apps.add(kind, name, sealed={}, now=now()))
    second = await store.read(apps.find(kind, "second"))
    assert second is not None
    await store.commit(apps.grant(second.id, "acme0001"))
    await register(caller, provider, credentials)
    path = f"{BASE}/{provider}/shop%40agents.example"

    answers = [
        await caller.ask("PATCH", path, body={"credentials": {"provider_app": name}})
        for name in ("second", "private", "nobodys")
    ]

    reason = "There is no such provider app for you; ask the operator to grant it"
    refused = [{"name": "credentials.provider_app", "reason": reason}]
    assert answers[0].status == 200
    assert [faults(answer) for answer in answers[1:]] == [refused, refused]
    account = await found(doors, provider)
    assert account.provider_app_id == second.id
    assert opened(doors, account) == credentials | {"provider_app": "second"}


@pytest.mark.parametrize(
    ("provider", "credentials", "change"),
    [
        (VIBER, BOT, SENDER),
        (VIBER, SENDER, BOT),
        (VIBER, SENDER, {"sender": "Other"}),
        ("rcs", AGENT, SENDER),
        ("rcs", SENDER, AGENT),
    ],
)
async def test_what_its_callbacks_name_it_by_cannot_be_changed(
    sqlite_doors: Doors,
    provider: str,
    credentials: dict[str, str],
    change: dict[str, str],
) -> None:
    caller = await sqlite_doors.tenant()
    await partners(sqlite_doors, "partner")
    await register(caller, provider, credentials)
    path = f"{BASE}/{provider}/shop%40agents.example"

    answer = await caller.ask("PATCH", path, body={"credentials": change})

    assert [fault["name"] for fault in faults(answer)] == ["credentials"]
    assert opened(sqlite_doors, await found(sqlite_doors, provider)) == credentials


def lacking(credentials: dict[str, str], name: str) -> dict[str, str]:
    return {member: value for member, value in credentials.items() if member != name}


BAD_CREDENTIALS: dict[str, tuple[str, object, list[str]]] = {
    "none for Viber": (VIBER, None, ["connector"]),
    "none for RCS": ("rcs", None, ["connector", "provider_app"]),
    "an unknown way": (VIBER, {"connector": "pigeon"}, ["connector"]),
    "another provider's way": ("rcs", BOT | {"provider_app": "partner"}, ["connector"]),
    "a way that is a number": (VIBER, {"connector": 7}, ["connector"]),
    "a bot without a token": (VIBER, lacking(BOT, "auth_token"), ["auth_token"]),
    "an empty token": (VIBER, BOT | {"auth_token": ""}, ["auth_token"]),
    "a long token": (VIBER, BOT | {"auth_token": "x" * 4097}, ["auth_token"]),
    "a NUL in the token": (VIBER, BOT | {"auth_token": "a\0"}, ["auth_token"]),
    "no sender": ("rcs", lacking(SENDER, "sender"), ["sender"]),
    "a long sender": (VIBER, SENDER | {"sender": "x" * 129}, ["sender"]),
    "no partner": (VIBER, lacking(SENDER, "provider_app"), ["provider_app"]),
    "nothing of a partner": ("rcs", {"connector": "infobip"}, ["provider_app", "sender"]),
    "no contract at Google": ("rcs", {"connector": "google"}, ["provider_app"]),
    "a contract nobody has": ("rcs", AGENT | {"provider_app": "other"}, ["provider_app"]),
    "a partner of another kind": (VIBER, SENDER | {"provider_app": "main"}, ["provider_app"]),
}


@pytest.mark.parametrize(
    ("provider", "credentials", "names"), BAD_CREDENTIALS.values(), ids=BAD_CREDENTIALS
)
async def test_credentials_that_cannot_be_used_are_named_and_nothing_is_stored(
    sqlite_doors: Doors, provider: str, credentials: object, names: list[str]
) -> None:
    caller = await sqlite_doors.tenant()
    await partners(sqlite_doors, "partner")
    await sqlite_doors.provider_app("main")

    answer = await register(caller, provider, credentials)

    assert [fault["name"] for fault in faults(answer)] == [f"credentials.{n}" for n in names]
    assert b"canary" not in answer.body
    assert (await caller.get(BASE)).json["total_items"] == 0
