"""A tenant's accounts: made, shown, listed and linked, in the exact words of the contract."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote

import pytest

from external_accounts import BASE, CANNOT_LINK, CONFLICT, NO_ACCESS, NUMBER, PAGE, faults, page
from gateway import SECRET, Doors, application, opened
from jackfield.accounts import Provider, Standing
from jackfield.clock import now
from jackfield.delivery.release import Releaser
from jackfield.storage import deliveries as deliveries_table
from jackfield.storage import destinations, held, withdrawing
from jackfield.storage.tables import accounts

# Making one --------------------------------------------------------------------------------


async def test_a_new_page_is_shown_whole(doors: Doors) -> None:
    caller = await doors.tenant()

    answer = await caller.post(BASE + "/messenger", PAGE)

    assert answer.status == 201
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == PAGE | {
        "api_key": "acme0001",
        "provider": "messenger",
        "applications": [],
    }


async def test_a_new_number_shows_no_credentials(doors: Doors) -> None:
    caller = await doors.tenant()

    answer = await caller.post(BASE + "/whatsapp", NUMBER)

    assert answer.status == 201
    assert answer.json == {
        "external_id": "447700900123",
        "api_key": "acme0001",
        "provider": "whatsapp",
        "name": "Support",
        "applications": [],
    }


async def test_a_new_account_can_be_linked_from_the_start(doors: Doors) -> None:
    caller = await doors.tenant()
    desk = await application(caller)

    answer = await page(caller, applications=[desk])

    assert answer.status == 201
    assert answer.json["applications"] == [desk]


@pytest.mark.parametrize("name", [None, ""])
async def test_a_name_that_is_empty_is_no_name(sqlite_doors: Doors, name: str | None) -> None:
    caller = await sqlite_doors.tenant()

    answer = await page(caller, name=name)

    assert answer.status == 201
    assert "name" not in answer.json


async def test_members_nobody_knows_are_passed_over(sqlite_doors: Doors) -> None:
    caller = await sqlite_doors.tenant()

    answer = await page(caller, api_key="other", provider=7, colour={"deep": [1, None]})

    assert answer.status == 201
    assert answer.json["api_key"] == "acme0001"


async def test_of_a_repeated_member_the_last_counts(sqlite_doors: Doors) -> None:
    caller = await sqlite_doors.tenant()
    body = b'{"external_id":"1","external_id":"2","access_token":"t"}'

    answer = await caller.post(BASE + "/messenger", body)

    assert answer.json["external_id"] == "2"


async def test_a_provider_nobody_knows_is_not_there(
    sqlite_doors: Doors,
) -> None:
    caller = await sqlite_doors.tenant()

    answers = [await caller.post(f"{BASE}/{provider}", PAGE) for provider in ("pigeon", "RCS")]

    assert [(answer.status, answer.body) for answer in answers] == [(404, b""), (404, b"")]


async def test_what_is_missing_is_said_in_the_published_words(sqlite_doors: Doors) -> None:
    caller = await sqlite_doors.tenant()

    answer = await caller.post(BASE + "/messenger", {})

    assert faults(answer) == [
        {"name": "external_id", "reason": "Missing `external_id` field"},
        {"name": "access_token", "reason": "Missing `access_token` field"},
    ]


@pytest.mark.parametrize("size", [1 << 20, (1 << 20) + 1])
async def test_a_body_has_at_most_a_mebibyte(sqlite_doors: Doors, size: int) -> None:
    caller = await sqlite_doors.tenant()
    start = b'{"external_id":"1","access_token":"t","more":"'

    answer = await caller.post(BASE + "/messenger", start + b"x" * (size - len(start) - 2) + b'"}')

    assert answer.status == (201 if size == 1 << 20 else 413)
    assert await sqlite_doors.count(accounts) == (1 if size == 1 << 20 else 0)


async def test_having_it_already_is_a_fault_and_changes_nothing(doors: Doors) -> None:
    caller = await doors.tenant()
    await page(caller)

    answer = await page(caller, name="Another", access_token="another")

    assert [fault["name"] for fault in faults(answer)] == ["external_id"]
    assert (await caller.get(BASE + "/messenger/12345678")).json["name"] == "Shop page"


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        ("messenger", PAGE | {"name": "Mine!"}),
        ("whatsapp", NUMBER),
        ("whatsapp", NUMBER | {"external_id": "447700900999"}),
    ],
    ids=["the same page", "the same number", "the same phone number id"],
)
async def test_another_tenants_account_is_refused_without_a_word(
    doors: Doors, provider: str, body: object
) -> None:
    owner, other = await doors.tenant(), await doors.tenant("umbr0002")
    await owner.post(BASE + "/messenger", PAGE)
    await owner.post(BASE + "/whatsapp", NUMBER)

    answer = await other.post(f"{BASE}/{provider}", body)

    assert (answer.status, answer.json) == (403, NO_ACCESS)
    assert (await other.get(BASE)).json["_embedded"] == []


async def test_a_taken_phone_number_id_is_refused_to_its_owner_too(doors: Doors) -> None:
    caller = await doors.tenant()
    await caller.post(BASE + "/whatsapp", NUMBER)

    answer = await caller.post(BASE + "/whatsapp", NUMBER | {"external_id": "447700900999"})

    assert (answer.status, answer.json) == (403, NO_ACCESS)


async def test_of_two_tenants_at_once_one_gets_the_page(doors: Doors) -> None:
    one, other = await doors.tenant(), await doors.tenant("umbr0002")

    answers = await asyncio.gather(*(page(caller) for caller in (one, other, one, other)))

    statuses = Counter(answer.status for answer in answers)
    assert statuses == {201: 1, 400: 1, 403: 2}


@pytest.mark.parametrize("wanted", ["unknown", "foreign", "deaf"])
async def test_no_account_is_made_for_an_application_that_cannot_be_linked(
    doors: Doors, wanted: str
) -> None:
    caller, other = await doors.tenant(), await doors.tenant("umbr0002")
    ids = {
        "unknown": "78d335fa-323d-0114-9c3d-d6f0d48968cf",
        "foreign": await application(other),
        "deaf": (await caller.post("/v2/applications", {"name": "Deaf"})).json["id"],
    }

    answer = await page(caller, applications=[ids[wanted]])

    assert (answer.status, answer.json) == (403, CANNOT_LINK)
    assert await doors.count(accounts) == 0


async def test_an_account_may_name_a_provider_app_that_serves_its_tenant(doors: Doors) -> None:
    caller = await doors.tenant()
    await doors.provider_app("main")

    answer = await page(caller, credentials={"provider_app": "main"})

    assert answer.status == 201
    assert await doors.count(accounts, provider_app_id=1) == 1


async def test_a_provider_app_for_others_is_as_good_as_none(doors: Doors) -> None:
    caller = await doors.tenant()
    await doors.provider_app("others", for_all=False)

    missing = await page(caller, credentials={"provider_app": "missing"})
    others = await page(caller, credentials={"provider_app": "others"})

    assert [fault["name"] for fault in faults(missing)] == ["credentials.provider_app"]
    assert faults(missing) == faults(others)
    assert await doors.count(accounts) == 0


@pytest.mark.parametrize(
    ("ownership", "standing"), [("prove", Standing.CLAIMED), ("trust", Standing.VOUCHED)]
)
async def test_an_account_is_worth_what_the_installation_says(
    sqlite_url: str, ownership: str, standing: Standing
) -> None:
    async with opened(sqlite_url, ownership=ownership) as doors:
        await page(await doors.tenant())

        found = await doors.count(accounts, standing=standing)

    assert found == 1


# Showing one -------------------------------------------------------------------------------


async def test_an_account_is_shown_as_it_was_made(doors: Doors) -> None:
    caller = await doors.tenant()
    made = await page(caller)
    number = await caller.post(BASE + "/whatsapp", NUMBER)

    shown = await caller.get(BASE + "/messenger/12345678")

    assert (shown.status, shown.json) == (200, made.json)
    assert (await caller.get(BASE + "/whatsapp/447700900123")).json == number.json


async def test_an_account_has_its_version_as_a_tag(doors: Doors) -> None:
    caller = await doors.tenant()
    desk = await application(caller)
    await page(caller)

    before = await caller.get(BASE + "/messenger/12345678")
    linked = await caller.post(BASE + "/messenger/12345678/applications", {"application": desk})
    after = await caller.get(BASE + "/messenger/12345678")

    assert [each.headers["etag"] for each in (before, linked, after)] == ['"1"', '"2"', '"2"']


@pytest.mark.parametrize(
    "target",
    [
        "/messenger/87654321",
        "/whatsapp/12345678",
        "/viber_service_msg/12345678",
        "/rcs/12345678",
        "/pigeon/12345678",
        "/messenger/%00",
        "/messenger/" + "x" * 10_000,
    ],
)
async def test_what_is_not_there_is_told_by_an_empty_body(doors: Doors, target: str) -> None:
    caller = await doors.tenant()
    await page(caller)

    answer = await caller.get(BASE + target)

    assert (answer.status, answer.body) == (404, b"")
    assert "content-type" not in answer.headers


async def test_another_tenants_account_is_not_there(doors: Doors) -> None:
    await page(await doors.tenant())
    other = await doors.tenant("umbr0002")

    answer = await other.get(BASE + "/messenger/12345678")

    assert (answer.status, answer.body) == (404, b"")


@pytest.mark.parametrize(
    "external_id", ["a/b", "..", "%2F", "a b+c", "\u00e9\U0001f44d", "?&#", "x" * 128]
)
async def test_an_id_of_any_characters_finds_its_account(doors: Doors, external_id: str) -> None:
    caller = await doors.tenant()
    desk = await application(caller)
    made = await page(caller, external_id)
    target = f"{BASE}/messenger/{quote(external_id, safe='')}"

    shown = await caller.get(target)
    linked = await caller.post(target + "/applications", {"application": desk})

    assert shown.json == made.json
    assert linked.json["external_id"] == external_id


async def test_an_installation_may_mask_access_tokens(sqlite_url: str) -> None:
    async with opened(sqlite_url, mask_access_tokens="true") as doors:
        caller = await doors.tenant()
        made = await page(caller)
        listed = await caller.get(BASE)

    assert made.json["access_token"] == "********"
    assert b"EAAB-token" not in made.body + listed.body


async def test_what_opens_an_account_is_sealed(doors: Doors) -> None:
    caller = await doors.tenant()
    await page(caller)
    await caller.post(BASE + "/whatsapp", NUMBER)
    find = doors.gateway.accounts.find

    found = [
        await doors.gateway.store.read(find(Provider.MESSENGER, "12345678")),
        await doors.gateway.store.read(find(Provider.WHATSAPP, "447700900123")),
    ]

    assert all(each is not None and each.credentials for each in found)
    assert "EAAB" not in repr(found)


# Listing them ------------------------------------------------------------------------------


async def test_a_list_says_where_it_is_and_what_is_around_it(doors: Doors) -> None:
    caller, other = await doors.tenant(), await doors.tenant("umbr0002")
    made = [(await page(caller, str(number))).json for number in range(5)]
    await page(other, "999")

    answer = await caller.get(BASE + "?page_number=2&page_size=2")

    link = "http://gateway.example/beta/chatapp-accounts?page_number={}&page_size=2"
    assert answer.json == {
        "page_number": 2,
        "page_size": 2,
        "total_items": 5,
        "total_pages": 3,
        "_embedded": made[2:4],
        "_links": {
            "self": {"href": link.format(2)},
            "first": {"href": link.format(1)},
            "last": {"href": link.format(3)},
            "prev": {"href": link.format(1) + "&before=AAAAAAAAAAM"},
            "next": {"href": link.format(3) + "&after=AAAAAAAAAAQ"},
        },
    }


async def test_a_list_has_twenty_to_a_page_unless_asked(doors: Doors) -> None:
    caller = await doors.tenant()

    answers = [await caller.get(BASE), await caller.get(BASE + "/")]

    link = {"href": "http://gateway.example/beta/chatapp-accounts?page_number=1&page_size=20"}
    expected = {
        "page_number": 1,
        "page_size": 20,
        "total_items": 0,
        "total_pages": 0,
        "_embedded": [],
        "_links": {"self": link, "first": link, "last": link},
    }
    assert [answer.json for answer in answers] == [expected, expected]


async def test_following_next_shows_every_account_once(doors: Doors) -> None:
    caller = await doors.tenant()
    for number in range(7):
        await page(caller, str(number))

    shown: list[str] = []
    target: str | None = BASE + "?page_size=3"
    while target is not None:
        answer = (await caller.get(target)).json
        shown += [account["external_id"] for account in answer["_embedded"]]
        link = answer["_links"].get("next")
        target = None if link is None else link["href"].removeprefix("http://gateway.example")

    assert shown == [str(number) for number in range(7)]


async def test_a_list_of_one_provider_leads_to_pages_of_it(doors: Doors) -> None:
    caller = await doors.tenant()
    await page(caller)
    number = await caller.post(BASE + "/whatsapp", NUMBER)

    answer = (await caller.get(BASE + "?provider=whatsapp")).json

    assert (answer["_embedded"], answer["total_items"]) == ([number.json], 1)
    assert answer["_links"]["first"]["href"].endswith("&provider=whatsapp")


@pytest.mark.parametrize("provider", Provider)
async def test_every_provider_can_be_asked_for(sqlite_doors: Doors, provider: str) -> None:
    caller = await sqlite_doors.tenant()

    assert (await caller.get(f"{BASE}?provider={provider}")).status == 200


@pytest.mark.parametrize("number", [2, 10**9, 2**53 - 1])
async def test_past_the_end_there_is_nothing(doors: Doors, number: int) -> None:
    caller = await doors.tenant()
    await page(caller)

    answer = await caller.get(f"{BASE}?page_number={number}&page_size=100")

    assert answer.status == 200
    assert answer.json["_embedded"] == []
    assert answer.json["_links"]["prev"]["href"].endswith("?page_number=1&page_size=100")
    assert "next" not in answer.json["_links"]


async def test_links_begin_with_the_public_url(sqlite_url: str) -> None:
    async with opened(sqlite_url, public_url="https://chat.example/gateway/") as doors:
        caller = await doors.tenant()
        answer = await caller.get(BASE)

    link = "https://chat.example/gateway/beta/chatapp-accounts?page_number=1&page_size=20"
    assert answer.json["_links"]["self"]["href"] == link


# Linking one -------------------------------------------------------------------------------


async def test_a_linked_account_is_shown_with_its_application(doors: Doors) -> None:
    caller = await doors.tenant()
    desk = await application(caller)
    made = await page(caller)

    answer = await caller.post(BASE + "/messenger/12345678/applications", {"application": desk})

    assert answer.status == 200
    assert answer.json == made.json | {"applications": [desk]}
    assert (await caller.get(BASE + "/messenger/12345678")).json == answer.json


async def test_a_second_link_is_a_conflict_whatever_the_application(doors: Doors) -> None:
    caller = await doors.tenant()
    first, second = await application(caller), await application(caller)
    await page(caller, applications=[first])

    answers = [
        await caller.post(BASE + "/messenger/12345678/applications", {"application": each})
        for each in (first, second)
    ]

    assert [(answer.status, answer.json) for answer in answers] == [(409, CONFLICT)] * 2
    shown = await caller.get(BASE + "/messenger/12345678")
    assert shown.json["applications"] == [first]


async def test_of_eight_links_at_once_one_holds(doors: Doors) -> None:
    caller = await doors.tenant()
    desks = [await application(caller) for _ in range(8)]
    await page(caller)

    answers = await asyncio.gather(
        *(
            caller.post(BASE + "/messenger/12345678/applications", {"application": desk})
            for desk in desks
        ),
    )

    assert Counter(answer.status for answer in answers) == {200: 1, 409: 7}
    told = next(answer.json for answer in answers if answer.status == 200)
    assert (await caller.get(BASE + "/messenger/12345678")).json == told


async def test_one_application_may_hear_many_accounts(doors: Doors) -> None:
    caller = await doors.tenant()
    desk = await application(caller)

    answers = [await page(caller, each, applications=[desk]) for each in ("1", "2", "3")]

    assert [answer.json["applications"] for answer in answers] == [[desk]] * 3


@pytest.mark.parametrize("wanted", ["unknown", "foreign", "deaf", "messages"])
async def test_an_application_that_cannot_be_linked_is_forbidden(
    doors: Doors, wanted: str
) -> None:
    caller, other = await doors.tenant(), await doors.tenant("umbr0002")
    await page(caller)
    ids = {
        "unknown": "78d335fa-323d-0114-9c3d-d6f0d48968cf",
        "foreign": await application(other),
        "deaf": (await caller.post("/v2/applications", {"name": "Deaf"})).json["id"],
        "messages": "messages",
    }

    answer = await caller.post(
        BASE + "/messenger/12345678/applications", {"application": ids[wanted]}
    )

    assert (answer.status, answer.json) == (403, CANNOT_LINK)
    assert (await caller.get(BASE + "/messenger/12345678")).json["applications"] == []


@pytest.mark.parametrize(
    "target", ["/messenger/87654321", "/messenger/999", "/rcs/12345678", "/pigeon/12345678"]
)
async def test_an_account_that_is_not_the_callers_cannot_be_linked(
    doors: Doors, target: str
) -> None:
    caller, other = await doors.tenant(), await doors.tenant("umbr0002")
    desk = await application(caller)
    await page(other, "999")

    answer = await caller.post(f"{BASE}{target}/applications", {"application": desk})

    assert (answer.status, answer.body) == (404, b"")
    assert await doors.count(accounts, application_id=desk) == 0


class NotedReleaser(Releaser):
    """The real one, which counts how often it is woken."""

    woken = 0

    def wake(self) -> None:
        self.woken += 1
        super().wake()


async def test_a_link_wakes_who_lets_out_what_waited_for_it(sqlite_doors: Doors) -> None:
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
    await page(caller)
    target = BASE + "/messenger/12345678/applications"

    refused = await caller.post(target, {"application": "unknown"})
    before = releaser.woken
    linked = await caller.post(target, {"application": desk})

    assert (refused.status, before) == (403, 0)
    assert (linked.status, releaser.woken) == (200, 1)


async def test_secrets_are_told_to_nobody_in_faults(sqlite_doors: Doors) -> None:
    caller = await sqlite_doors.tenant()

    answer = await page(caller, name=7, access_token="EAAB-canary" + "x" * 4096)

    assert b"canary" not in answer.body
    assert SECRET.encode() not in answer.body
