"""What was held goes out once somebody may hear it, in the order it came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from databases import change, open_store
from dispatching import (
    dispatching,
    left_to_do,
    states,
    until_nothing_is_left,
    until_recorded,
)
from elsewhere import nobody_stores_messages, until_waiting
from jackfield.accounts import Standing
from jackfield.clock import Clock as ClockDoor
from jackfield.clock import after, now
from jackfield.deliveries import Binding
from jackfield.delivery.dispatcher import Dispatcher
from jackfield.delivery.release import SLICE, Release, Releaser, release_slice
from jackfield.storage import accounts, deliveries, destinations, held, withdrawing
from jackfield.units import alone
from receiver import Receiver
from world import Clock, World, said

WEEK = timedelta(days=7)


@asynccontextmanager
async def releasing(
    world: World, dispatcher: Dispatcher, *, clock: ClockDoor = now, is_alone: bool = True
) -> AsyncIterator[Releaser]:
    releaser = Releaser(
        world.store,
        held,
        deliveries,
        destinations,
        withdrawing,
        clock=clock,
        retention=WEEK,
        released=dispatcher.wake,
        is_alone=is_alone,
    )
    releaser.start()
    try:
        yield releaser
    finally:
        await releaser.stop()


async def test_a_claimed_account_is_heard_only_once_it_is_vouched_for(world: World) -> None:
    async with Receiver() as receiver:
        await world.tenant()
        application = await world.application(receiver.url)
        page = await world.page(application=application, standing=Standing.CLAIMED)
        accepted = await world.hear(*[said(str(n), to=page) for n in range(3)])

        async with dispatching(world) as dispatcher, releasing(world, dispatcher) as releaser:
            releaser.wake()
            await asyncio.sleep(0.05)
            heard_while_claimed = list(receiver.texts)
            await world.store.commit(accounts.vouch(page.id))
            releaser.wake()
            await receiver.until(3)
            await until_nothing_is_left(world)

    assert accepted.held == 3
    assert heard_while_claimed == []
    assert receiver.texts == ["0", "1", "2"]


async def test_what_waited_for_a_link_goes_out_before_what_comes_after_it(world: World) -> None:
    many = SLICE * 2 + 50
    async with Receiver() as receiver:
        await world.tenant()
        application = await world.application(receiver.url)
        page = await world.page()
        await world.hear(*[said(str(n), to=page) for n in range(many)])

        async with dispatching(world) as dispatcher, releasing(world, dispatcher) as releaser:
            await world.link(page, application)
            releaser.wake()
            for n in range(many, many + 20):
                await world.hear(said(str(n), to=page))
                releaser.wake()
                dispatcher.wake()
            await receiver.until(many + 20)
            await until_nothing_is_left(world)

    assert receiver.texts == [str(n) for n in range(many + 20)]
    assert await states(world) == {"delivered": many + 20}


async def test_what_was_held_for_too_long_is_kept_as_dead_and_never_sent(world: World) -> None:
    clock = Clock()
    async with Receiver() as receiver:
        await world.tenant()
        application = await world.application(receiver.url)
        page = await world.page()
        await world.hear(*[said(str(n), to=page) for n in range(SLICE + 1)], at=clock())
        clock.advance(WEEK + timedelta(minutes=1))
        await world.hear(said("fresh", to=page), at=clock())

        async with (
            dispatching(world, clock=clock) as dispatcher,
            releasing(world, dispatcher, clock=clock) as releaser,
        ):
            async with asyncio.timeout(20):
                while (await states(world))["dead"] <= SLICE:
                    await asyncio.sleep(0.01)
            await world.link(page, application)
            releaser.wake()
            await receiver.until(1)
            await until_nothing_is_left(world)

    assert receiver.texts == ["fresh"]
    assert await states(world) == {"dead": SLICE + 1, "delivered": 1}


async def test_what_another_process_left_held_is_found_and_sent(world: World) -> None:
    async with Receiver() as receiver:
        await world.tenant()
        application = await world.application(receiver.url)
        page = await world.page()
        claimed = await world.page("2009", standing=Standing.CLAIMED, application=application)
        unlinked = await world.page("2010")
        for account in (page, claimed, unlinked):
            await world.hear(said(f"to {account.external_id}", to=account))
        await world.link(page, application)
        await world.store.commit(held.finish(page.id))  # as if another had seen nothing to release

        async with (
            dispatching(world) as dispatcher,
            releasing(world, dispatcher, is_alone=False),
        ):
            await receiver.until(1)
            await until_nothing_is_left(world)

    assert receiver.texts == [f"to {page.external_id}"]
    assert await states(world) == {"delivered": 1, "held": 2}


async def test_a_message_that_another_process_is_holding_is_released_with_the_rest(
    postgres_url: str,
) -> None:
    one, other = await open_store(postgres_url), await open_store(postgres_url)
    world = await World(one).open()
    await world.tenant()
    page = await world.page()
    await world.hear(said("1", to=page))
    await world.link(page, await world.application("https://acme.example/in"))
    await one.commit(alone(release_slice(page.id, now=now(), held=held)))
    await change(postgres_url, "UPDATE accounts SET releasing = 1")  # its last slice is to come
    elsewhere = replace(world, store=other)
    try:
        async with nobody_stores_messages(postgres_url):
            held_behind = asyncio.create_task(elsewhere.hear(said("2", to=page)))
            await until_waiting(postgres_url, 1)
            released = asyncio.create_task(
                one.commit(alone(release_slice(page.id, now=now(), held=held)))
            )
            await until_waiting(postgres_url, 2)
        await asyncio.gather(held_behind, released)
        await elsewhere.hear(said("3", to=page))
    finally:
        await other.close()

    assert await states(world) == {"pending": 3}
    await one.close()


async def test_an_unlinked_account_is_heard_at_its_tenants_own_url(world: World) -> None:
    async with Receiver() as receiver:
        await world.tenant(inbound_url=receiver.url)
        page = await world.page()
        await world.hear(said("hello", to=page))

        async with dispatching(world):
            await receiver.until(1)
            await until_nothing_is_left(world)

    assert receiver.texts == ["hello"]


async def test_what_an_application_without_a_url_would_hear_is_held(world: World) -> None:
    await world.tenant()
    page = await world.page(application=await world.application(None))

    accepted = await world.hear(said("hello", to=page))

    assert (accepted.delivered, accepted.held) == (0, 1)


async def test_while_an_account_is_releasing_what_arrives_waits_behind(world: World) -> None:
    await world.tenant()
    application = await world.application("https://desk.example/in")
    page = await world.page()
    await world.hear(*[said(str(n), to=page) for n in range(SLICE)])
    await world.link(page, application)

    first = await world.store.commit(alone(release_slice(page.id, now=now(), held=held)))
    behind = await world.hear(said("late", to=page))
    second = await world.store.commit(alone(release_slice(page.id, now=now(), held=held)))
    after_it = await world.hear(said("later", to=page))

    assert (first, behind.held) == (SLICE, 1)
    assert (second, after_it.delivered) == (1, 1)


async def test_what_died_meanwhile_is_not_released(world: World) -> None:
    await world.tenant()
    page = await world.page()
    await world.hear(said("dead", to=page), said("alive", to=page))
    waiting = await world.store.read(held.oldest(page.id, 10))
    long_ago = await world.store.commit(
        held.expire(accepted_before=after(now(), timedelta(seconds=1)), now=now(), limit=1)
    )

    receiver = await world.store.read(held.receiver(page.id))
    assert receiver is not None
    binding = Binding(None, 1, "v1")
    releases = [Release(one, b"{}") for one in waiting]
    await world.store.commit(held.release(releases, receiver=receiver, binding=binding, now=now()))

    assert long_ago == 1
    assert await states(world) == {"dead": 1, "pending": 1}
    assert await left_to_do(world) == 1


async def test_one_account_that_cannot_be_released_holds_up_no_other(
    world: World, database_url: str
) -> None:
    async with Receiver() as receiver:
        await world.tenant()
        application = await world.application(receiver.url)
        broken, sound = await world.page("2001"), await world.page("2002")
        await world.hear(said("broken", to=broken), said("sound", to=sound))
        await change(
            database_url,
            f"UPDATE messages SET content = 'no JSON' WHERE account_id = {broken.id}",  # noqa: S608 -- our own
        )
        await world.link(broken, application)
        await world.link(sound, application)

        async with dispatching(world) as dispatcher, releasing(world, dispatcher):
            await receiver.until(1)
            await until_recorded(world, 1)

    assert receiver.texts == ["sound"]
    assert await states(world) == {"delivered": 1, "held": 1}
