"""Changing an account: what is sent becomes so, what is not sent stays as it is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from external_accounts import BASE, CANNOT_LINK, NO_ACCESS, NUMBER, PAGE, faults, page
from gateway import Answer, Client, Doors, application, opened
from jackfield.accounts import Provider, credentials_place
from jackfield.clock import now
from jackfield.delivery.release import Releaser
from jackfield.storage import deliveries as deliveries_table
from jackfield.storage import destinations, held, withdrawing

PAGE_PATH = BASE + "/messenger/12345678"
NUMBER_PATH = BASE + "/whatsapp/447700900123"


async def patch(caller: Client, body: object, *, path: str = PAGE_PATH) -> Answer:
    return await caller.ask("PATCH", path, body=body)


async def kept(doors: Doors, provider: Provider, external_id: str) -> dict[str, str]:
    """Return what is sealed of an account."""
    gateway = doors.gateway
    found = await gateway.store.read(gateway.accounts.find(provider, external_id))
    assert found is not None
    assert found.credentials is not None
    place = credentials_place(provider, external_id)
    opened: dict[str, str] = msgspec.json.decode(
        gateway.keys.unseal(found.credentials, place=place)
    )
    return opened


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Another shop"},
        {"access_token": "EAAB-new"},
        {"name": "Another shop", "access_token": "EAAB-new"},
    ],
    ids=["name", "token", "both"],
)
async def test_what_is_sent_becomes_so_and_the_rest_stays(
    doors: Doors, change: dict[str, str]
) -> None:
    caller = await doors.tenant()
    made = await page(caller, applications=[await application(caller)])

    answer = await patch(caller, change)

    assert answer.status == 200
    assert answer.json == made.json | change
    assert answer.headers["etag"] == '"2"'
    assert (await caller.get(PAGE_PATH)).json == answer.json


@pytest.mark.parametrize("name", [None, ""])
async def test_a_name_is_taken_away(doors: Doors, name: str | None) -> None:
    caller = await doors.tenant()
    await page(caller)

    answer = await patch(caller, {"name": name})

    assert answer.status == 200
    assert "name" not in answer.json


@pytest.mark.parametrize(
    "body",
    [
        b"",
        {},
        {"colour": "red"},
        {"name": PAGE["name"]},
        {"access_token": PAGE["access_token"]},
        {"credentials": {}},
        {"credentials": None},
        {"applications": []},
    ],
    ids=str,
)
async def test_what_changes_nothing_is_no_new_version(sqlite_doors: Doors, body: object) -> None:
    caller = await sqlite_doors.tenant()
    made = await page(caller)

    answer = await patch(caller, body)

    assert (answer.status, answer.json, answer.headers["etag"]) == (200, made.json, '"1"')


async def test_another_tenants_account_cannot_be_changed(doors: Doors) -> None:
    owner, other = await doors.tenant(), await doors.tenant("umbr0002")
    made = await page(owner)

    answer = await patch(other, {"name": "Mine now"})

    assert (answer.status, answer.json) == (403, NO_ACCESS)
    assert (await owner.get(PAGE_PATH)).json == made.json


@pytest.mark.parametrize("target", ["/messenger/1", "/whatsapp/12345678", "/pigeon/12345678"])
async def test_what_is_not_there_cannot_be_changed(doors: Doors, target: str) -> None:
    caller = await doors.tenant()
    await page(caller)

    answer = await patch(caller, {"name": "x"}, path=BASE + target)

    assert (answer.status, answer.body) == (404, b"")


async def test_changes_of_different_members_at_once_are_all_made(doors: Doors) -> None:
    caller = await doors.tenant()
    desk = await application(caller)
    await page(caller)

    answers = await asyncio.gather(
        patch(caller, {"name": "Another shop"}),
        patch(caller, {"access_token": "EAAB-new"}),
        patch(caller, {"applications": [desk]}),
    )

    assert [answer.status for answer in answers] == [200, 200, 200]
    shown = await caller.get(PAGE_PATH)
    assert shown.headers["etag"] == '"4"'
    assert shown.json == PAGE | {
        "name": "Another shop",
        "access_token": "EAAB-new",
        "applications": [desk],
        "api_key": "acme0001",
        "provider": "messenger",
    }


# The link ----------------------------------------------------------------------------------


async def test_a_link_is_swapped_in_one_step(doors: Doors) -> None:
    caller = await doors.tenant()
    first, second = await application(caller), await application(caller)
    await page(caller, applications=[first])

    swapped = await patch(caller, {"applications": [second], "name": "Another shop"})
    same = await patch(caller, {"applications": [second]})
    unlinked = await patch(caller, {"applications": []})

    assert [answer.json["applications"] for answer in (swapped, same, unlinked)] == [
        [second],
        [second],
        [],
    ]
    assert [answer.headers["etag"] for answer in (swapped, same, unlinked)] == [
        '"2"',
        '"2"',
        '"3"',
    ]


@pytest.mark.parametrize("wanted", ["unknown", "foreign", "deaf"])
@pytest.mark.parametrize("is_linked", [True, False])
async def test_no_link_is_swapped_for_one_that_cannot_be_made(
    doors: Doors, wanted: str, *, is_linked: bool
) -> None:
    caller, other = await doors.tenant(), await doors.tenant("umbr0002")
    made = await page(caller, applications=[await application(caller)] if is_linked else [])
    ids = {
        "unknown": "78d335fa-323d-0114-9c3d-d6f0d48968cf",
        "foreign": await application(other),
        "deaf": (await caller.post("/v2/applications", {"name": "Deaf"})).json["id"],
    }

    answer = await patch(caller, {"applications": [ids[wanted]], "name": "Another shop"})

    assert (answer.status, answer.json) == (403, CANNOT_LINK)
    assert (await caller.get(PAGE_PATH)).json == made.json


class NotedReleaser(Releaser):
    """The real one, which counts how often it is woken."""

    woken = 0

    def wake(self) -> None:
        self.woken += 1
        super().wake()


@pytest.mark.parametrize(("is_linked", "times"), [(True, 1), (False, 0)])
async def test_a_link_that_appears_wakes_who_lets_out_what_waited(
    sqlite_doors: Doors, *, is_linked: bool, times: int
) -> None:
    gateway = sqlite_doors.gateway
    releaser = NotedReleaser(
        gateway.store,
        held,
        deliveries_table,
        destinations,
        withdrawing,
        clock=now,
        retention=timedelta(days=7),
        released=gateway.dispatcher.wake,
    )
    doors = Doors(replace(gateway, releaser=releaser))
    caller = await doors.tenant()
    desk = await application(caller)
    made = await page(caller)

    await patch(caller, {"name": "x", "applications": [desk] if is_linked else []})

    assert releaser.woken == times
    marked = await gateway.store.read(held.releasing())
    assert len(marked) == times
    assert made.status == 201


# The credentials ---------------------------------------------------------------------------


async def test_new_credentials_go_over_those_that_stay(doors: Doors) -> None:
    caller = await doors.tenant()
    await caller.post(BASE + "/whatsapp", NUMBER)

    answer = await patch(caller, {"credentials": {"access_token": "new"}}, path=NUMBER_PATH)

    assert answer.status == 200
    assert await kept(doors, Provider.WHATSAPP, "447700900123") == {
        "access_token": "new",
        "waba_id": "102000000000001",
    }


async def test_what_nobody_is_shown_is_no_new_version(doors: Doors) -> None:
    caller = await doors.tenant()
    await caller.post(BASE + "/whatsapp", NUMBER)

    answer = await patch(caller, {"credentials": {"access_token": "new"}}, path=NUMBER_PATH)

    assert answer.headers["etag"] == '"1"'


async def test_a_numbers_token_may_stand_beside_its_credentials(sqlite_doors: Doors) -> None:
    caller = await sqlite_doors.tenant()
    await caller.post(BASE + "/whatsapp", NUMBER)

    await patch(caller, {"access_token": "new"}, path=NUMBER_PATH)

    there = await kept(sqlite_doors, Provider.WHATSAPP, "447700900123")
    assert there["access_token"] == "new"


async def test_new_credentials_at_once_are_all_kept(doors: Doors) -> None:
    caller = await doors.tenant()
    await caller.post(BASE + "/whatsapp", NUMBER)

    # While the first is written the others gather, and then run side by side.
    await asyncio.gather(
        patch(caller, {"name": "Desk"}, path=NUMBER_PATH),
        patch(caller, {"credentials": {"access_token": "new"}}, path=NUMBER_PATH),
        patch(caller, {"credentials": {"waba_id": "103"}}, path=NUMBER_PATH),
    )

    assert await kept(doors, Provider.WHATSAPP, "447700900123") == {
        "access_token": "new",
        "waba_id": "103",
    }


async def test_a_number_cannot_become_another_number(sqlite_doors: Doors) -> None:
    caller = await sqlite_doors.tenant()
    await caller.post(BASE + "/whatsapp", NUMBER)

    answer = await patch(caller, {"credentials": {"phone_number_id": "999"}}, path=NUMBER_PATH)

    (fault,) = faults(answer)
    assert fault["name"] == "credentials"
    assert "cannot be changed" in fault["reason"]


async def test_an_account_moves_to_another_provider_app_and_away_again(doors: Doors) -> None:
    caller = await doors.tenant()
    await doors.provider_app()
    await page(caller)
    gateway = doors.gateway
    find = gateway.accounts.find(Provider.MESSENGER, "12345678")

    numbers = []
    for name in ("main", None):
        answer = await patch(caller, {"credentials": {"provider_app": name}})
        assert answer.status == 200
        found = await gateway.store.read(find)
        numbers.append(found.provider_app_id if found else 0)
    token = (await patch(caller, {"access_token": "EAAB-new"})).json["access_token"]

    main = await gateway.store.read(gateway.provider_apps.find("meta", "main"))
    assert main is not None
    assert numbers == [main.id, None]
    assert token == "EAAB-new"


async def test_a_change_of_the_token_leaves_the_provider_app(doors: Doors) -> None:
    caller = await doors.tenant()
    await doors.provider_app()
    await page(caller, credentials={"provider_app": "main"})
    gateway = doors.gateway

    await patch(caller, {"access_token": "EAAB-new"})

    found = await gateway.store.read(gateway.accounts.find(Provider.MESSENGER, "12345678"))
    assert found is not None
    assert found.provider_app_id is not None


async def test_a_masked_token_stays_masked_when_it_is_new(sqlite_url: str) -> None:
    async with opened(sqlite_url, mask_access_tokens="true") as doors:
        caller = await doors.tenant()
        await page(caller)
        answer = await patch(caller, {"access_token": "EAAB-new"})

    assert answer.json["access_token"] == "********"
