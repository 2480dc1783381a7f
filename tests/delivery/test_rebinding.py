"""What waits for an application that its account has left moves to the present one, in order."""

from __future__ import annotations

import asyncio

import pytest

from afterwards import rebinding_in, releasing
from databases import look
from dispatching import dispatching, left_to_do, states, until_nothing_is_left
from jackfield import links
from jackfield.accounts import Account, Provider
from jackfield.applications import Application
from jackfield.delivery.rebinding import SLICE, Misplaced, Rebinding
from jackfield.storage import accounts, applications, held
from jackfield.units import Unit, unit
from receiver import Received, Receiver
from world import World, said

NOWHERE = "https://gone.example/in"


async def swap(world: World, account: Account, application: Application | None) -> None:
    """Link an account to another application in one step, or to none."""

    @unit
    def as_it_is(there: Account):  # type: ignore[no-untyped-def] # noqa: ANN202 -- a generator that yields nothing
        return there
        yield

    work: Unit[Account] = links.change(
        account.provider,
        account.external_id,
        edit=as_it_is,
        linked_to=[] if application is None else [application.id],
        api_key=account.api_key,
        accounts=accounts,
        applications=applications,
    )
    await world.store.commit(work)
    # As once everything that was held for it is out.
    await world.store.commit(held.finish(account.id))


def of(account: Account) -> Misplaced:
    return Misplaced(api_key=account.api_key, account=(account.provider, account.external_id))


async def everything(rebinding: Rebinding, which: Misplaced) -> int:
    moved, at = 0, 0
    while True:
        step = await rebinding.some(which, after=at, slices=1)
        moved += step.moved
        if step.goes_on_at is None:
            return moved
        at = step.goes_on_at


async def test_what_waits_moves_and_every_conversation_keeps_its_order(world: World) -> None:
    people = [f"70000000000000{n}" for n in range(7)]
    async with Receiver() as present:
        await world.tenant()
        page = await world.page(application=await world.application(NOWHERE))
        sent = [(people[n % 7], str(n)) for n in range(SLICE + 60)]
        await world.hear(*[said(text, to=page, by=person) for person, text in sent])
        await swap(world, page, await world.application(present.url))
        # Newer ones wait for the present application already: they must not go first.
        newer = [(person, f"newer {person}") for person in people]
        await world.hear(*[said(text, to=page, by=person) for person, text in newer])

        moved = await everything(rebinding_in(world), of(page))
        await world.hear(said("last", to=page, by=people[0]))
        async with dispatching(world) as dispatcher, releasing(world, dispatcher):
            await present.until(len(sent) + len(newer) + 1)
            await until_nothing_is_left(world)

    heard: dict[str, list[str]] = {person: [] for person in people}
    for one in present.received:
        heard[one.document["from"]].append(one.text)
    wanted = {p: [t for q, t in [*sent, *newer] if q == p] for p in people}
    wanted[people[0]].append("last")
    assert moved == len(sent)
    assert heard == wanted
    assert await states(world) == {"delivered": len(sent) + len(newer) + 1}


async def test_a_message_that_arrives_between_two_slices_overtakes_nothing(world: World) -> None:
    async with Receiver() as present:
        await world.tenant()
        page = await world.page(application=await world.application(NOWHERE))
        first, second = "700000000000001", "700000000000002"
        await world.hear(*[said(f"a{n}", to=page, by=first) for n in range(SLICE)])
        await world.hear(*[said(f"b{n}", to=page, by=second) for n in range(3)])
        await swap(world, page, await world.application(present.url))
        rebinding = rebinding_in(world)

        async with dispatching(world) as dispatcher, releasing(world, dispatcher) as releaser:
            step = await rebinding.some(of(page), after=0, slices=1)
            releaser.wake()
            await world.hear(said("a-new", to=page, by=first))
            await present.until(SLICE + 1)
            assert step.goes_on_at is not None
            await rebinding.some(of(page), after=step.goes_on_at, slices=9)
            releaser.wake()
            await world.hear(said("b-new", to=page, by=second))
            await present.until(SLICE + 5)
            await until_nothing_is_left(world)

    texts = present.texts
    assert [t for t in texts if t[0] == "a"] == [*[f"a{n}" for n in range(SLICE)], "a-new"]
    assert [t for t in texts if t[0] == "b"] == ["b0", "b1", "b2", "b-new"]


