"""What was given up or delivered goes out again: the same message, the same bytes, once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from afterwards import releasing, replaying_in
from databases import change, look
from dispatching import dispatching, left_to_do, states, until_nothing_is_left, until_recorded
from jackfield import applications as application_rules
from jackfield import links
from jackfield.accounts import Account, Standing
from jackfield.clock import after, now
from jackfield.delivery.records import Selection, State
from jackfield.delivery.replaying import SLICE, Place
from jackfield.problems import Conflict, Invalid, NotFound
from jackfield.storage import accounts, applications, delivery_records, held
from jackfield.units import alone
from receiver import Received, Receiver
from world import World, said

ACME = Selection(api_key="acme0001")
DEAD = Selection(api_key="acme0001", state=State.DEAD)


async def deliveries(database_url: str, columns: str = "id") -> list[Any]:
    rows = await look(database_url, f"SELECT {columns} FROM deliveries ORDER BY number")  # noqa: S608 -- our own words
    return [row[0] if len(row) == 1 else row for row in rows]


async def give_up_everything(database_url: str) -> None:
    """Let all that is pending be dead, as if its 24 hours were over."""
    await change(database_url, "DELETE FROM pending")
    await change(
        database_url,
        "UPDATE deliveries SET state = 'dead', finished_at = 1 WHERE state = 'pending'",
    )


async def page_at(world: World, url: str) -> Account:
    await world.tenant()
    return await world.page(application=await world.application(url))


async def test_a_replay_has_the_same_id_the_same_message_and_the_same_bytes(
    world: World, database_url: str
) -> None:
    async with Receiver() as receiver, dispatching(world) as dispatcher:
        page = await page_at(world, receiver.url)
        await world.hear(said("hello", to=page))
        dispatcher.wake()
        await until_recorded(world, 1)
        (delivery_id,) = await deliveries(database_url)

        replaying = replaying_in(world, arrived=dispatcher.arrived)
        details = await replaying.one(delivery_id, among=ACME)
        await receiver.until(2)
        await until_recorded(world, 2)

    first, second = receiver.received
    assert details.line.state is State.PENDING
    assert first.body == second.body
    assert first.webhook_id == second.webhook_id == delivery_id
    assert second.document["message_uuid"] == details.line.message_id
    assert await states(world) == {"delivered": 1}


async def test_of_two_replays_at_once_one_replays(world: World, database_url: str) -> None:
    page = await page_at(world, "https://desk.example/in")
    await world.hear(*[said(str(n), to=page) for n in range(10)])
    await give_up_everything(database_url)

    replaying = replaying_in(world)
    both = await asyncio.gather(
        *[replaying.some(DEAD, place=None, slices=5) for _ in range(2)],
    )

    assert sum(each.pending for each in both) == 10
    assert await left_to_do(world) == 10
    assert await states(world) == {"pending": 10}


async def test_of_two_replays_of_one_at_once_one_is_told_that_it_is_on_its_way(
    world: World, database_url: str
) -> None:
    page = await page_at(world, "https://desk.example/in")
    await world.hear(said("hello", to=page))
    await give_up_everything(database_url)
    (delivery_id,) = await deliveries(database_url)
    replaying = replaying_in(world)

    both = await asyncio.gather(
        *[replaying.one(delivery_id, among=ACME) for _ in range(2)], return_exceptions=True
    )

    assert sorted(type(each).__name__ for each in both) == ["Conflict", "DeliveryDetails"]
    assert await left_to_do(world) == 1


async def test_what_is_being_delivered_is_not_replayed(world: World, database_url: str) -> None:
    called, may_answer = asyncio.Event(), asyncio.Event()

    async def slow(_: Received) -> int:
        called.set()
        await may_answer.wait()
        return 200

    async with Receiver(slow) as receiver, dispatching(world) as dispatcher:
        page = await page_at(world, receiver.url)
        await world.hear(said("hello", to=page))
        dispatcher.wake()
        await called.wait()
        (delivery_id,) = await deliveries(database_url)
        replaying = replaying_in(world, arrived=dispatcher.arrived)

        with pytest.raises(Conflict, match="still on its way"):
            await replaying.one(delivery_id, among=ACME)
        done = await replaying.some(ACME, place=None, slices=5)
        may_answer.set()
        await until_recorded(world, 1)
        await until_nothing_is_left(world)

    assert (done.pending, done.held) == (0, 0)
    assert len(receiver.received) == 1


async def test_a_replay_begins_anew_with_its_day_and_its_tries(
    world: World, database_url: str
) -> None:
    page = await page_at(world, "https://desk.example/in")
    await world.hear(said("hello", to=page), at=after(now(), timedelta(days=-3)))
    await give_up_everything(database_url)
    (delivery_id,) = await deliveries(database_url)
    began = now()

    await replaying_in(world).one(delivery_id, among=ACME)

    ((since, due_at, tries),) = await look(
        database_url, "SELECT since, due_at, tries FROM pending"
    )
    assert (min(since, due_at) >= began, tries) == (True, 0)
    assert await deliveries(database_url, "finished_at, aside_at") == [(None, None)]


async def test_many_go_in_slices_in_their_old_order_to_the_end_and_not_beyond(
    world: World, database_url: str
) -> None:
    many = SLICE + 50
    async with Receiver() as receiver:
        page = await page_at(world, receiver.url)
        await world.hear(*[said(str(n), to=page) for n in range(many)])
        await give_up_everything(database_url)
        replaying = replaying_in(world)

        first = await replaying.some(DEAD, place=None, slices=1)
        await world.hear(said("new", to=page))
        rest = await replaying.some(DEAD, place=first.goes_on_at, slices=10)
        async with dispatching(world):
            await receiver.until(many + 1)
            await until_nothing_is_left(world)

    assert (first.pending, rest.pending) == (SLICE, 50)
    assert first.goes_on_at is not None
    assert rest.goes_on_at is None
    order = [text for text in receiver.texts if text != "new"]
    assert order == [str(n) for n in range(many)]


async def test_what_is_delivered_while_it_replays_is_not_replayed_too(
    world: World, database_url: str
) -> None:
    page = await page_at(world, "https://desk.example/in")
    await world.hear(*[said(str(n), to=page) for n in range(SLICE + 1)])
    await change(database_url, "UPDATE deliveries SET state = 'delivered'")
    delivered = Selection(api_key="acme0001", state=State.DELIVERED)
    replaying = replaying_in(world)

    first = await replaying.some(delivered, place=None, slices=1)
    await world.hear(said("new", to=page))
    await change(database_url, "UPDATE deliveries SET state = 'delivered' WHERE state = 'pending'")
    rest = await replaying.some(delivered, place=first.goes_on_at, slices=9)

    assert (first.pending, rest.pending) == (SLICE, 1)


async def test_a_replay_to_a_test_url_ends_although_its_copies_are_delivered_meanwhile(
    world: World, database_url: str
) -> None:
    async with Receiver() as receiver, dispatching(world) as dispatcher:
        page = await page_at(world, receiver.url)
        await world.hear(*[said(str(n), to=page) for n in range(3)])
        dispatcher.wake()
        await receiver.until(3)
        await until_nothing_is_left(world)
        delivered = Selection(api_key="acme0001", state=State.DELIVERED)
        replaying = replaying_in(world, arrived=dispatcher.arrived)

        first = await replaying.some(delivered, place=None, slices=1, to=receiver.url + "/test")
        await receiver.until(6)
        await until_nothing_is_left(world)
        again = await replaying.some(
            delivered, place=first.goes_on_at or Place(0, 10**9), slices=9, to=receiver.url
        )

    assert (first.pending, first.goes_on_at) == (3, None)
    assert again.pending == 3  # never a copy of a copy


async def test_a_copy_has_the_bytes_and_changes_nothing_else(
    world: World, database_url: str
) -> None:
    async with Receiver() as real, Receiver() as trial:
        page = await page_at(world, real.url)
        await world.hear(said("hello", to=page))
        await give_up_everything(database_url)
        (delivery_id,) = await deliveries(database_url)

        copy = await replaying_in(world).one(delivery_id, among=ACME, to=trial.url)
        async with dispatching(world):
            await trial.until(1)
            await until_nothing_is_left(world)
        (_, body), _ = await deliveries(database_url, "id, body")

    assert real.received == []
    assert trial.received[0].body == body
    assert trial.received[0].webhook_id == copy.line.id != delivery_id
    assert trial.received[0].document["message_uuid"] == copy.line.message_id
    assert (copy.line.kind, copy.line.url) == ("test", trial.url)
    assert await deliveries(database_url, "id, state, kind, finished_at") == [
        (delivery_id, "dead", "inbound", 1),
        (copy.line.id, "delivered", "test", *await finished(database_url, copy.line.id)),
    ]


async def finished(database_url: str, delivery_id: str) -> tuple[int]:
    query = f"SELECT finished_at FROM deliveries WHERE id = '{delivery_id}'"  # noqa: S608 -- our own words
    ((at,),) = await look(database_url, query)
    assert at is not None
    return (at,)


async def test_a_test_url_that_fails_holds_up_no_real_message(
    world: World, database_url: str
) -> None:
    async def refuse(_: Received) -> int:
        return 500

    async with Receiver() as real, Receiver(refuse) as trial, dispatching(world) as dispatcher:
        page = await page_at(world, real.url)
        await world.hear(said("one", to=page))
        dispatcher.wake()
        await until_recorded(world, 1)
        (delivery_id,) = await deliveries(database_url)
        await replaying_in(world, arrived=dispatcher.arrived).one(
            delivery_id, among=ACME, to=trial.url
        )
        await trial.until(1)
        await world.hear(said("two", to=page))
        dispatcher.wake()
        await real.until(2)

    assert real.texts == ["one", "two"]


async def test_what_was_never_bound_is_copied_as_an_application_would_hear_it(
    world: World, database_url: str
) -> None:
    async with Receiver() as trial:
        await world.tenant()
        page = await world.page()
        await world.hear(said("held", to=page))
        (delivery_id,) = await deliveries(database_url)

        copy = await replaying_in(world).one(delivery_id, among=ACME, to=trial.url)
        async with dispatching(world):
            await trial.until(1)
            await until_nothing_is_left(world)

    document = trial.received[0].document
    assert (document["text"], document["to"]) == ("held", page.external_id)
    assert document["message_uuid"] == copy.line.message_id
    assert await states(world) == {"held": 1, "delivered": 1}


async def delete(world: World, page: Account) -> None:
    gone = links.delete(
        page.provider, page.external_id, api_key="acme0001", now=now(), accounts=accounts
    )
    await world.store.commit(alone(gone))


@pytest.mark.parametrize("is_deleted", [False, True])
@pytest.mark.parametrize("is_disabled", [False, True])
async def test_what_was_written_to_an_account_that_is_only_claimed_is_copied_to_nobody(
    world: World, database_url: str, *, is_disabled: bool, is_deleted: bool
) -> None:
    await world.tenant()
    page = await world.page(standing=Standing.CLAIMED)
    if is_disabled:
        await change(database_url, "UPDATE tenants SET disabled_at = 1")
    await world.hear(said("secret", to=page, by="447700900123"))
    if is_deleted:
        await delete(world, page)
    (delivery_id,) = await deliveries(database_url)
    replaying = replaying_in(world)

    why = "nobody can tell any more" if is_deleted else "only claimed"
    with pytest.raises(Conflict, match=why):
        await replaying.one(delivery_id, among=ACME, to="https://trial.example/in")
    done = await replaying.some(ACME, place=None, slices=5, to="https://trial.example/in")

    details = await world.store.read(delivery_records.find(delivery_id))
    assert details is not None
    assert (details.is_told, details.has_account) == (False, not is_deleted)
    assert (done.chosen, done.pending) == (1, 0)
    assert await left_to_do(world) == 0


async def test_what_was_held_for_an_account_that_is_gone_can_still_be_copied(
    world: World, database_url: str
) -> None:
    async with Receiver() as trial:
        await world.tenant()
        page = await world.page()
        await world.hear(said("held", to=page))
        await delete(world, page)
        (delivery_id,) = await deliveries(database_url)

        await replaying_in(world).one(delivery_id, among=ACME, to=trial.url)
        async with dispatching(world):
            await trial.until(1)
            await until_nothing_is_left(world)

    assert trial.texts == ["held"]
    assert await states(world) == {"dead": 1, "delivered": 1}


async def expired(world: World, database_url: str, account: Account) -> str:
    """Let what is held for an account die of it, and return the oldest's id."""
    soon = after(now(), timedelta(seconds=1))
    await world.store.commit(held.expire(accepted_before=soon, now=soon, limit=500))
    ids = await deliveries(database_url)
    return str(ids[0])


