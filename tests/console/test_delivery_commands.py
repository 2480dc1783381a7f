"""The operator looks at every tenant's deliveries and URLs, and puts right what went wrong."""

from __future__ import annotations

import msgspec
import pytest

from databases import change
from gateway import Doors
from jackfield.accounts import Account
from jackfield.console import deliveries, destinations
from jackfield.console.delivery_orders import (
    ChangeDestination,
    ListDeliveries,
    ListDestinations,
    RebindDeliveries,
    ReplayDeliveries,
    ReplayDelivery,
    ShowDelivery,
    TryApplication,
)
from jackfield.delivery.replaying import SLICE
from jackfield.problems import Conflict, Invalid, NotFound
from jackfield.storage.tables import deliveries as table
from world import World, said

INBOUND = "https://desk.example/in"


async def world_of(both: Doors) -> World:
    return await World(both.gateway.store, both.gateway.keys).open()


async def two_tenants(both: Doors) -> tuple[World, Account, Account]:
    """Let an account of each of two tenants hear two messages."""
    world = await world_of(both)
    pages = []
    for n, api_key in enumerate(("acme0001", "zenith01")):
        await world.tenant(api_key)
        desk = await world.application(INBOUND, api_key=api_key)
        page = await world.page(f"{n}001", application=desk, api_key=api_key)
        await world.hear(said("one", to=page), said("two", to=page))
        pages.append(page)
    return world, pages[0], pages[1]


async def give_up(database_url: str) -> None:
    await change(database_url, "DELETE FROM pending")
    await change(database_url, "UPDATE deliveries SET state = 'dead'")


async def walk(both: Doors, **narrow: object) -> list[str]:
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        order = msgspec.convert({"after": after, "limit": 1, **narrow}, ListDeliveries)
        listed = await deliveries.list_deliveries(both.gateway, order)
        seen += [f"{each.api_key} {each.id}" for each in listed.deliveries]
        after = listed.next
    return seen


async def test_deliveries_of_every_tenant_are_listed_and_narrowed(both: Doors) -> None:
    await two_tenants(both)

    everything = await walk(both)
    one = await walk(both, api_key="zenith01")
    account = await walk(both, provider="messenger", external_id="0001")
    dead = await walk(both, state="dead")

    assert len(everything) == len(set(everything)) == 4
    assert one == everything[:2]
    assert account == everything[2:]
    assert dead == []


async def test_a_delivery_is_shown_replayed_and_copied(both: Doors, database_url: str) -> None:
    await two_tenants(both)
    await give_up(database_url)
    newest = (await walk(both))[0].split()[1]

    shown = await deliveries.show_delivery(both.gateway, ShowDelivery(id=newest))
    copied = await deliveries.replay_delivery(
        both.gateway, ReplayDelivery(id=newest, to="https://trial.example/")
    )
    replayed = await deliveries.replay_delivery(both.gateway, ReplayDelivery(id=newest))

    assert (shown.state, shown.waits_for, shown.api_key) == ("dead", None, "zenith01")
    assert (copied.kind, copied.message_uuid) == ("test", shown.message_uuid)
    assert (replayed.id, replayed.waits_for) == (newest, "due")
    with pytest.raises(Conflict, match="on its way"):
        await deliveries.replay_delivery(both.gateway, ReplayDelivery(id=newest))


async def test_many_are_counted_and_replayed_to_the_end(both: Doors, database_url: str) -> None:
    world, acme, _ = await two_tenants(both)
    await world.hear(*[said(str(n), to=acme) for n in range(SLICE * 2)])
    await give_up(database_url)

    counted = await deliveries.replay_deliveries(
        both.gateway, ReplayDeliveries(api_key="acme0001", dry_run=True)
    )
    done = await deliveries.replay_deliveries(both.gateway, ReplayDeliveries(api_key="acme0001"))
    rest = await deliveries.replay_deliveries(both.gateway, ReplayDeliveries())

    every = SLICE * 2 + 2
    assert (counted.matched, counted.replayed, counted.next) == (every, every, None)
    assert (done.replayed, done.next) == (SLICE * 2 + 2, None)
    assert rest.replayed == 2


async def test_a_step_goes_on_where_the_one_before_ended(both: Doors, database_url: str) -> None:
    world, acme, _ = await two_tenants(both)
    await world.hear(*[said(str(n), to=acme) for n in range(SLICE)])
    await give_up(database_url)

    newest = await deliveries.replay_deliveries(
        both.gateway, ReplayDeliveries(api_key="acme0001", after=f"4-{SLICE + 4}")
    )

    assert newest.replayed == SLICE
    assert await both.count(table, state="dead") == 4


