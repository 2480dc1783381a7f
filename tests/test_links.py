"""Who may link what, and what everybody else is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from databases import open_store
from jackfield import links
from jackfield.accounts import Account, Draft, Provider, Standing
from jackfield.applications import Application
from jackfield.clock import Moment
from jackfield.ids import application_id
from jackfield.problems import Conflict, Forbidden, Invalid, NotFound
from jackfield.storage import accounts, applications
from world import World

OTHERS = "zenith01"


@pytest.fixture
async def world(sqlite_url: str) -> AsyncIterator[World]:
    store = await open_store(sqlite_url)
    world = await World(store).open()
    await world.tenant()
    await world.tenant(OTHERS)
    yield world
    await store.close()


def draft(external_id: str = "200000000000002", *, application_id: str | None = None) -> Draft:
    return Draft(
        provider=Provider.MESSENGER,
        external_id=external_id,
        routing_key=external_id,
        api_key="acme0001",
        name="Front desk",
        standing=Standing.CLAIMED,
        provider_app_id=None,
        credentials=b"sealed",
        application_id=application_id,
        created_at=Moment(1_700_000_000_000),
    )


async def register(world: World, one: Draft) -> Account:
    work = links.register(one, accounts=accounts, applications=applications)
    return await world.store.commit(work)


async def deaf(world: World) -> Application:
    """Make an application without the messages capability."""
    heard = await world.application("https://desk.example/in")
    one = replace(heard, id=application_id(), webhook_version=None, inbound_url=None)
    await world.store.commit(applications.add(one))
    return one


async def refusal(world: World, account: Account, application: Application) -> Exception:
    """Return what is said to who asks for this link."""
    try:
        await world.link(account, application)
    except (Conflict, Forbidden, NotFound) as problem:
        return problem
    raise AssertionError("the link was made")


async def test_an_account_is_registered_without_a_link(world: World) -> None:
    account = await register(world, draft())

    assert account == Account(
        id=account.id,
        provider=Provider.MESSENGER,
        external_id="200000000000002",
        routing_key="200000000000002",
        api_key="acme0001",
        name="Front desk",
        standing=Standing.CLAIMED,
        provider_app_id=None,
        credentials=b"sealed",
        application_id=None,
        link_version=1,
        version=1,
    )


async def test_an_account_may_be_linked_from_the_start(world: World) -> None:
    application = await world.application("https://desk.example/in")

    account = await register(world, draft(application_id=application.id))

    assert account.application_id == application.id


async def test_an_account_is_linked_to_one_application_of_its_tenant(world: World) -> None:
    application = await world.application("https://desk.example/in")
    account = await register(world, draft())

    linked = await world.link(account, application)

    assert linked == replace(account, application_id=application.id, link_version=2, version=2)


async def test_an_account_has_at_most_one_application(world: World) -> None:
    first = await world.application("https://desk.example/in")
    second = await world.application("https://desk.example/in")
    account = await register(world, draft(application_id=first.id))

    said = await refusal(world, account, second)

    assert isinstance(said, Conflict)
    assert (said.title, said.detail) == ("Application conflict", "Unable to link application")


async def test_linking_the_same_application_again_is_a_conflict_too(world: World) -> None:
    application = await world.application("https://desk.example/in")
    account = await register(world, draft(application_id=application.id))

    said = await refusal(world, account, application)

    assert isinstance(said, Conflict)


@pytest.mark.parametrize("whose", ["nobody's", "another tenant's", "deaf"])
async def test_an_application_that_cannot_be_linked_is_forbidden(world: World, whose: str) -> None:
    account = await register(world, draft())
    application = await deaf(world)
    if whose == "nobody's":
        application = replace(application, id=application_id())
    if whose == "another tenant's":
        application = await world.application("https://desk.example/in", api_key=OTHERS)

    said = await refusal(world, account, application)
    with pytest.raises(Forbidden) as at_registration:
        await register(world, draft("another", application_id=application.id))

    assert isinstance(said, Forbidden)
    assert (said.title, said.detail) == ("Forbidden", "Cannot link application")
    assert at_registration.value.detail == "Cannot link application"
    assert await world.store.read(accounts.find(Provider.MESSENGER, "another")) is None


async def test_an_account_nobody_has_is_not_found(world: World) -> None:
    application = await world.application("https://desk.example/in")
    account = await register(world, draft())

    said = await refusal(world, replace(account, external_id="another"), application)

    assert isinstance(said, NotFound)


async def test_an_account_of_another_provider_is_not_found(world: World) -> None:
    application = await world.application("https://desk.example/in")
    account = await register(world, draft())

    said = await refusal(world, replace(account, provider=Provider.WHATSAPP), application)

    assert isinstance(said, NotFound)


async def test_an_account_of_another_tenant_is_not_found(world: World) -> None:
    application = await world.application("https://desk.example/in", api_key=OTHERS)
    account = await register(world, draft())

    said = await refusal(world, replace(account, api_key=OTHERS), application)

    assert isinstance(said, NotFound)


async def test_registering_an_account_again_is_invalid_and_overwrites_nothing(
    world: World,
) -> None:
    there = await register(world, draft())

    with pytest.raises(Invalid) as refused:
        await register(world, replace(draft(), name="Back desk", routing_key="another"))

    assert [parameter.name for parameter in refused.value.parameters] == ["external_id"]
    assert await world.store.read(accounts.find(there.provider, there.external_id)) == there


@pytest.mark.parametrize(
    "taken",
    [
        {"api_key": OTHERS},
        {"api_key": OTHERS, "external_id": "another"},
        {"external_id": "another"},
    ],
    ids=["another tenant's account", "another tenant's routing key", "one's own routing key"],
)
async def test_what_is_taken_is_forbidden_without_a_reason(
    world: World, taken: dict[str, str]
) -> None:
    await register(world, draft())

    with pytest.raises(Forbidden) as refused:
        await register(world, replace(draft(), **taken))  # type: ignore[arg-type] # all are text

    assert (refused.value.title, refused.value.detail) == ("", "")
