"""A tenant looks at its own deliveries, and replays, rebinds and tests: its own only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from auth.signing import claims_of, public_pem, signed
from databases import change, look
from external_accounts import ERRORS, faults
from gateway import Answer, Client, Doors
from jackfield.accounts import Account
from jackfield.api.delivery_fields import NARROWING
from jackfield.storage.tables import deliveries
from world import World, said

BASE = "/v1/deliveries"
INBOUND = "https://desk.example/in"
NO_DELIVERY = "No delivery of yours has this id: `GET /v1/deliveries` lists those that are yours."
NO_APPLICATION = (
    "No application of yours has this id: `GET /v2/applications` lists those that are yours. A "
    "token may test its own application only."
)
NAMED = ("provider", "external_id", "application_id")


@dataclass
class Desk:
    """A tenant with an application that hears one of its two accounts, and one beside it."""

    world: World
    tenant: Client
    application: str
    token: Client
    page: Account
    unlinked: Account

    async def ids(self) -> list[str]:
        """Return the ids of all its deliveries, newest first."""
        answer = await self.tenant.get(BASE + "?page_size=100")
        return [each["id"] for each in answer.json["deliveries"]]


async def desk_of(doors: Doors, api_key: str = "acme0001", *, n: int = 1) -> Desk:
    """Make a tenant with two messages to a linked account and one to an unlinked one."""
    tenant = await doors.tenant(api_key)
    world = World(doors.gateway.store, doors.gateway.keys)
    if api_key == "acme0001":
        await world.open()
    else:
        world.provider_app_id = 1
    body = {
        "name": "Desk",
        "keys": {"public_key": public_pem()},
        "capabilities": {"messages": {"webhooks": {"inbound_url": {"address": INBOUND}}}},
    }
    application = (await tenant.post("/v2/applications", body)).json["id"]
    found = await doors.gateway.store.read(doors.gateway.applications.find(application))
    page = await world.page(f"{n}001", application=found, api_key=api_key)
    unlinked = await world.page(f"{n}002", api_key=api_key)
    await world.hear(said("one", to=page), said("held", to=unlinked), said("two", to=page))
    token = signed(claims_of(application))
    bearer = Client(doors.asgi, ((b"authorization", b"Bearer " + token.encode()),))
    return Desk(world, tenant, application, bearer, page, unlinked)


async def give_up(database_url: str) -> None:
    """Let all that is pending be dead."""
    await change(database_url, "DELETE FROM pending")
    await change(database_url, "UPDATE deliveries SET state = 'dead' WHERE state = 'pending'")


async def test_deliveries_are_listed_without_a_word_of_what_was_said(doors: Doors) -> None:
    desk = await desk_of(doors)

    answer = await desk.tenant.get(BASE)

    newest, held, _ = answer.json["deliveries"]
    assert answer.status == 200
    assert answer.json["next"] is None
    assert (newest["state"], newest["reason"], newest["tries"]) == ("pending", None, 0)
    assert (newest["provider"], newest["external_id"]) == ("messenger", "1001")
    assert (newest["application_id"], newest["api_key"]) == (desk.application, "acme0001")
    assert (held["state"], held["reason"]) == ("held", "unlinked")
    assert (held["application_id"], held["finished_at"]) == (None, None)
    assert b"two" not in answer.body


async def test_pages_follow_each_other_by_next(doors: Doors) -> None:
    desk = await desk_of(doors)

    seen: list[str] = []
    after = ""
    for _ in range(3):
        page = (await desk.tenant.get(f"{BASE}?page_size=1{after}")).json
        seen += [each["id"] for each in page["deliveries"]]
        after = f"&after={page['next']}"

    assert seen == await desk.ids()
    assert page["next"] is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=held", 1),
        ("state=dead", 0),
        ("reason=unlinked", 1),
        ("provider=messenger&external_id=1001", 2),
        ("provider=messenger&external_id=1002&state=held", 1),
        ("provider=whatsapp", 0),
        ("application_id={application}", 2),
        ("application_id=another", 0),
        ("from=2026-01-02T03:04:05Z&until=2099-01-01T00:00:00Z", 3),
        ("from=2098-12-31", 0),
        ("until=2020-01-01T00:00:00%2B02:00", 0),
    ],
)
async def test_a_listing_is_narrowed(sqlite_doors: Doors, query: str, found: int) -> None:
    desk = await desk_of(sqlite_doors)

    answer = await desk.tenant.get(f"{BASE}?{query.replace('{application}', desk.application)}")

    assert answer.status == 200
    assert len(answer.json["deliveries"]) == found


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("state=lost", "state"),
        ("reason=bad", "reason"),
        ("provider=sms", "provider"),
        ("external_id=1", "provider"),
        ("provider=&external_id=1", "provider"),
        ("provider=rcs&external_id=", "external_id"),
        ("application_id=", "application_id"),
        ("state=", "state"),
        ("reason=", "reason"),
        ("from=", "from"),
        ("until=", "until"),
        ("after=", "after"),
        ("page_size=", "page_size"),
        ("from=yesterday", "from"),
        ("until=2026-13-01", "until"),
        ("page_size=0", "page_size"),
        ("page_size=101", "page_size"),
        ("after=1", "after"),
        ("after=%3D%3D", "after"),
        ("after=" + "A" * 10, "after"),
        ("after=" + "_" * 10 + "8", "after"),
        ("application_id=" + "a" * 129, "application_id"),
    ],
)
async def test_a_question_that_cannot_be_understood_names_its_fault(
    sqlite_doors: Doors, query: str, named: str
) -> None:
    tenant = await sqlite_doors.tenant()

    answer = await tenant.get(f"{BASE}?{query}")

    assert [each["name"] for each in faults(answer)] == [named]


@pytest.mark.parametrize(
    ("since", "until", "named"),
    [
        ("2026-01-02T04:00:00Z", "2026-01-02T03:00:00Z", ["from"]),
        ("2026-01-02T03:00:00Z", "2026-01-02T03:00:00.000Z", ["from"]),
        ("2026-01-02T04:00:00+02:00", "2026-01-02T02:00:00", ["from"]),
        ("2026-01-02T03:00:00Z", "2026-01-02T03:00:00.001Z", []),
        ("2026-01-02T04:00:00Z", "yesterday", ["until"]),
    ],
)
async def test_a_window_begins_before_it_ends(
    sqlite_doors: Doors, since: str, until: str, named: list[str]
) -> None:
    tenant = await sqlite_doors.tenant()

    window = {"from": since, "until": until}
    listed = await tenant.get(f"{BASE}?{urlencode(window)}")
    sent = [
        await tenant.post(BASE + "/replay", window | {"dry_run": dry}) for dry in (True, False)
    ]

    for answer in (listed, *sent):
        found = faults(answer) if named else []
        assert answer.status == (400 if named else 200)
        assert [each["name"] for each in found] == named
        if named == ["from"]:
            assert found[0]["reason"] == "`from` must be before `until`"


@pytest.mark.parametrize(
    ("given", "is_explained"),
    [
        ("2026-11-26T17:00:00+00:00", True),
        ("2026-11-26T17:00+0200", True),
        ("2026-11-26+17:00:00+02:00", True),
        ("2026-11-26T17:00:00%2B00:00", False),
        ("2026-11-26+17:00:00", False),
        ("2026-11-26+yesterday", False),
        ("+2026-11-26T17:00:00Z", False),
        ("last+week", False),
    ],
)
async def test_a_plus_that_came_as_a_space_is_explained(
    sqlite_doors: Doors, given: str, *, is_explained: bool
) -> None:
    tenant = await sqlite_doors.tenant()

    answer = await tenant.get(f"{BASE}?from={given}")

    reasons = [each["reason"] for each in faults(answer)] if answer.status != 200 else []
    assert any("`%2B`" in each and "`Z`" in each for each in reasons) is is_explained
    assert all("ISO 8601" in each for each in reasons)


async def test_one_delivery_is_shown_with_why_it_waits(doors: Doors, database_url: str) -> None:
    desk = await desk_of(doors)
    newest, held, oldest = await desk.ids()
    columns = "delivery_id, tried, started_at, milliseconds, outcome, status"
    values = f"'{oldest}', 1, 1767323045678, 12, 'failed', 503"
    await change(database_url, f"INSERT INTO attempts ({columns}) VALUES ({values})")  # noqa: S608 -- our own words
    await change(
        database_url,
        f"UPDATE pending SET tries = 1, due_at = 4000000000000 WHERE subject = '{oldest}'",  # noqa: S608 -- the same
    )
    await change(database_url, f"UPDATE pending SET due_at = NULL WHERE subject = '{newest}'")  # noqa: S608 -- the same

    shown = [(await desk.tenant.get(f"{BASE}/{each}")).json for each in (newest, held, oldest)]

    assert [each["waits_for"] for each in shown] == ["behind", "unlinked", "backoff"]
    assert shown[2]["attempts"] == [
        {
            "tried": 1,
            "started_at": "2026-01-02T03:04:05.678Z",
            "milliseconds": 12,
            "outcome": "failed",
            "status": 503,
            "detail": None,
        },
    ]
    assert (shown[2]["reason"], shown[2]["tries"]) == ("failed", 1)
    assert shown[2]["due_at"] == "2096-10-02T07:06:40.000Z"
    assert shown[2]["from"] == "700000000000007"


async def test_who_wrote_to_an_account_that_is_only_claimed_is_not_told(
    doors: Doors, database_url: str
) -> None:
    desk = await desk_of(doors)
    await change(database_url, "UPDATE accounts SET standing = 'claimed'")
    _, held, oldest = await desk.ids()

    shown = [(await desk.tenant.get(f"{BASE}/{each}")).json for each in (held, oldest)]
    copied = await desk.tenant.post(f"{BASE}/{held}/replay", {"to": "https://trial.example/in"})

    assert [each["from"] for each in shown] == [None, "700000000000007"]
    assert (copied.status, "only claimed" in copied.json["detail"]) == (409, True)


async def test_a_paused_url_is_why_it_waits(doors: Doors) -> None:
    desk = await desk_of(doors)
    (newest, *_) = await desk.ids()

    await desk.tenant.post("/v1/destinations/pause", {"url": INBOUND})

    shown = (await desk.tenant.get(f"{BASE}/{newest}")).json
    assert (shown["waits_for"], shown["paused_because"]) == ("paused", "requested")


async def test_what_is_dead_is_replayed_and_shown_on_its_way(
    doors: Doors, database_url: str
) -> None:
    desk = await desk_of(doors)
    await give_up(database_url)
    (newest, held, _) = await desk.ids()
    before = (await desk.tenant.get(f"{BASE}/{newest}")).json

    answer = await desk.tenant.post(f"{BASE}/{newest}/replay")
    again = await desk.tenant.post(f"{BASE}/{newest}/replay", {})
    of_held = await desk.tenant.post(f"{BASE}/{held}/replay")

    assert (answer.status, answer.json["state"], answer.json["waits_for"]) == (
        200,
        "pending",
        "due",
    )
    assert (answer.json["id"], answer.json["message_uuid"]) == (newest, before["message_uuid"])
    assert (again.status, again.json["title"]) == (409, "Delivery conflict")
    assert "still on its way" in again.json["detail"]
    assert of_held.status == 409
    assert "held (unlinked)" in of_held.json["detail"]


async def test_a_copy_goes_to_a_test_url(doors: Doors, database_url: str) -> None:
    desk = await desk_of(doors)
    await give_up(database_url)
    (newest, *_) = await desk.ids()

    answer = await desk.tenant.post(f"{BASE}/{newest}/replay", {"to": "https://trial.example/in"})
    refused = await desk.tenant.post(f"{BASE}/{newest}/replay", {"to": "file:///etc/passwd"})

    assert (answer.status, answer.json["kind"], answer.json["url"]) == (
        200,
        "test",
        "https://trial.example/in",
    )
    assert answer.json["id"] != newest
    assert [each["name"] for each in faults(refused)] == ["to"]
    assert await doors.count(deliveries, state="dead") == 2
    assert await doors.count(deliveries, kind="test") == 1


@pytest.mark.parametrize(
    "members",
    [
        b"",
        {},
        {"dry_run": True},
        {"to": "https://trial.example/in"},
        {"to": None, "dry_run": False, "after": None},
        dict.fromkeys(NARROWING),
    ],
)
async def test_a_replay_of_whatever_is_dead_must_be_asked_for(
    doors: Doors, database_url: str, members: object
) -> None:
    desk = await desk_of(doors)
    await give_up(database_url)

    refused = [await each.post(BASE + "/replay", members) for each in (desk.tenant, desk.token)]
    everything = await desk.tenant.post(BASE + "/replay", {"state": "dead", "dry_run": True})

    for answer in refused:
        (fault,) = faults(answer)
        assert fault["name"] == "body"
        assert all(f"`{name}`" in fault["reason"] for name in NARROWING)
        assert '`"state": "dead"`' in fault["reason"]
    assert everything.json["matched"] == 2
    assert await look(database_url, "SELECT count(*) FROM pending") == [(0,)]


async def test_a_null_is_as_good_as_left_out(doors: Doors, database_url: str) -> None:
    desk = await desk_of(doors)
    await give_up(database_url)
    (newest, *_) = await desk.ids()
    nothing = dict.fromkeys((*NARROWING, "to", "after"))

    counted = await replayed(desk.tenant, **nothing | {"state": "dead", "dry_run": True})
    one = await desk.tenant.post(f"{BASE}/{newest}/replay", {"to": None})

    assert counted["matched"] == 2
    assert (one.status, one.json["kind"]) == (200, "inbound")


async def replayed(caller: Client, **members: object) -> dict[str, Any]:
    """Replay to the end, and return the sums."""
    sums = {"matched": 0, "replayed": 0, "held": 0}
    while True:
        answer = await caller.post(BASE + "/replay", members)
        assert answer.status == 200
        sums = {name: sums[name] + answer.json[name] for name in sums}
        if answer.json["next"] is None:
            return sums
        members["after"] = answer.json["next"]


async def test_many_are_counted_first_and_then_replayed(doors: Doors, database_url: str) -> None:
    desk = await desk_of(doors)
    await give_up(database_url)

    counted = await replayed(desk.tenant, state="dead", dry_run=True)
    none = await replayed(desk.tenant, reason="unlinked")
    done = await replayed(desk.tenant, provider="messenger", external_id="1001")
    again = await replayed(desk.tenant, state="dead")

    assert counted == {"matched": 2, "replayed": 2, "held": 0}
    assert none == again == {"matched": 0, "replayed": 0, "held": 0}
    assert done == {"matched": 2, "replayed": 2, "held": 0}
    assert await doors.count(deliveries, state="pending") == 2


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("/replay", {"state": "dead", "dry_run": 1}, ["dry_run"]),
        ("/replay", {"state": "dead", "dry_run": "true"}, ["dry_run"]),
        ("/replay", {"state": "dead", "after": "x"}, ["after"]),
        ("/replay", {"state": "dead", "after": 5}, ["after"]),
        ("/replay", {"state": "dead", "to": "ftp://x"}, ["to"]),
        ("/replay", {"state": "dead", "to": 1}, ["to"]),
        ("/replay", {"state": "lost", "from": 7}, ["state", "from"]),
        ("/replay", {"state": "held", "dry_run": True}, ["state"]),
        ("/replay", {"state": "pending"}, ["state"]),
        ("/replay", b"[]", ["body"]),
        ("/replay", b"{", ["body"]),
        ("/rebind", {}, ["application_id"]),
        ("/rebind", {"provider": "messenger"}, ["external_id"]),
        ("/rebind", {"external_id": "1"}, ["provider"]),
        ("/rebind", {"external_id": "1", "provider": None}, ["provider"]),
        ("/rebind", {"external_id": "1", "provider": None, "application_id": "a"}, ["provider"]),
        ("/rebind", {"external_id": None, "provider": "rcs"}, ["external_id"]),
        ("/rebind", {"external_id": 1, "provider": "rcs"}, ["external_id"]),
        ("/rebind", {"external_id": "1", "provider": "sms"}, ["provider"]),
        ("/rebind", {"provider": "sms"}, ["provider", "external_id"]),
        ("/rebind", dict.fromkeys(NAMED), ["application_id"]),
        ("/rebind", {"application_id": "a", "dry_run": None}, ["dry_run"]),
        ("/replay", {"external_id": "1", "provider": None}, ["provider"]),
        ("/rebind", {"application_id": "a", "after": "AAAA"}, ["after"]),
    ],
)
async def test_an_order_that_cannot_be_understood_names_its_faults(
    sqlite_doors: Doors, path: str, body: object, named: list[str]
) -> None:
    tenant = await sqlite_doors.tenant()

    answer = await tenant.post(BASE + path, body)

    assert [each["name"] for each in faults(answer)] == named


async def test_what_may_go_out_twice_refuses_a_key_that_would_promise_otherwise(
    doors: Doors, database_url: str
) -> None:
    desk = await desk_of(doors)
    await give_up(database_url)
    (newest, *_) = await desk.ids()
    paths = (
        f"{BASE}/{newest}/replay",
        f"{BASE}/replay",
        f"/v1/applications/{desk.application}/test",
    )

    for path in paths:
        answer = await desk.tenant.post(path, {}, idempotency_key="key")
        assert answer.status == 400
        (fault,) = answer.json["invalid_params"]
        assert fault["name"] == "Idempotency-Key"
        assert "leave it out" in fault["reason"]

    assert await look(database_url, "SELECT count(*) FROM pending") == [(0,)]
    assert len(await desk.ids()) == 3


async def test_what_is_as_good_twice_needs_no_key_and_does_not_mind_one(doors: Doors) -> None:
    desk = await desk_of(doors)
    orders = {
        f"{BASE}/rebind": {"application_id": desk.application},
        "/v1/destinations/pause": {"url": INBOUND},
        "/v1/destinations/resume": {"url": INBOUND},
    }

    for path, body in orders.items():
        answers = [await desk.tenant.post(path, body, idempotency_key="key") for _ in range(2)]
        assert [answer.status for answer in answers] == [200, 200]
        assert all("idempotent-replayed" not in answer.headers for answer in answers)


async def test_what_waits_for_an_old_application_is_counted_and_moved(doors: Doors) -> None:
    desk = await desk_of(doors)
    heir = await desk.world.application("https://heir.example/in")
    account = f"/beta/chatapp-accounts/messenger/{desk.page.external_id}"
    await desk.tenant.ask("PATCH", account, body={"applications": [heir.id]})
    named = {"provider": "messenger", "external_id": "1001"}

    counted = await desk.tenant.post(BASE + "/rebind", {**named, "dry_run": True})
    moved = await desk.tenant.post(BASE + "/rebind", named)
    again = await desk.tenant.post(BASE + "/rebind", {"application_id": desk.application})

    assert counted.json == {"dry_run": True, "moved": 2, "next": None}
    assert moved.json == {"dry_run": False, "moved": 2, "next": None}
    assert again.json["moved"] == 0
    assert await doors.count(deliveries, held_because="releasing") == 2


async def test_half_an_account_moves_nothing_of_the_tenants(doors: Doors) -> None:
    desk = await desk_of(doors)
    heir = await desk.world.application("https://heir.example/in")
    account = f"/beta/chatapp-accounts/messenger/{desk.page.external_id}"
    await desk.tenant.ask("PATCH", account, body={"applications": [heir.id]})

    answer = await desk.tenant.post(BASE + "/rebind", {"provider": None, "external_id": "no"})

    assert faults(answer) == [
        {"name": "provider", "reason": "`provider` is needed beside `external_id`"}
    ]
    assert await doors.count(deliveries, state="pending") == 2


async def test_a_test_is_sent_to_an_application(doors: Doors) -> None:
    desk = await desk_of(doors)
    silent = await desk.world.application(None)

    sent = await desk.tenant.post(f"/v1/applications/{desk.application}/test")
    refused = await desk.tenant.post(f"/v1/applications/{silent.id}/test")
    nothing = await desk.tenant.post("/v1/applications/nothing/test")

    assert (sent.status, sent.json["kind"], sent.json["application_id"]) == (
        202,
        "test",
        desk.application,
    )
    assert (sent.json["provider"], sent.json["external_id"]) == (None, None)
    assert (refused.status, refused.json["title"]) == (409, "Application conflict")
    assert nothing.status == 404
    assert (await desk.tenant.get(f"{BASE}/{sent.json['id']}")).json["waits_for"] == "due"


async def every_way(caller: Client, delivery_id: str, application: str) -> list[Answer]:
    """Ask for everything there is about somebody's delivery, application and account."""
    return [
        await caller.get(f"{BASE}/{delivery_id}"),
        await caller.post(f"{BASE}/{delivery_id}/replay"),
        await caller.post(f"{BASE}/{delivery_id}/replay", {"to": "https://mine.example/"}),
        await caller.post(f"/v1/applications/{application}/test"),
    ]


