"""A tenant sees how its URLs are doing, and pauses and resumes them: its own only."""

from __future__ import annotations

from datetime import timedelta

import pytest

from api.test_delivery_paths import INBOUND, desk_of, told
from external_accounts import faults
from gateway import Doors
from jackfield.clock import Moment, after, now
from jackfield.delivery.destinations import Breaker, Destination, Paused
from jackfield.storage import destinations
from jackfield.storage.tables import destinations as table

BASE = "/v1/destinations"


async def test_a_url_is_paused_listed_and_resumed(doors: Doors) -> None:
    desk = await desk_of(doors)

    before = await desk.tenant.get(BASE)
    paused = await desk.tenant.post(BASE + "/pause", {"url": INBOUND})
    again = await desk.tenant.post(BASE + "/pause", {"url": INBOUND})
    listed = await desk.tenant.get(BASE)
    resumed = await desk.tenant.post(BASE + "/resume", {"url": INBOUND})
    twice = await desk.tenant.post(BASE + "/resume", {"url": INBOUND})

    assert before.json == {"destinations": [], "next": None}
    assert (paused.json["state"], paused.json["paused_because"]) == ("paused", "requested")
    assert again.json == paused.json
    assert listed.json["destinations"] == [paused.json]
    assert (resumed.json["state"], resumed.json["paused_at"]) == ("up", None)
    assert twice.json == resumed.json


async def test_what_a_410_paused_is_resumed(doors: Doors) -> None:
    desk = await desk_of(doors)
    work = destinations.pause("acme0001", INBOUND, because=Paused.GONE, now=now())
    await doors.gateway.store.commit(work)

    listed = await desk.tenant.get(BASE)
    resumed = await desk.tenant.post(BASE + "/resume", {"url": INBOUND})

    assert listed.json["destinations"][0]["paused_because"] == "gone"
    assert resumed.json["state"] == "up"


async def test_a_url_that_is_down_or_wants_time_says_so(doors: Doors) -> None:
    desk = await desk_of(doors)
    later = Moment(4_000_000_000_000)
    down = Destination(breaker=Breaker.OPEN, failures=4, not_before=later)
    remember = destinations.remember
    await doors.gateway.store.commit(remember("acme0001", "https://a.example/", down))
    wanted = Destination(not_before=later)
    await doors.gateway.store.commit(remember("acme0001", "https://b.example/", wanted))

    listed = (await desk.tenant.get(BASE)).json["destinations"]

    assert [each["state"] for each in listed] == ["down", "waiting"]
    assert (listed[0]["failures"], listed[0]["not_before"]) == (4, "2096-10-02T07:06:40.000Z")


async def test_a_time_that_is_past_is_no_next_call(doors: Doors) -> None:
    desk = await desk_of(doors)
    past = after(now(), -timedelta(seconds=2))
    for url, remembered in {
        "https://a.example/": Destination(not_before=past, slow_start_at=past),
        "https://b.example/": Destination(breaker=Breaker.OPEN, failures=4, not_before=past),
    }.items():
        await doors.gateway.store.commit(destinations.remember("acme0001", url, remembered))

    listed = (await desk.tenant.get(BASE)).json["destinations"]

    assert [(each["state"], each["not_before"]) for each in listed] == [
        ("up", None),
        ("down", None),
    ]


async def test_a_url_that_is_paused_has_no_next_call(doors: Doors) -> None:
    desk = await desk_of(doors)
    wanted = Destination(not_before=after(now(), timedelta(hours=1)))
    await doors.gateway.store.commit(destinations.remember("acme0001", INBOUND, wanted))

    paused = await desk.tenant.post(BASE + "/pause", {"url": INBOUND})

    assert (paused.json["state"], paused.json["not_before"]) == ("paused", None)


async def test_urls_are_listed_page_by_page(doors: Doors) -> None:
    desk = await desk_of(doors)
    urls = [f"https://{name}.example/in" for name in "abcde"]
    for url in urls:
        for api_key in ("acme0001", "zenith01"):
            work = destinations.remember(api_key, url, Destination())
            await doors.gateway.store.commit(work)

    seen: list[str] = []
    behind = ""
    for _ in range(3):
        page = (await desk.tenant.get(f"{BASE}?page_size=2{behind}")).json
        seen += [each["url"] for each in page["destinations"]]
        behind = f"&after={page['next']}"

    assert seen == urls
    assert page["next"] is None


async def test_a_url_that_is_not_theirs_is_not_there(doors: Doors) -> None:
    desk, stranger = await desk_of(doors), await desk_of(doors, "zenith01", n=2)
    own = await desk.world.application("https://other.example/in")
    await desk.tenant.post(BASE + "/pause", {"url": own.inbound_url})

    answers = [
        await desk.tenant.post(BASE + "/pause", {"url": "https://nobody.example/"}),
        await desk.tenant.post(BASE + "/resume", {"url": "https://nobody.example/"}),
        await stranger.tenant.post(BASE + "/resume", {"url": own.inbound_url}),
        # Another application's of the same tenant.
        await desk.token.post(BASE + "/resume", {"url": own.inbound_url}),
        await desk.token.post(BASE + "/pause", {"url": own.inbound_url}),
    ]

    assert {told(answer) for answer in answers} == {
        (
            "Nothing of yours hears at this URL, written just so, and `GET /v1/destinations` does "
            "not list it. `GET /v2/applications` shows where your applications hear."
        ),
    }
    assert await doors.count(table, paused_because="requested") == 1
    assert (await desk.token.get(BASE)).json["destinations"] == []
    assert (await stranger.tenant.get(BASE)).json["destinations"] == []


async def test_pausing_one_tenants_url_leaves_anothers_at_the_same_place_alone(
    doors: Doors,
) -> None:
    desk, stranger = await desk_of(doors), await desk_of(doors, "zenith01", n=2)

    await desk.token.post(BASE + "/pause", {"url": INBOUND})

    assert (await stranger.tenant.get(BASE)).json["destinations"] == []
    assert (await desk.token.get(BASE)).json["destinations"][0]["state"] == "paused"


@pytest.mark.parametrize(
    ("body", "named"),
    [({}, "url"), ({"url": 1}, "url"), ({"url": "x" * 2049}, "url"), (b"nothing", "body")],
)
async def test_what_cannot_be_understood_names_its_fault(
    sqlite_doors: Doors, body: object, named: str
) -> None:
    tenant = await sqlite_doors.tenant()

    answer = await tenant.post(BASE + "/pause", body)
    page = await tenant.get(BASE + "?after=%2F%2F")

    assert [each["name"] for each in faults(answer)] == [named]
    assert [each["name"] for each in faults(page)] == ["after"]