async def test_what_waits_for_an_old_application_moves(both: Doors) -> None:
    world, acme, _ = await two_tenants(both)
    heir = await world.application("https://heir.example/in")
    await change_link(both, acme, heir.id)
    named = RebindDeliveries(provider="messenger", external_id=acme.external_id, dry_run=True)

    counted = await deliveries.rebind_deliveries(both.gateway, named)
    moved = await deliveries.rebind_deliveries(
        both.gateway, msgspec.structs.replace(named, dry_run=False)
    )

    assert (counted.moved, moved.moved, moved.next) == (2, 2, None)
    assert await both.count(table, state="held", held_because="releasing") == 2


async def change_link(both: Doors, account: Account, application_id: str) -> None:
    """Link an account to another application in one step."""
    await both.secret(account.api_key, "a secret of some length")
    caller = both.caller(account.api_key, "a secret of some length")
    path = f"/beta/chatapp-accounts/{account.provider}/{account.external_id}"
    answer = await caller.ask("PATCH", path, body={"applications": [application_id]})
    assert answer.status == 200


async def test_an_application_is_tested(both: Doors) -> None:
    world, _, _ = await two_tenants(both)
    desk, silent = await world.application(INBOUND), await world.application(None)

    sent = await deliveries.try_application(both.gateway, TryApplication(id=desk.id))

    assert (sent.kind, sent.application_id, sent.waits_for) == ("test", desk.id, "due")
    with pytest.raises(Conflict, match="inbound URL"):
        await deliveries.try_application(both.gateway, TryApplication(id=silent.id))
    with pytest.raises(NotFound, match="`jackfield applications list`"):
        await deliveries.try_application(both.gateway, TryApplication(id="x"))


async def test_urls_are_listed_paused_and_resumed(both: Doors) -> None:
    await two_tenants(both)
    gateway = both.gateway

    for api_key in ("acme0001", "zenith01"):
        order = ChangeDestination(api_key=api_key, url=INBOUND)
        paused = await destinations.pause_destination(gateway, order)
        assert paused.state == "paused"
    first = await destinations.list_destinations(gateway, ListDestinations(limit=1))
    rest = await destinations.list_destinations(
        gateway, ListDestinations(limit=1, after=first.next or "")
    )
    one = await destinations.list_destinations(gateway, ListDestinations(api_key="zenith01"))
    resumed = await destinations.resume_destination(
        gateway, ChangeDestination(api_key="acme0001", url=INBOUND)
    )

    assert [each.api_key for each in first.destinations] == ["acme0001"]
    assert [each.api_key for each in rest.destinations] == ["zenith01"]
    assert [each.api_key for each in one.destinations] == ["zenith01"]
    assert (rest.next, one.next, resumed.state) == (None, None, "up")


async def test_what_is_not_there_or_cannot_be_used_is_said_with_what_to_do(
    both: Doors,
) -> None:
    await two_tenants(both)
    gateway = both.gateway

    with pytest.raises(NotFound, match="`jackfield deliveries list`"):
        await deliveries.show_delivery(gateway, ShowDelivery(id="x"))
    with pytest.raises(NotFound, match="`jackfield deliveries list`"):
        await deliveries.replay_delivery(gateway, ReplayDelivery(id="x"))
    with pytest.raises(NotFound, match="`jackfield tenants list`"):
        await deliveries.list_deliveries(gateway, ListDeliveries(api_key="nobody"))
    elsewhere = ChangeDestination(api_key="acme0001", url="https://x.example/")
    with pytest.raises(NotFound, match="hears nothing at"):
        await destinations.pause_destination(gateway, elsewhere)
    with pytest.raises(Invalid, match="`state` must be one of: held"):
        await deliveries.list_deliveries(gateway, ListDeliveries(state="lost"))
    with pytest.raises(Invalid, match="ISO 8601"):
        await deliveries.replay_deliveries(gateway, ReplayDeliveries(since="yesterday"))
    with pytest.raises(Invalid, match="to cannot be used"):
        await deliveries.replay_deliveries(gateway, ReplayDeliveries(to="x"))
    with pytest.raises(Invalid, match="is needed"):
        await deliveries.rebind_deliveries(gateway, RebindDeliveries())
    with pytest.raises(Invalid, match="after is"):
        await deliveries.replay_deliveries(gateway, ReplayDeliveries(after="7"))
    with pytest.raises(Invalid, match="after is"):
        await destinations.list_destinations(gateway, ListDestinations(after="7"))