def told(answer: Answer) -> str:
    """Return the detail of a 404 whose every other member is as it is below /v1."""
    body = answer.json
    detail: str = body.pop("detail")
    assert answer.status == 404
    assert body == {
        "type": ERRORS + "NotFound",
        "title": "Not found",
        "instance": answer.headers["x-request-id"],
    }
    return detail


@pytest.mark.parametrize(
    "path",
    [
        "/v1/nothing",
        "/v1/destinations/https%3A%2F%2Fdesk.example",
        BASE + "/",
        "/v1/",
        BASE + "/%FF",
    ],
)
async def test_a_path_that_is_not_there_says_where_to_look(sqlite_doors: Doors, path: str) -> None:
    tenant = await sqlite_doors.tenant()

    answers = [await tenant.get(path), await tenant.post(path, {})]

    assert {told(each) for each in answers} == {
        "There is nothing at this path: `/docs` shows what there is, `/openapi.json` to programs."
    }


async def test_nothing_of_another_tenants_is_there(doors: Doors, database_url: str) -> None:
    desk, stranger = await desk_of(doors), await desk_of(doors, "zenith01", n=2)
    await give_up(database_url)
    (newest, *_) = await desk.ids()
    before = await look(database_url, "SELECT id, state FROM deliveries ORDER BY id")

    for caller in (stranger.tenant, stranger.token):
        for answer in await every_way(caller, newest, desk.application):
            assert told(answer) in {NO_DELIVERY, NO_APPLICATION}
    seen = await stranger.ids()
    narrowed = await stranger.tenant.get(f"{BASE}?provider=messenger&external_id=1001")
    by_application = await stranger.tenant.get(f"{BASE}?application_id={desk.application}")
    theirs = {"provider": "messenger", "external_id": "1001"}
    counted = await replayed(stranger.tenant, **theirs)
    moved = await stranger.tenant.post(BASE + "/rebind", {"application_id": desk.application})

    assert len(seen) == 3
    assert newest not in seen
    assert narrowed.json["deliveries"] == by_application.json["deliveries"] == []
    assert (counted["matched"], moved.json["moved"]) == (0, 0)
    assert await look(database_url, "SELECT id, state FROM deliveries ORDER BY id") == before