async def test_what_its_old_application_accepted_meanwhile_is_not_sent_to_the_present_one(
    world: World,
) -> None:
    called, may_answer = asyncio.Event(), asyncio.Event()

    async def slow(_: Received) -> int:
        called.set()
        await may_answer.wait()
        return 200

    async with Receiver(slow) as before, Receiver() as present:
        await world.tenant()
        page = await world.page(application=await world.application(before.url))
        await world.hear(*[said(str(n), to=page) for n in range(3)])
        async with dispatching(world) as dispatcher:
            await called.wait()
            await swap(world, page, await world.application(present.url))
            await rebinding_in(world).some(of(page), after=0, slices=9)
            may_answer.set()
            await before.until(1)
            async with asyncio.timeout(20):
                while (await states(world))["delivered"] < 1:
                    await asyncio.sleep(0.01)
            async with releasing(world, dispatcher):
                await present.until(2)
                await until_nothing_is_left(world)

    assert before.texts == ["0"]
    assert present.texts == ["1", "2"]


async def test_what_nobody_hears_now_is_held_until_somebody_does(world: World) -> None:
    async with Receiver() as present:
        await world.tenant()
        page = await world.page(application=await world.application(NOWHERE))
        await world.hear(*[said(str(n), to=page) for n in range(3)])
        await swap(world, page, None)

        moved = await everything(rebinding_in(world), of(page))
        left = await states(world)
        async with dispatching(world) as dispatcher, releasing(world, dispatcher) as releaser:
            await world.link(page, await world.application(present.url))
            releaser.wake()
            await present.until(3)
            await until_nothing_is_left(world)

    assert (moved, left) == (3, {"held": 3})
    assert present.texts == ["0", "1", "2"]


async def test_the_reason_for_holding_says_whether_somebody_hears_it(
    world: World, database_url: str
) -> None:
    await world.tenant()
    old = await world.application(NOWHERE)
    moving, left_alone = (
        await world.page("1", application=old),
        await world.page("2", application=old),
    )
    await world.hear(said("a", to=moving), said("b", to=left_alone))
    await swap(world, moving, await world.application("https://desk.example/in"))
    await swap(world, left_alone, None)

    for account in (moving, left_alone):
        await everything(rebinding_in(world), of(account))

    query = "SELECT held_because, application_id, body FROM deliveries ORDER BY number"
    assert await look(database_url, query) == [
        ("releasing", None, None),
        ("unlinked", None, None),
    ]
    marked = await look(database_url, "SELECT releasing FROM accounts ORDER BY id")
    assert marked == [(1,), (0,)]


@pytest.mark.parametrize("by_application", [True, False])
async def test_only_what_is_meant_moves(
    world: World, database_url: str, *, by_application: bool
) -> None:
    await world.tenant()
    await world.tenant("zenith01")
    old, other = await world.application(NOWHERE), await world.application(NOWHERE)
    theirs = await world.application(NOWHERE, api_key="zenith01")
    page = await world.page("1", application=old)
    at_other = await world.page("2", application=other)
    still_linked = await world.page("3", application=old)
    foreign = await world.page("4", application=theirs, api_key="zenith01")
    pages = (page, at_other, still_linked, foreign)
    await world.hear(*[said(one.external_id, to=one) for one in pages])
    for moving in (page, at_other):
        await swap(world, moving, await world.application(NOWHERE))
    heir = await world.application(NOWHERE, api_key="zenith01")
    await swap(world, foreign, heir)
    by_name = Misplaced(api_key="acme0001", application_id=old.id)

    moved = await everything(rebinding_in(world), by_name if by_application else of(page))
    strangers = await everything(
        rebinding_in(world),
        Misplaced(api_key="acme0001", account=(Provider.MESSENGER, "4")),
    )

    assert (moved, strangers) == (1, 0)
    query = "SELECT account_id FROM deliveries WHERE state = 'held'"
    assert await look(database_url, query) == [(page.id,)]


async def test_counting_moves_nothing(world: World) -> None:
    await world.tenant()
    page = await world.page(application=await world.application(NOWHERE))
    await world.hear(*[said(str(n), to=page) for n in range(5)])
    await swap(world, page, await world.application(NOWHERE))

    counted = await rebinding_in(world).count(of(page), after=0, looks=9)

    assert (counted.moved, counted.goes_on_at) == (5, None)
    assert await left_to_do(world) == 5
    assert await states(world) == {"pending": 5}