async def test_what_died_held_goes_to_whoever_hears_its_account_now(
    world: World, database_url: str
) -> None:
    async with Receiver() as receiver:
        await world.tenant()
        page = await world.page()
        await world.hear(*[said(str(n), to=page) for n in range(3)])
        delivery_id = await expired(world, database_url, page)
        await world.link(page, await world.application(receiver.url))
        await world.store.commit(held.finish(page.id))

        # Nobody releases yet, so that what is held again is seen to be.
        replaying = replaying_in(world)
        one = await replaying.one(delivery_id, among=ACME)
        rest = await replaying.some(DEAD, place=None, slices=5)
        async with dispatching(world) as dispatcher, releasing(world, dispatcher):
            await world.hear(said("3", to=page))
            await receiver.until(4)
            await until_nothing_is_left(world)

    assert (one.line.state, rest.held, rest.pending) == (State.HELD, 2, 0)
    assert receiver.texts == ["0", "1", "2", "3"]
    assert await states(world) == {"delivered": 4}


async def test_what_nobody_would_hear_stays_dead_and_it_is_said_why(
    world: World, database_url: str
) -> None:
    await world.tenant()
    page = await world.page()
    await world.hear(said("hello", to=page))
    delivery_id = await expired(world, database_url, page)
    replaying = replaying_in(world)

    with pytest.raises(Conflict, match="Link the account first"):
        await replaying.one(delivery_id, among=ACME)
    done = await replaying.some(DEAD, place=None, slices=5)

    assert (done.chosen, done.pending, done.held) == (1, 0, 0)
    assert await states(world) == {"dead": 1}


