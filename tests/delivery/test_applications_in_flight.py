"""An application that is deleted while it is being called: nothing is lost, and order stays."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from dispatching import dispatching, states, until_nothing_is_left, until_recorded
from jackfield.applications import Application, remove
from jackfield.clock import now
from jackfield.delivery.release import Releaser
from jackfield.storage import applications, deliveries, destinations, held, withdrawing
from receiver import Received, Receiver
from world import World, said


class Slow:
    """Answers only once it is let."""

    def __init__(self) -> None:
        self.called = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def __call__(self, _: Received) -> int:
        self.called.set()
        await self.may_answer.wait()
        return 200


async def delete(world: World, application: Application) -> None:
    work = remove(application.id, api_key=application.api_key, applications=applications)
    await world.store.commit(work)


async def test_the_next_application_hears_all_that_the_deleted_one_did_not_accept(
    world: World,
) -> None:
    slow = Slow()
    async with Receiver(slow) as before, Receiver() as after:
        await world.tenant()
        gone, heir = await world.application(before.url), await world.application(after.url)
        page = await world.page(application=gone)
        await world.hear(*[said(str(n), to=page) for n in range(3)])
        async with dispatching(world) as dispatcher:
            await slow.called.wait()
            await delete(world, gone)
            slow.may_answer.set()
            await before.until(1)
            await until_recorded(world, 1)
            await world.hear(said("3", to=page))
            left = await states(world)
            releaser = Releaser(
                world.store,
                held,
                deliveries,
                destinations,
                withdrawing,
                clock=now,
                retention=timedelta(days=7),
                released=dispatcher.wake,
            )
            releaser.start()
            await world.link(page, heir)
            releaser.wake()
            await after.until(3)
            await until_nothing_is_left(world)
            await releaser.stop()

    assert left == {"delivered": 1, "held": 3}
    assert before.texts == ["0"]
    assert after.texts == ["1", "2", "3"]
    assert await states(world) == {"delivered": 4}