async def test_a_token_sees_its_applications_deliveries_only(
    doors: Doors, database_url: str
) -> None:
    desk = await desk_of(doors)
    other = await desk.world.application("https://other.example/in")
    account = await desk.world.page("3001", application=other)
    await desk.world.hear(said("not yours", to=account))
    await give_up(database_url)
    (foreign, *_) = await desk.ids()

    listed = await desk.token.get(BASE)
    asked = await desk.token.get(f"{BASE}?application_id={other.id}")
    counted = await replayed(desk.token, state="dead", dry_run=True)
    stolen = await replayed(desk.token, application_id=other.id)
    moved = await desk.token.post(BASE + "/rebind", {"application_id": other.id})

    assert {each["application_id"] for each in listed.json["deliveries"]} == {desk.application}
    assert len(listed.json["deliveries"]) == 2
    assert asked.json == {"deliveries": [], "next": None}
    assert (counted["matched"], stolen["matched"], moved.json["moved"]) == (2, 0, 0)
    for answer in await every_way(desk.token, foreign, other.id):
        assert told(answer) in {NO_DELIVERY, NO_APPLICATION}
    own = await every_way(desk.token, (listed.json["deliveries"][0])["id"], desk.application)
    assert [answer.status for answer in own] == [200, 200, 200, 202]


