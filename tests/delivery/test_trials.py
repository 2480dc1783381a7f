"""A test goes to an application as its messages do, and says clearly that it is one."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from databases import change, look
from dispatching import dispatching, states, until_nothing_is_left
from jackfield.applications import WebhookVersion
from jackfield.clock import now
from jackfield.deliveries import lane
from jackfield.delivery.trials import Trials
from jackfield.problems import Conflict, NotFound
from jackfield.storage import applications, destinations, trials
from receiver import Received, Receiver
from world import World, said


def trials_in(world: World) -> Trials:
    return Trials(
        world.store,
        applications=applications,
        trials=trials,
        clock=now,
        arrived=lambda _: None,
    )


async def test_a_test_is_a_signed_text_message_that_says_it_is_one(world: World) -> None:
    async with Receiver() as receiver:
        await world.tenant()
        application = await world.application(receiver.url)

        test_id = await trials_in(world).send(application.id, api_key="acme0001")
        async with dispatching(world):
            await receiver.until(1)
            await until_nothing_is_left(world)

    (heard,) = receiver.received
    document = heard.document
    assert heard.webhook_id == test_id
    assert heard.headers["authorization"].startswith("Bearer ")
    assert (document["channel"], document["message_type"]) == ("messenger", "text")
    assert document["from"] == document["to"] == "jackfield-test"
    assert "test" in document["text"]
    assert await states(world) == {"delivered": 1}


async def test_a_test_has_the_shape_its_application_asked_for(
    world: World, database_url: str
) -> None:
    await world.tenant()
    application = await world.application("https://desk.example/in")
    older = replace(application, webhook_version=WebhookVersion.V0_1)
    await world.store.commit(applications.put(older))

    await trials_in(world).send(application.id, api_key="acme0001")

    ((body,),) = await look(database_url, "SELECT body FROM deliveries")
    assert b'"message":{"content":{"type":"text"' in bytes(body)


async def test_a_test_that_is_refused_holds_up_neither_messages_nor_the_next_test(
    world: World,
) -> None:
    refused: list[str] = []

    async def refuse_the_first_test(received: Received) -> int:
        if received.document["from"] == "jackfield-test" and len(refused) < 1:
            refused.append(received.webhook_id)
        return 500 if received.webhook_id in refused else 200

    async with Receiver(refuse_the_first_test) as receiver, dispatching(world) as dispatcher:
        await world.tenant()
        application = await world.application(receiver.url)
        page = await world.page(application=application)
        sender = trials_in(world)
        await sender.send(application.id, api_key="acme0001")
        dispatcher.wake()
        await receiver.until(1)
        await sender.send(application.id, api_key="acme0001")
        await world.hear(said("hello", to=page))
        dispatcher.wake()
        async with asyncio.timeout(20):
            while len({one.webhook_id for one in receiver.received}) < 3:
                await asyncio.sleep(0.01)

    assert len(refused) == 1


async def test_who_hears_nothing_cannot_be_tested_and_is_told_why(world: World) -> None:
    await world.tenant()
    silent = await world.application(None)

    with pytest.raises(Conflict, match="inbound URL"):
        await trials_in(world).send(silent.id, api_key="acme0001")
    assert await states(world) == {}


async def test_anothers_application_is_not_there(world: World) -> None:
    await world.tenant()
    application = await world.application("https://desk.example/in")

    with pytest.raises(NotFound):
        await trials_in(world).send(application.id, api_key="zenith01")
    with pytest.raises(NotFound):
        await trials_in(world).send("nothing", api_key=None)
    assert await states(world) == {}


async def test_a_test_whose_application_went_is_dead(world: World, database_url: str) -> None:
    await world.tenant()
    application = await world.application("https://desk.example/in")
    await trials_in(world).send(application.id, api_key="acme0001")
    await change(database_url, "DELETE FROM applications")

    async with dispatching(world):
        await until_nothing_is_left(world)

    assert await states(world) == {"dead": 1}


async def test_what_goes_to_a_test_url_is_among_what_the_url_makes_wait(world: World) -> None:
    lanes = await world.store.read(destinations.lanes("acme0001", "https://trial.example/in"))

    assert lanes == [lane("acme0001", "https://trial.example/in")]
