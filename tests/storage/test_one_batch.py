"""What units of one batch leave behind is what they would leave one after the other.

SQLite runs them so. PostgreSQL runs them in lockstep, each between the steps of the others.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import count

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from databases import change, look
from due import due
from jackfield.accounts import Account, Provider
from jackfield.clock import Moment
from jackfield.deliveries import Attempt, Outcome, Pending
from jackfield.inbound import Accepted, accept
from jackfield.messages import Event, Reading, Text, decode_event
from jackfield.storage import arrivals, books, deliveries, people
from jackfield.storage.opening import OpenStore
from jackfield.storage.traces import DELIVERIES
from jackfield.units import Unit, quick
from world import World, said

NOW = Moment(1_700_000_000_000)
NUMBERED = count()
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


IDS = st.lists(
    st.sampled_from(["447700900101", "US.101", "@someone"]), min_size=1, max_size=3, unique=True
).map(tuple)
KNOWN = "known"
SAYING = st.one_of(IDS, st.just(KNOWN))
"""Under which ids somebody says something new; or what is already known is repeated."""


async def people_of(world: World, number: Account, database_url: str) -> list[object]:
    """Return whom each message of an account is by, and whom each id stands for."""
    return [
        await look(
            database_url,
            f"SELECT person FROM deliveries WHERE account_id = {number.id} ORDER BY number",  # noqa: S608 -- a number
        ),
        await look(
            database_url,
            f"SELECT address, person FROM contacts WHERE account_id = {number.id} "  # noqa: S608 -- the same
            "ORDER BY address",
        ),
    ]


@given(webhooks=st.lists(st.lists(SAYING, min_size=1, max_size=3), min_size=2, max_size=4))
@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
async def test_one_person_under_two_ids_is_told_as_one_after_the_other_would(
    world: World, store: OpenStore, database_url: str, webhooks: list[list[tuple[str, ...] | str]]
) -> None:
    if not await look(database_url, "SELECT 1 FROM tenants"):
        await world.tenant()
    application = await world.application(URL)
    found = []
    for is_one_batch in (False, True):
        name = f"1{next(NUMBERED):05d}"
        number = await world.page(name, provider=Provider.WHATSAPP, application=application)
        known = said("known", to=number, by="447700900999")
        await world.hear(known)
        units = [
            webhook(
                world,
                *[known if by == KNOWN else said("new", to=number, by=by) for by in saying],
            )
            for saying in webhooks
        ]
        if is_one_batch:
            await in_one_batch(store, *units)
        else:
            for one in units:
                await store.commit(one)
        found.append(await people_of(world, number, database_url))

    assert found[1] == found[0]


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


def answered(outcome: Outcome = Outcome.DELIVERED) -> Attempt:
    return Attempt(1, NOW, milliseconds=20, outcome=outcome, status=None, detail="in its words")


async def head(world: World, page: Account) -> Pending:
    """Let two people write, and return what is to be done first."""
    await world.hear(said("one", to=page, by="1"), said("two", to=page, by="2"), at=NOW)
    first, _ = await due(world.store, NOW)
    return first


async def left(database_url: str) -> list[tuple[object, ...]]:
    """Return each delivery's state, since when it is set aside, and how often it was tried."""
    return await look(
        database_url,
        "SELECT state, aside_at, (SELECT count(*) FROM attempts a WHERE a.delivery_id = d.id) "
        "FROM deliveries d ORDER BY d.number",
    )


async def test_what_was_answered_is_delivered_although_its_lane_is_taken_back(
    world: World, store: OpenStore, page: Account, database_url: str
) -> None:
    item = await head(world, page)
    await change(database_url, "UPDATE applications SET inbound_url = NULL")

    await in_one_batch(
        store,
        deliveries.take_back(item, now=NOW),
        deliveries.succeed(item, answered(), now=NOW),
    )

    assert await left(database_url) == [("delivered", None, 1), ("held", None, 0)]
    assert await look(database_url, "SELECT number FROM pending") == []
    assert (await store.survey(books.balance())).difference == 0


async def test_what_was_taken_back_is_not_given_up(
    world: World, store: OpenStore, page: Account, database_url: str
) -> None:
    item = await head(world, page)
    await change(database_url, "UPDATE applications SET inbound_url = NULL")

    await in_one_batch(
        store,
        deliveries.take_back(item, now=NOW),
        deliveries.give_up(item, answered(Outcome.FAILED), now=NOW),
    )

    assert await left(database_url) == [("held", None, 0), ("held", None, 0)]
    assert await look(database_url, "SELECT count FROM totals WHERE name = 'died'") == []


async def test_what_was_taken_back_is_not_set_aside(
    world: World, store: OpenStore, page: Account, database_url: str
) -> None:
    item = await head(world, page)
    await change(database_url, "UPDATE applications SET inbound_url = NULL")

    await in_one_batch(
        store,
        deliveries.take_back(item, now=NOW),
        deliveries.set_aside(item, answered(Outcome.FAILED), due_at=NOW, now=NOW),
    )

    states = [(state, aside_at) for state, aside_at, _ in await left(database_url)]
    assert states == [("held", None), ("held", None)]


@pytest.mark.parametrize("outcome", [Outcome.DELIVERED, Outcome.FAILED])
async def test_nothing_of_an_attempt_stays_when_what_it_brought_is_erased(
    world: World, store: OpenStore, page: Account, database_url: str, outcome: Outcome
) -> None:
    item = await head(world, page)
    person = await store.survey(people.find(page.provider, page.external_id, "1"))
    found = await store.survey(DELIVERIES.look(person, ""))
    end = deliveries.succeed if outcome.is_final else deliveries.give_up

    await in_one_batch(
        store,
        end(item, answered(outcome), now=NOW),
        DELIVERIES.erase(person, found.items, NOW),
    )

    assert await left(database_url) == [("pending", None, 0)]
    assert await look(database_url, "SELECT detail FROM attempts") == []
    assert (await store.survey(books.balance())).difference == 0