async def test_what_went_to_an_application_that_is_gone_goes_to_the_present_one(
    world: World, database_url: str
) -> None:
    async with Receiver() as before, Receiver() as heir:
        await world.tenant()
        gone, present = await world.application(before.url), await world.application(heir.url)
        page = await world.page(application=gone)
        await world.hear(said("hello", to=page))
        async with dispatching(world) as dispatcher, releasing(world, dispatcher) as releaser:
            await until_recorded(world, 1)
            work = application_rules.remove(gone.id, api_key="acme0001", applications=applications)
            await world.store.commit(work)
            page = await world.link(page, present)
            (delivery_id,) = await deliveries(database_url)

            await replaying_in(world, released=releaser.wake).one(delivery_id, among=ACME)
            await heir.until(1)
            await until_nothing_is_left(world)

    assert heir.received[0].webhook_id == before.received[0].webhook_id
    assert heir.received[0].document["message_uuid"] == before.received[0].document["message_uuid"]


async def test_what_an_account_that_is_gone_left_goes_to_no_later_account(
    world: World, database_url: str
) -> None:
    await world.tenant()
    page = await world.page()
    await world.hear(said("secret", to=page))
    await delete(world, page)
    await world.page(application=await world.application("https://desk.example/in"))
    ((delivery_id, reason),) = await deliveries(database_url, "id, held_because")

    with pytest.raises(Conflict, match="its account was deleted"):
        await replaying_in(world).one(delivery_id, among=ACME)

    assert reason == "unlinked"
    assert await states(world) == {"dead": 1}


