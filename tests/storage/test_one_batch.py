"""What units of one batch leave behind is what they would leave one after the other.

SQLite runs them so. PostgreSQL runs them in lockstep, each between the steps of the others.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import msgspec
import pytest

from databases import look
from jackfield.accounts import Account, Provider
from jackfield.clock import Moment
from jackfield.inbound import Accepted, accept
from jackfield.messages import Event, Reading, Text, decode_event
from jackfield.storage import arrivals
from jackfield.storage.opening import OpenStore
from jackfield.units import Unit, quick
from world import World, said

NOW = Moment(1_700_000_000_000)
URL = "https://desk.example/in"


async def in_one_batch(store: OpenStore, *units: Unit[object]) -> list[object]:
    """Commit units that are all there before the writer takes the first."""
    return await asyncio.gather(*[store.commit(work) for work in units])


@pytest.fixture
async def page(world: World) -> Account:
    """A Page that is heard."""
    await world.tenant()
    return await world.page(application=await world.application(URL))


def webhook(world: World, *events: Event) -> Unit[Accepted]:
    reading = Reading(events=list(events))
    app = world.provider_app_id
    return quick(accept(reading, provider_app_id=app, now=NOW, arrivals=arrivals))


async def texts(database_url: str, *, by: str) -> list[str]:
    """Return what is to be sent, in the order of one kind of number."""
    bodies = await look(
        database_url,
        "SELECT d.body FROM pending p JOIN deliveries d ON d.id = p.subject "  # noqa: S608 -- our own names
        f"JOIN messages m ON m.id = d.message_id ORDER BY {by}",
    )
    return [msgspec.json.decode(bytes(body))["text"] for (body,) in bodies]


NUMBERS = ["m.number", "d.number", "p.number"]


async def test_a_webhook_that_repeats_something_is_not_overtaken(
    world: World, store: OpenStore, page: Account, database_url: str
) -> None:
    known = said("known", to=page)
    await world.hear(known)

    await in_one_batch(
        store,
        webhook(world, known, said("first", to=page)),
        webhook(world, said("second", to=page)),
    )

    found = [await texts(database_url, by=number) for number in NUMBERS]
    assert found == [["known", "first", "second"]] * 3


async def test_a_webhook_that_brings_a_stranger_is_not_overtaken(
    world: World, store: OpenStore, database_url: str
) -> None:
    await world.tenant()
    number = await world.page(provider=Provider.WHATSAPP, application=await world.application(URL))
    await world.hear(said("known", to=number, by="447700900001"))

    await in_one_batch(
        store,
        webhook(
            world,
            said("first", to=number, by="447700900001"),
            said("a stranger's", to=number, by="447700900002"),
        ),
        webhook(world, said("second", to=number, by="447700900001")),
    )

    found = [await texts(database_url, by=number) for number in NUMBERS]
    assert found == [["known", "first", "a stranger's", "second"]] * 3


async def test_what_nobody_here_knows_is_kept_in_the_order_in_which_it_came(
    world: World, store: OpenStore, page: Account, database_url: str
) -> None:
    nobody = replace(page, external_id="300", routing_key="300")

    await in_one_batch(
        store,
        webhook(world, said("known", to=page), said("first", to=nobody)),
        webhook(world, said("second", to=nobody)),
    )

    kept = await look(database_url, "SELECT body FROM inbound_bodies ORDER BY id")
    events = [decode_event(bytes(body)) for (body,) in kept]
    contents = [event.message.content for event in events if event is not None]
    assert contents == [Text("first"), Text("second")]
