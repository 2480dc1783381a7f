"""What is owed goes out: signed, in order, until somebody takes it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise

import jwt
import pytest
from standardwebhooks import Webhook

from databases import change, look
from dispatching import (
    dispatcher_of,
    dispatching,
    left_to_do,
    states,
    until_nothing_is_left,
    until_recorded,
)
from jackfield.clock import now
from jackfield.deliveries import LONGEST_ATTEMPT, Attempt, Outcome, Pending
from jackfield.delivery.destinations import Paused
from jackfield.delivery.dispatcher import BURST
from jackfield.delivery.signing import webhook_secret
from jackfield.storage import deliveries, destinations
from receiver import Received, Receiver
from world import SIGNATURE_SECRET, Clock, World, said


async def test_a_message_reaches_its_application_with_both_signatures(world: World) -> None:
    async with Receiver() as receiver:
        await world.tenant()
        application = await world.application(receiver.url)
        page = await world.page(application=application)
        await world.hear(said("hello", to=page, by="42"))

        async with dispatching(world):
            (received,) = await receiver.until(1)
            await until_nothing_is_left(world)

    token = received.headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, SIGNATURE_SECRET, algorithms=["HS256"])
    body = Webhook(webhook_secret(SIGNATURE_SECRET)).verify(received.body, received.headers)
    assert claims["application_id"] == application.id
    assert (body["text"], body["from"], body["to"]) == ("hello", "42", page.external_id)
    assert await states(world) == {"delivered": 1}


async def test_every_attempt_has_the_same_id_and_bytes_and_its_own_signature(
    world: World,
) -> None:
    answers = iter([500, 404, 200])

    async def fail_twice(_: Received) -> int:
        return next(answers)

    clock = Clock()
    async with Receiver(fail_twice) as receiver:
        await world.tenant()
        page = await world.page(application=await world.application(receiver.url))
        await world.hear(said("hello", to=page), at=clock())

        async with dispatching(world, clock=clock) as dispatcher:
            for attempt in (1, 2, 3):
                await receiver.until(attempt)
                await until_recorded(world, attempt)
                clock.advance(timedelta(minutes=1))
                dispatcher.wake()

    assert len({one.body for one in receiver.received}) == 1
    assert len({one.webhook_id for one in receiver.received}) == 1
    assert len({one.headers["authorization"] for one in receiver.received}) == 3
    assert len({one.headers["webhook-signature"] for one in receiver.received}) == 3
    assert await states(world) == {"delivered": 1}


async def test_a_failing_head_keeps_its_conversation_in_order_and_delays_no_other(
    world: World,
) -> None:
    refused = 0

    async def refuse_the_first_twice(received: Received) -> int:
        nonlocal refused
        if received.text == "1" and refused < 2:
            refused += 1
            return 503
        return 200

    clock = Clock()
    async with Receiver(refuse_the_first_twice) as receiver:
        await world.tenant()
        page = await world.page(application=await world.application(receiver.url))
        await world.hear(*[said(str(n), to=page, by="ann") for n in (1, 2, 3)], at=clock())
        await world.hear(said("4", to=page, by="ann"), at=clock())

        async with dispatching(world, clock=clock) as dispatcher:
            await until_recorded(world, 1)
            await world.hear(said("other", to=page, by="bob"), at=clock())
            dispatcher.wake()
            await receiver.until(2)
            for attempt in (3, 7):
                clock.advance(timedelta(minutes=1))
                dispatcher.wake()
                await until_recorded(world, attempt)

    assert receiver.texts == ["1", "other", "1", "1", "2", "3", "4"]
    assert await states(world) == {"delivered": 5}


async def test_many_messages_of_many_people_each_arrive_once_and_in_order(world: World) -> None:
    people = [f"person-{n}" for n in range(20)]
    async with Receiver() as receiver:
        await world.tenant()
        page = await world.page(application=await world.application(receiver.url))

        async with dispatching(world, in_flight=8) as dispatcher:
            for n in range(10):
                await world.hear(*[said(f"{by} {n}", to=page, by=by) for by in people])
                dispatcher.wake()
            await receiver.until(200)
            await until_nothing_is_left(world)

    assert len(receiver.received) == 200
    for by in people:
        heard = [text for text in receiver.texts if text.startswith(f"{by} ")]
        assert heard == [f"{by} {n}" for n in range(10)]


async def test_a_crowded_conversation_does_not_hide_the_others(world: World) -> None:
    stuck = asyncio.Event()

    async def hang_for_ann(received: Received) -> int:
        if received.text.startswith("ann"):
            await stuck.wait()
        return 200

    async with Receiver(hang_for_ann) as receiver:
        await world.tenant()
        page = await world.page(application=await world.application(receiver.url))
        await world.hear(*[said(f"ann {n}", to=page, by="ann") for n in range(100)])
        await world.hear(said("bob", to=page, by="bob"))

        async with dispatching(world, in_flight=4):
            await receiver.until(1)
            stuck.set()
            await receiver.until(101)
            await until_nothing_is_left(world)

    assert receiver.texts == ["bob", *[f"ann {n}" for n in range(100)]]


async def test_what_an_earlier_process_left_is_delivered_by_the_next(world: World) -> None:
    async with Receiver() as receiver:
        await world.tenant()
        page = await world.page(application=await world.application(receiver.url))
        await world.hear(said("1", to=page), said("2", to=page))

        async with dispatching(world):
            await receiver.until(2)
            await until_nothing_is_left(world)
        await world.hear(said("3", to=page))
        async with dispatching(world):
            await receiver.until(3)
            await until_nothing_is_left(world)

    assert receiver.texts == ["1", "2", "3"]


async def test_a_retry_keeps_its_time_over_a_restart(world: World) -> None:
    async def refuse(_: Received) -> int:
        return 500

    clock = Clock()
    async with Receiver(refuse) as receiver:
        await world.tenant()
        page = await world.page(application=await world.application(receiver.url))
        await world.hear(said("hello", to=page), at=clock())
        async with dispatching(world, clock=clock):
            await until_recorded(world, 1)

        async with dispatching(world, clock=clock) as dispatcher:
            ((_, due_at),) = (await world.store.read(deliveries.lanes())).items()
            tried_early = len(receiver.received)
            clock.advance(timedelta(seconds=6))
            dispatcher.wake()
            await receiver.until(2)

    assert tried_early == 1
    assert timedelta(seconds=5) <= timedelta(milliseconds=due_at - (clock() - 6000))


async def test_what_nobody_took_for_a_day_is_dead_and_its_conversation_goes_on(
    world: World,
) -> None:
    async def refuse_the_first(received: Received) -> int:
        return 500 if received.text == "first" else 200

    clock = Clock()
    async with Receiver(refuse_the_first) as receiver:
        await world.tenant()
        page = await world.page(application=await world.application(receiver.url))
        await world.hear(said("first", to=page), said("second", to=page), at=clock())

        async with dispatching(world, clock=clock) as dispatcher:
            await until_recorded(world, 1)
            clock.advance(timedelta(hours=25))
            dispatcher.wake()
            await receiver.until(3)
            await until_nothing_is_left(world)

    assert receiver.texts == ["first", "first", "second"]
    assert await states(world) == {"dead": 1, "delivered": 1}


async def test_a_bug_in_an_attempt_costs_a_turn_and_not_the_message(world: World) -> None:
    await world.tenant()
    page = await world.page(application=await world.application("https://desk.example/in"))
    await world.hear(said("hello", to=page))

    async def break_down(*_: object) -> object:
        raise KeyError("a bug")

    dispatcher = dispatcher_of(world, {"deliver": break_down}, in_flight=1)  # type: ignore[dict-item] # a bug of ours
    dispatcher.start()
    await until_recorded(world, 1)
    await dispatcher.stop()

    assert await states(world) == {"pending": 1}
    assert await left_to_do(world) == 1


@pytest.mark.parametrize("days", [40, -40])
@pytest.mark.parametrize("status", [200, 503])
async def test_what_is_answered_counts_though_the_clock_was_set_meanwhile(
    world: World, database_url: str, days: int, status: int
) -> None:
    clock = Clock()

    async def set_the_clock(_: Received) -> int:
        clock.advance(timedelta(days=days))
        return status

    async with Receiver(set_the_clock) as receiver:
        await world.tenant()
        page = await world.page(application=await world.application(receiver.url))
        await world.hear(said("hello", to=page), at=clock())

        async with dispatching(world, clock=clock):
            await until_recorded(world, 1)

    assert receiver.texts == ["hello"]
    ((lasted,),) = await look(database_url, "SELECT milliseconds FROM attempts")
    assert 0 <= lasted <= LONGEST_ATTEMPT // timedelta(milliseconds=1)


async def test_an_outcome_that_cannot_be_recorded_does_not_send_without_end(
    world: World, database_url: str
) -> None:
    async with Receiver() as receiver:
        await world.tenant()
        page = await world.page(application=await world.application(receiver.url))
        await world.hear(said("hello", to=page))
        await change(database_url, "ALTER TABLE attempts RENAME TO elsewhere")

        async with dispatching(world):
            await receiver.until(1)
            await asyncio.sleep(2.5)
            sent_meanwhile = len(receiver.received)
            await change(database_url, "ALTER TABLE elsewhere RENAME TO attempts")
            await until_nothing_is_left(world)

    assert sent_meanwhile == 1
    assert len({one.webhook_id for one in receiver.received}) == 1
    assert await states(world) == {"delivered": 1}


async def answer_what_no_column_takes(item: Pending, _: str) -> Attempt:
    return Attempt(
        tried=item.tries + 1,
        started_at=now(),
        milliseconds=1,
        outcome=Outcome.DELIVERED,
        detail=object(),  # type: ignore[arg-type] # a bug of ours
    )


async def test_what_cannot_be_recorded_costs_a_turn_as_any_attempt_and_is_given_up_as_any(
    world: World, database_url: str
) -> None:
    clock = Clock()
    tried: list[int] = []

    async def answer_and_note(item: Pending, url: str) -> Attempt:
        tried.append(item.tries)
        return await answer_what_no_column_takes(item, url)

    await world.tenant()
    page = await world.page(application=await world.application("https://desk.example/in"))
    await world.hear(*[said(text, to=page, by="ann") for text in ("1", "2")], at=clock())
    dispatcher = dispatcher_of(world, {"deliver": answer_and_note}, clock=clock)
    dispatcher.start()
    for times in (1, 2):
        await until_recorded(world, times)
        clock.advance(timedelta(minutes=1) if times == 1 else timedelta(days=1))
        dispatcher.wake()
    await until_recorded(world, 4)
    await dispatcher.stop()

    # The first twice and once more after its day, which ends it; then the other, as late.
    assert tried == [0, 1, 2, 0]
    assert await states(world) == {"dead": 2}
    ended = await look(database_url, "SELECT DISTINCT outcome, milliseconds FROM attempts")
    assert ended == [("broke", 0)]


async def test_what_cannot_be_recorded_has_24_hours_from_when_its_url_was_resumed(
    world: World,
) -> None:
    clock, url = Clock(), "https://desk.example/in"

    await world.tenant()
    page = await world.page(application=await world.application(url))
    await world.hear(said("0", to=page), at=clock())
    pause = destinations.pause("acme0001", url, because=Paused.REQUESTED, now=clock())
    await world.store.commit(pause)
    clock.advance(timedelta(hours=30))
    await world.store.commit(destinations.resume("acme0001", url, now=clock()))
    dispatcher = dispatcher_of(world, {"deliver": answer_what_no_column_takes}, clock=clock)
    dispatcher.start()
    await until_recorded(world, 1)
    await dispatcher.stop()

    assert await states(world) == {"pending": 1}


async def test_others_have_the_loop_while_a_crowd_begins(world: World) -> None:
    begun = 0
    seen = [0]

    async def try_one(item: Pending, url: str) -> None:
        nonlocal begun
        begun += 1
        del item, url

    async def look_on() -> None:
        while True:
            seen.append(begun)
            await asyncio.sleep(0)

    await world.tenant()
    page = await world.page(application=await world.application("https://acme.example/in"))
    await world.hear(*[said("hello", to=page, by=str(n)) for n in range(3 * BURST)])
    dispatcher = dispatcher_of(world, {"deliver": try_one}, in_flight=32 * BURST)
    onlooker = asyncio.create_task(look_on())
    dispatcher.start()
    async with asyncio.timeout(20):
        while begun < 3 * BURST:
            await asyncio.sleep(0.01)
    onlooker.cancel()
    await dispatcher.stop()

    assert max(after - before for before, after in pairwise(seen)) <= BURST