async def test_counting_changes_nothing(world: World, database_url: str) -> None:
    page = await page_at(world, "https://desk.example/in")
    await world.hear(*[said(str(n), to=page) for n in range(5)])
    await give_up_everything(database_url)

    counted = await replaying_in(world).count(DEAD, place=None, looks=5)

    assert (counted.chosen, counted.pending, counted.held) == (5, 5, 0)
    assert counted.goes_on_at is None
    assert await states(world) == {"dead": 5}
    assert await left_to_do(world) == 0


async def every_sort(world: World, database_url: str) -> None:
    """Leave what was delivered and what died: bound, unbound, linked since, claimed, gone."""
    desk = await world.application("https://desk.example/in")
    bound, later = await world.page("1001", application=desk), await world.page("1002")
    alone_, claimed = await world.page("1003"), await world.page("1004", standing=Standing.CLAIMED)
    gone = await world.page("1005")
    pages = (bound, bound, later, alone_, claimed, gone)
    await world.hear(*[said(page.external_id, to=page) for page in pages])
    await give_up_everything(database_url)
    await delete(world, gone)
    await change(database_url, "UPDATE deliveries SET state = 'dead' WHERE state = 'held'")
    await change(
        database_url,
        "UPDATE deliveries SET state = 'delivered' "
        "WHERE number = (SELECT min(number) FROM deliveries)",
    )
    await world.link(later, desk)
    await world.hear(said("on its way", to=bound))


