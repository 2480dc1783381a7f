"""How one URL fares is its own affair: it is paused, spared and resumed, and no other waits."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from aiohttp import web

from databases import change, look
from dispatching import dispatching, left_to_do, states, until_nothing_is_left, until_recorded
from jackfield import applications as applications_rules
from jackfield.accounts import Account
from jackfield.applications import Application, Description, WebhookVersion
from jackfield.clock import now
from jackfield.deliveries import Held
from jackfield.delivery import overdue
from jackfield.delivery.destinations import FAILURES_TO_OPEN, Limits, Paused
from jackfield.delivery.release import Releaser
from jackfield.storage import applications, deliveries, destinations, held, withdrawing
from receiver import Received, Receiver
from world import Clock, World, said

SECOND = timedelta(seconds=1)
ACME, ZENITH = "acme0001", "zenith01"


async def hung(_: Received) -> int:
    await asyncio.sleep(3600)
    return 200


async def refuse(_: Received) -> int:
    return 500


async def gone(_: Received) -> int:
    return 410


async def until_heard(receiver: Receiver, text: str) -> None:
    async with asyncio.timeout(20):
        while text not in receiver.texts:
            await asyncio.sleep(0.01)


async def heard_page(world: World, name: str, url: str, *, api_key: str = ACME) -> Account:
    application = await world.application(url, api_key=api_key)
    return await world.page(name, application=application, api_key=api_key)


async def test_an_application_that_hangs_delays_nobody_elses_messages(world: World) -> None:
    async with Receiver(hung) as hanging, Receiver() as prompt:
        await world.tenant()
        await world.tenant(ZENITH)
        stuck = await heard_page(world, "2001", hanging.url)
        other = await heard_page(world, "2002", prompt.url)
        others = await heard_page(world, "2003", prompt.url, api_key=ZENITH)
        await world.hear(*[said("x", to=stuck, by=f"p{n}") for n in range(300)])
        await world.hear(*[said("y", to=other, by=f"p{n}") for n in range(20)])

        async with dispatching(world, in_flight=16) as dispatcher:
            await prompt.until(20)
            await world.hear(*[said("z", to=others, by=f"p{n}") for n in range(20)])
            dispatcher.wake()
            await prompt.until(40)

    assert sorted(prompt.texts) == ["y"] * 20 + ["z"] * 20


async def test_410_pauses_the_url_and_what_waits_goes_out_when_it_is_resumed(
    world: World, database_url: str
) -> None:
    async with Receiver(gone) as receiver, Receiver() as elsewhere:
        await world.tenant()
        page = await heard_page(world, "2001", receiver.url)
        other = await heard_page(world, "2002", elsewhere.url)
        async with dispatching(world) as dispatcher:
            await world.hear(said("1", to=page, by="ann"), said("2", to=page, by="ann"))
            dispatcher.wake()
            await until_recorded(world, 1)
            receiver.behave = Receiver().behave
            await world.hear(said("3", to=page, by="bob"), said("other", to=other))
            dispatcher.wake()
            await elsewhere.until(1)
            waited = list(receiver.texts)

            resumed = destinations.resume(ACME, receiver.url, now=now())
            assert await world.store.commit(resumed)
            dispatcher.wake()
            await receiver.until(4)
            await until_nothing_is_left(world)

    assert waited == ["1"]
    assert [text for text in receiver.texts if text != "3"] == ["1", "1", "2"]
    assert await states(world) == {"delivered": 4}
    assert await look(database_url, "SELECT paused_at FROM destinations") == [(None,)]


async def test_an_application_that_moves_to_a_paused_url_hears_nothing_there(
    world: World,
) -> None:
    async with Receiver() as before, Receiver() as paused:
        await world.tenant()
        application = await world.application(before.url)
        page = await world.page(application=application)
        pause = destinations.pause(ACME, paused.url, because=Paused.REQUESTED, now=now())
        await world.store.commit(pause)
        async with dispatching(world) as dispatcher:
            await world.hear(said("1", to=page))
            dispatcher.wake()
            await before.until(1)
            await until_nothing_is_left(world)
            await put(world, application, paused.url)
            accepted = await world.hear(said("2", to=page))
            dispatcher.arrived(accepted.lanes)
            await asyncio.sleep(0.2)
            heard_while_paused = list(paused.texts)

            await world.store.commit(destinations.resume(ACME, paused.url, now=now()))
            dispatcher.wake()
            await paused.until(1)
            await until_nothing_is_left(world)

    assert heard_while_paused == []
    assert (before.texts, paused.texts) == (["1"], ["2"])


async def test_a_pause_outlives_the_process_and_its_24_hours_begin_when_it_ends(
    world: World,
) -> None:
    clock = Clock()
    async with Receiver(refuse) as receiver:
        await world.tenant()
        page = await heard_page(world, "2001", receiver.url)
        await world.hear(said("1", to=page), at=clock())
        async with dispatching(world, clock=clock):
            await until_recorded(world, 1)
        pause = destinations.pause(ACME, receiver.url, because=Paused.REQUESTED, now=clock())
        assert await world.store.commit(pause)
        clock.advance(timedelta(hours=30))

        async with dispatching(world, clock=clock) as dispatcher:
            await asyncio.sleep(0.2)
            tried_while_paused = len(receiver.received)
            await world.store.commit(destinations.resume(ACME, receiver.url, now=clock()))
            dispatcher.wake()
            await until_recorded(world, 2)
            clock.advance(timedelta(hours=23))
            dispatcher.wake()
            await until_recorded(world, 3)
            alive = await states(world)
            clock.advance(timedelta(hours=2))
            dispatcher.wake()
            await until_recorded(world, 4)

    assert tried_while_paused == 1
    assert alive == {"pending": 1}
    assert await states(world) == {"dead": 1}


async def test_what_waited_for_a_paused_url_too_long_is_dead(world: World) -> None:
    clock = Clock()
    async with Receiver() as receiver:
        await world.tenant()
        page = await heard_page(world, "2001", receiver.url)
        pause = destinations.pause(ACME, receiver.url, because=Paused.GONE, now=clock())
        await world.store.commit(pause)
        await world.hear(*[said(str(n), to=page) for n in range(3)], at=clock())
        clock.advance(timedelta(days=3))
        await world.hear(said("later", to=page), at=clock())
        clock.advance(timedelta(days=4, hours=1))

        async with dispatching(world, clock=clock) as dispatcher:
            await dispatcher.stop()
            releaser = Releaser(
                world.store,
                held,
                deliveries,
                destinations,
                withdrawing,
                clock=clock,
                retention=timedelta(days=7),
                released=dispatcher.wake,
            )
            releaser.start()
            async with asyncio.timeout(20):
                while (await states(world))["dead"] < 3:
                    await asyncio.sleep(0.01)
            await releaser.stop()

    assert receiver.received == []
    assert await states(world) == {"dead": 3, "pending": 1}


@pytest.mark.parametrize("at_once", [1, 50])
async def test_one_run_gives_up_all_of_a_conversation_that_waited_for_a_paused_url_too_long(
    world: World, database_url: str, monkeypatch: pytest.MonkeyPatch, *, at_once: int
) -> None:
    monkeypatch.setattr(overdue, "SLICES_AT_ONCE", at_once)
    clock = Clock()
    await world.tenant()
    page = await heard_page(world, "2001", "https://desk.example/in")
    pause = destinations.pause(
        ACME, "https://desk.example/in", because=Paused.REQUESTED, now=clock()
    )
    await world.store.commit(pause)
    many = 2 * overdue.ROUNDS + 1
    await world.hear(*[said(str(n), to=page) for n in range(many)], at=clock())
    clock.advance(timedelta(days=3))
    await world.hear(said("later", to=page), at=clock())
    # As the dispatcher has them wait: behind the first of their conversation.
    behind = "number > (SELECT min(number) FROM pending)"
    await change(database_url, f"UPDATE pending SET due_at = NULL WHERE {behind}")  # noqa: S608 - our own
    clock.advance(timedelta(days=4, hours=1))
    releaser = Releaser(
        world.store,
        held,
        deliveries,
        destinations,
        withdrawing,
        clock=clock,
        retention=timedelta(days=7),
        released=lambda: None,
    )

    releaser.start()
    async with asyncio.timeout(20):
        while (await states(world))["dead"] < many:
            await asyncio.sleep(0.01)
    await releaser.stop()

    assert await states(world) == {"dead": many, "pending": 1}
    query = "SELECT count(*) FROM pending WHERE due_at IS NOT NULL"
    assert await look(database_url, query) == [(1,)]


async def test_what_waited_for_a_url_that_is_resumed_meanwhile_is_not_given_up(
    world: World,
) -> None:
    clock, url = Clock(), "https://desk.example/in"
    await world.tenant()
    page = await heard_page(world, "2001", url)
    await world.hear(said("0", to=page), at=clock())
    pause = destinations.pause(ACME, url, because=Paused.REQUESTED, now=clock())
    await world.store.commit(pause)
    clock.advance(timedelta(days=8))
    numbers = await world.store.read(destinations.lanes(ACME, url))
    await world.store.commit(destinations.resume(ACME, url, now=clock()))

    for number in numbers:
        work = overdue.give_up_slice(
            overdue.Behind(ACME, url, number),
            before=clock(),
            now=clock(),
            deliveries=deliveries,
            destinations=destinations,
        )
        await world.store.commit(work)

    assert await states(world) == {"pending": 1}


async def test_a_url_that_is_down_is_probed_and_everything_follows_when_it_is_back(
    world: World,
) -> None:
    clock = Clock()
    async with Receiver(refuse) as receiver:
        await world.tenant()
        page = await heard_page(world, "2001", receiver.url)
        people = [f"p{n}" for n in range(30)]
        await world.hear(*[said("x", to=page, by=by) for by in people], at=clock())

        async with dispatching(world, clock=clock, in_flight=4) as dispatcher:
            await until_recorded(world, FAILURES_TO_OPEN)
            await asyncio.sleep(0.2)
            tried_at_first = len(receiver.received)
            clock.advance(6 * SECOND)
            dispatcher.wake()
            await until_recorded(world, tried_at_first + 1)
            await asyncio.sleep(0.2)
            tried_then = len(receiver.received)
            receiver.behave = Receiver().behave
            for _ in range(40):
                clock.advance(timedelta(seconds=5))
                dispatcher.wake()
                await asyncio.sleep(0.01)
            await until_nothing_is_left(world)

    assert tried_at_first <= FAILURES_TO_OPEN + 4
    assert tried_then == tried_at_first + 1
    assert await states(world) == {"delivered": 30}


async def test_a_breaker_stays_open_over_a_restart(world: World) -> None:
    clock = Clock()
    async with Receiver(refuse) as receiver:
        await world.tenant()
        page = await heard_page(world, "2001", receiver.url)
        await world.hear(*[said("x", to=page, by=f"p{n}") for n in range(30)], at=clock())
        async with dispatching(world, clock=clock, in_flight=4):
            await until_recorded(world, FAILURES_TO_OPEN)
            await asyncio.sleep(0.2)
        tried = len(receiver.received)

        async with dispatching(world, clock=clock, in_flight=4):
            await asyncio.sleep(0.3)

    assert len(receiver.received) == tried


async def test_retry_after_keeps_everything_from_the_url(world: World) -> None:
    async def too_many(_: Received) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "120"})

    clock = Clock()
    async with Receiver(too_many) as receiver:
        await world.tenant()
        page = await heard_page(world, "2001", receiver.url)
        await world.hear(said("1", to=page, by="ann"), at=clock())
        async with dispatching(world, clock=clock) as dispatcher:
            await until_recorded(world, 1)
            receiver.behave = Receiver().behave
            await world.hear(said("2", to=page, by="bob"), at=clock())
            dispatcher.wake()
            clock.advance(119 * SECOND)
            dispatcher.wake()
            await asyncio.sleep(0.2)
            before = list(receiver.texts)
            clock.advance(30 * SECOND)
            dispatcher.wake()
            await until_nothing_is_left(world)

    assert before == ["1"]
    assert sorted(receiver.texts) == ["1", "1", "2"]


async def test_a_message_that_is_refused_while_others_are_taken_is_set_aside(
    world: World, database_url: str
) -> None:
    async def refuse_the_first(received: Received) -> int:
        return 500 if received.text == "poison" else 200

    clock = Clock()
    async with Receiver(refuse_the_first) as receiver:
        await world.tenant()
        page = await heard_page(world, "2001", receiver.url)
        await world.hear(
            said("poison", to=page, by="ann"), said("next", to=page, by="ann"), at=clock()
        )
        async with dispatching(world, clock=clock) as dispatcher:
            minutes = 0
            while "next" not in receiver.texts and minutes < 60:
                await world.hear(said(f"bob {minutes}", to=page, by="bob"), at=clock())
                dispatcher.wake()
                await until_heard(receiver, f"bob {minutes}")
                clock.advance(timedelta(minutes=1))
                minutes += 1
            receiver.behave = Receiver().behave
            clock.advance(timedelta(minutes=20))
            dispatcher.wake()
            await until_nothing_is_left(world)

    assert minutes > 15
    assert receiver.texts.index("next") < len(receiver.texts) - 1
    assert receiver.texts[-1] == "poison"
    ((aside, set_aside_at),) = await look(
        database_url, "SELECT state, aside_at FROM deliveries WHERE aside_at IS NOT NULL"
    )
    assert (aside, set_aside_at is not None) == ("delivered", True)


async def test_a_url_that_refuses_everything_sets_nothing_aside(
    world: World, database_url: str
) -> None:
    clock = Clock()
    async with Receiver(refuse) as receiver:
        await world.tenant()
        page = await heard_page(world, "2001", receiver.url)
        await world.hear(*[said(str(n), to=page, by="ann") for n in range(3)], at=clock())
        async with dispatching(world, clock=clock) as dispatcher:
            for _ in range(30):
                clock.advance(timedelta(minutes=2))
                dispatcher.wake()
                await asyncio.sleep(0.02)

    assert set(receiver.texts) == {"0"}
    assert await look(database_url, "SELECT id FROM deliveries WHERE aside_at IS NOT NULL") == []


async def test_an_application_that_loses_its_url_gets_what_waits_back_into_hold(
    world: World, database_url: str
) -> None:
    async with Receiver(refuse) as receiver:
        await world.tenant()
        application = await world.application(receiver.url)
        page = await world.page(application=application)
        await world.hear(said("1", to=page), said("2", to=page))
        async with dispatching(world):
            await until_recorded(world, 1)

        await put(world, application, None)

    assert await states(world) == {"held": 2}
    assert await left_to_do(world) == 0
    because = await look(database_url, "SELECT DISTINCT held_because FROM deliveries")
    assert because == [(Held.UNLINKED,)]


async def test_what_goes_nowhere_is_held_and_not_tried_again_and_again(
    world: World, database_url: str
) -> None:
    await world.tenant(inbound_url="https://acme.example/in")
    page = await world.page()
    await world.hear(said("1", to=page), said("2", to=page))
    await change(database_url, "UPDATE tenants SET inbound_url = NULL")

    async with dispatching(world):
        async with asyncio.timeout(20):
            while await left_to_do(world):
                await asyncio.sleep(0.01)

    assert await states(world) == {"held": 2}


async def test_a_changed_url_is_followed_though_the_old_one_is_down(world: World) -> None:
    clock = Clock()
    async with Receiver(refuse) as old, Receiver() as new:
        await world.tenant()
        application = await world.application(old.url)
        page = await world.page(application=application)
        await world.hear(*[said("x", to=page, by=f"p{n}") for n in range(30)], at=clock())
        async with dispatching(world, clock=clock, in_flight=4) as dispatcher:
            await until_recorded(world, FAILURES_TO_OPEN)
            await put(world, application, new.url)
            dispatcher.wake()
            await new.until(10)
            for _ in range(5):
                clock.advance(timedelta(seconds=10))
                dispatcher.wake()
                await asyncio.sleep(0.05)
            await until_nothing_is_left(world)

    assert await states(world) == {"delivered": 30}


async def test_no_more_go_to_one_url_at_once_than_may(world: World) -> None:
    at_once = most = 0

    async def count(_: Received) -> int:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.01)
        at_once -= 1
        return 200

    async with Receiver(count) as receiver:
        await world.tenant()
        page = await heard_page(world, "2001", receiver.url)
        await world.hear(*[said("x", to=page, by=f"p{n}") for n in range(40)])
        async with dispatching(world, limits=Limits(at_once=3, per_second=10_000)):
            await until_nothing_is_left(world)

    assert most == 3
    assert len(receiver.received) == 40


async def put(world: World, application: Application, inbound_url: str | None) -> None:
    """Change where an application hears messages, as its owner would."""
    description = Description(
        name=application.name,
        public_key=None,
        webhook_version=WebhookVersion.V1,
        inbound_url=inbound_url,
        status_url=None,
        document=b"{}",
    )
    await world.store.commit(
        applications_rules.change(
            application.id, description, api_key=ACME, applications=applications
        )
    )
