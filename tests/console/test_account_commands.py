"""Commands that link, unlink and delete accounts, by the rules their tenants are bound to."""

from __future__ import annotations

import asyncio

import pytest

from gateway import SECRET, Client, Doors, application, basic
from jackfield.accounts import Account, Provider, Standing
from jackfield.console import accounts
from jackfield.console.account_orders import (
    AccountDeleted,
    AccountLinked,
    AccountUnlinked,
    DeleteAccount,
    LinkAccount,
    UnlinkAccount,
)
from jackfield.problems import Conflict, NotFound
from jackfield.storage.tables import deliveries, pending
from world import World, said

PAGE = Provider.MESSENGER


async def opened(doors: Doors) -> World:
    world = await World(doors.gateway.store, doors.gateway.keys).open()
    await world.tenant()
    return world


async def link(doors: Doors, external_id: str, application_id: str) -> AccountLinked:
    order = LinkAccount(provider=PAGE, external_id=external_id, application_id=application_id)
    return await accounts.link_account(doors.gateway, order)


async def unlink(doors: Doors, external_id: str) -> AccountUnlinked:
    order = UnlinkAccount(provider=PAGE, external_id=external_id)
    return await accounts.unlink_account(doors.gateway, order)


async def delete(doors: Doors, external_id: str) -> AccountDeleted:
    order = DeleteAccount(provider=PAGE, external_id=external_id)
    return await accounts.delete_account(doors.gateway, order)


async def found(doors: Doors, external_id: str) -> Account | None:
    return await doors.gateway.store.read(doors.gateway.accounts.find(PAGE, external_id))


async def test_an_account_is_linked_in_its_own_tenants_name(both: Doors) -> None:
    world = await opened(both)
    account = await world.page("1", standing=Standing.CLAIMED)
    await world.hear(said("one", to=account), said("two", to=account))
    desk = await world.application("https://desk.example/in")

    linked = await link(both, "1", desk.id)

    there = await found(both, "1")
    assert there is not None
    assert (there.application_id, there.version, there.link_version) == (desk.id, 2, 2)
    assert (linked.api_key, linked.application_id, linked.held) == ("acme0001", desk.id, 2)
    assert linked.standing is Standing.CLAIMED


async def test_a_linked_account_is_unlinked_before_it_is_linked_again(both: Doors) -> None:
    world = await opened(both)
    desk, other = await world.application(None), await world.application(None)
    await world.page("1", application=desk)

    with pytest.raises(Conflict, match=f"to the application {desk.id}; first: jackfield acc"):
        await link(both, "1", other.id)
    unlinked = await unlink(both, "1")
    await link(both, "1", other.id)

    there = await found(both, "1")
    assert there is not None
    assert there.application_id == other.id
    assert (unlinked.api_key, unlinked.application_id) == ("acme0001", desk.id)


async def test_why_an_application_cannot_be_linked_is_said_to_the_operator(both: Doors) -> None:
    world = await opened(both)
    await world.page("1")
    foreign = await application(await both.tenant("zenith01"), version="v1")
    own = await both.gateway.store.read(both.gateway.accounts.find(PAGE, "1"))
    assert own is not None
    await both.secret("acme0001", SECRET)
    acme = Client(both.asgi, (basic("acme0001", SECRET),))
    silent = (await acme.post("/v2/applications", {"name": "Silent"})).json["id"]

    with pytest.raises(NotFound, match="`jackfield applications list` shows"):
        await link(both, "1", "78d335fa-323d-4114-9c3d-d6f0d48968cf")
    with pytest.raises(Conflict, match="`jackfield applications list --tenant acme0001`"):
        await link(both, "1", foreign)
    with pytest.raises(Conflict, match=f"PUT /v2/applications/{silent}"):
        await link(both, "1", silent)

    assert await found(both, "1") == own


async def test_an_account_without_a_link_has_none_to_lose(both: Doors) -> None:
    world = await opened(both)
    await world.page("1")

    with pytest.raises(Conflict, match="linked to no application"):
        await unlink(both, "1")


async def test_what_waited_for_a_deleted_account_is_dead_and_counted(both: Doors) -> None:
    world = await opened(both)
    desk = await world.application("https://desk.example/in")
    account = await world.page("1")
    beside = await world.page("2", application=desk)
    await world.hear(said("one", to=account), said("two", to=account), said("x", to=beside))
    await link(both, "1", desk.id)
    await world.hear(said("three", to=account))

    deleted = await delete(both, "1")

    assert (deleted.held, deleted.pending) == (3, 0)
    assert (deleted.api_key, deleted.application_id) == ("acme0001", desk.id)
    assert await found(both, "1") is None
    assert await both.count(deliveries, state="dead") == 3
    assert await both.count(pending, kind="deliver") == 1


async def test_what_was_on_its_way_to_an_application_is_counted_apart(both: Doors) -> None:
    world = await opened(both)
    account = await world.page("1", application=await world.application("https://desk.example/in"))
    await world.hear(said("one", to=account), said("two", to=account))

    deleted = await delete(both, "1")

    assert (deleted.held, deleted.pending) == (0, 2)
    assert await both.count(deliveries, state="dead") == 2


async def test_an_account_that_is_not_there_is_said_with_where_to_look(both: Doors) -> None:
    where = "`jackfield accounts list --provider messenger` shows"

    with pytest.raises(NotFound, match=where):
        await link(both, "1", "x")
    with pytest.raises(NotFound, match=where):
        await unlink(both, "1")
    with pytest.raises(NotFound, match=where):
        await delete(both, "1")


async def until(doors: Doors, state: str, number: int) -> None:
    async with asyncio.timeout(20):
        while await doors.count(deliveries, state=state) != number:
            await asyncio.sleep(0.01)


async def test_what_was_held_goes_out_once_its_account_is_linked(both: Doors) -> None:
    world = await opened(both)
    account = await world.page("1")
    await world.hear(said("one", to=account), said("two", to=account))
    desk = await world.application("https://desk.example/in")
    both.gateway.releaser.start()
    before = await both.count(deliveries, state="held")

    linked = await link(both, "1", desk.id)
    await until(both, "pending", 2)

    assert (before, linked.held) == (2, 2)
    assert await both.count(deliveries, state="held") == 0
    await both.gateway.releaser.stop()