@pytest.mark.parametrize("to", [None, "https://trial.example/in"])
@pytest.mark.parametrize("state", [None, State.DEAD, State.DELIVERED])
async def test_what_is_counted_is_what_is_done(
    world: World, database_url: str, state: State | None, to: str | None
) -> None:
    await world.tenant()
    await every_sort(world, database_url)
    which = Selection(api_key="acme0001", state=state)
    replaying = replaying_in(world)

    counted = await replaying.count(which, place=None, looks=5, to=to)
    done = await replaying.some(which, place=None, slices=5, to=to)

    assert counted == done
    assert done.pending > 0


async def test_what_goes_out_by_itself_is_not_replayed_but_copied(world: World) -> None:
    page = await page_at(world, "https://desk.example/in")
    await world.hear(said("hello", to=page))
    waiting, replaying = replace(ACME, state=State.PENDING), replaying_in(world)

    for replay in (
        replaying.some(waiting, place=None, slices=1),
        replaying.count(waiting, place=None, looks=1),
        replaying.some(replace(ACME, state=State.HELD), place=None, slices=1),
    ):
        with pytest.raises(Invalid, match="goes out by itself"):
            await replay
    done = await replaying.some(waiting, place=None, slices=1, to="https://trial.example/in")

    assert done.pending == 1


async def test_nobody_replays_what_is_anothers(world: World, database_url: str) -> None:
    page = await page_at(world, "https://desk.example/in")
    await world.hear(said("hello", to=page))
    await give_up_everything(database_url)
    (delivery_id,) = await deliveries(database_url)
    replaying = replaying_in(world)

    for among in (Selection(api_key="zenith01"), Selection(application_id="another")):
        with pytest.raises(NotFound):
            await replaying.one(delivery_id, among=among)
        with pytest.raises(NotFound):
            await replaying.one(delivery_id, among=among, to="https://trial.example/")
        done = await replaying.some(among, place=None, slices=5)
        assert done.chosen == 0

    assert await states(world) == {"dead": 1}