async def test_an_application_without_a_url_is_told_that_its_own_went_to_somebody_else(
    doors: Doors, database_url: str
) -> None:
    desk = await desk_of(doors)
    await give_up(database_url)
    (newest, *_) = await desk.ids()
    await change(database_url, "UPDATE tenants SET inbound_url = 'https://acme.example/in'")
    await change(database_url, "UPDATE applications SET inbound_url = NULL")

    answer = await desk.token.post(f"{BASE}/{newest}/replay")

    assert (answer.status, answer.json["state"]) == (200, "held")
    assert (await desk.token.get(f"{BASE}/{newest}")).status == 404


@pytest.mark.parametrize("is_linked_anew", [True, False])
async def test_an_application_that_hears_messages_no_more_gets_nothing_by_a_replay(
    doors: Doors, database_url: str, *, is_linked_anew: bool
) -> None:
    """Whoever takes the capability away takes its URL too, in both versions of the webhooks."""
    desk = await desk_of(doors)
    await give_up(database_url)
    (newest, _, oldest) = await desk.ids()
    path = f"/v2/applications/{desk.application}"
    for version in ("v1", "v0.1"):
        webhooks = {"inbound_url": {"address": INBOUND}}
        messages = {"version": version, "webhooks": webhooks}
        hears = {"name": "Desk", "capabilities": {"messages": messages}}
        assert (await desk.tenant.ask("PUT", path, body=hears)).status == 200
        assert (await desk.tenant.ask("PUT", path, body={"name": "Desk"})).status == 200
        columns = "SELECT webhook_version, inbound_url FROM applications"
        assert await look(database_url, columns) == [(None, None)]
    if is_linked_anew:
        other = await desk.world.application("https://other.example/in")
        await desk.world.link(desk.page, other)

    one = await desk.tenant.post(f"{BASE}/{newest}/replay")
    many = await desk.tenant.post(f"{BASE}/replay", {"state": "dead"})

    if is_linked_anew:
        assert (one.status, one.json["state"]) == (200, "held")
        assert (many.json["replayed"], many.json["held"]) == (0, 1)
    else:
        assert one.status == 409
        assert "Nobody would hear it" in one.json["detail"]
        assert (many.json["replayed"], many.json["held"]) == (0, 0)
    assert (await desk.tenant.get(f"{BASE}/{oldest}")).json["state"] == (
        "held" if is_linked_anew else "dead"
    )
    assert await look(database_url, "SELECT count(*) FROM pending") == [(0,)]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", BASE),
        ("GET", BASE + "/x"),
        ("POST", BASE + "/x/replay"),
        ("POST", BASE + "/replay"),
        ("POST", BASE + "/rebind"),
        ("GET", "/v1/destinations"),
        ("POST", "/v1/destinations/pause"),
        ("POST", "/v1/destinations/resume"),
        ("POST", "/v1/applications/x/test"),
        ("GET", "/v1/nothing"),
        ("PUT", BASE),
    ],
)
async def test_strangers_are_refused_before_anything_is_said(
    sqlite_doors: Doors, method: str, path: str
) -> None:
    answer = await sqlite_doors.anybody().ask(method, path)

    assert answer.status == 401
    assert answer.json["title"] == "Unauthorised"


async def test_the_access_list_of_a_token_holds_here_too(sqlite_doors: Doors) -> None:
    desk = await desk_of(sqlite_doors)
    acl = {"paths": {"/v1/deliveries/**": {"methods": ["GET"]}}}
    token = signed(claims_of(desk.application, acl=acl))
    reader = Client(sqlite_doors.asgi, ((b"authorization", b"Bearer " + token.encode()),))

    assert (await reader.get(BASE)).status == 200
    assert (await reader.post(BASE + "/replay", {})).status == 403
    assert (await reader.get("/v1/destinations")).status == 403
