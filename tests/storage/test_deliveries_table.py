"""What is owed, in the tables: what is due, who waits behind whom, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from databases import change, look
from due import due
from jackfield.accounts import Account
from jackfield.clock import Moment, after
from jackfield.deliveries import Attempt, Outcome, Pending, lane
from jackfield.storage import deliveries
from jackfield.units import Store
from world import World, said

NOW = Moment(1_700_000_000_000)
LATER = after(NOW, timedelta(seconds=5))
URL = "https://desk.example/in"


@dataclass
class Desk:
    """A Page that is heard, and the people who write to it."""

    world: World
    page: Account

    @property
    def store(self) -> Store:
        return self.world.store

    async def hear(self, *people: str, at: Moment = NOW) -> None:
        await self.world.hear(*[said("hello", to=self.page, by=who) for who in people], at=at)

    async def due(self, now: Moment = NOW, limit: int = 100) -> list[Pending]:
        return await due(self.store, now, limit=limit)


@pytest.fixture
async def desk(world: World) -> Desk:
    await world.tenant()
    return Desk(world, await world.page(application=await world.application(URL)))


def attempt(tried: int = 1, outcome: Outcome = Outcome.DELIVERED) -> Attempt:
    return Attempt(
        tried, NOW, milliseconds=20, outcome=outcome, status=200, detail="the answer's words"
    )


async def pending(database_url: str) -> list[tuple[Any, ...]]:
    return await look(database_url, "SELECT number, due_at, tries FROM pending ORDER BY number")


async def test_the_longest_due_comes_first_and_nothing_that_is_due_later(desk: Desk) -> None:
    await desk.hear("1", at=after(NOW, timedelta(milliseconds=2)))
    await desk.hear("2", at=NOW)
    await desk.hear("3", at=after(NOW, timedelta(milliseconds=3)))
    await desk.hear("4", at=NOW)

    found = await desk.due(after(NOW, timedelta(milliseconds=2)))

    numbers = [item.number for item in found]
    assert [item.since - NOW for item in found] == [0, 0, 2]
    assert numbers == [numbers[2] + 1, numbers[2] + 3, numbers[2]]


async def test_no_more_is_returned_than_was_asked_for(desk: Desk) -> None:
    await desk.hear("1", "2", "3")

    found = await desk.due(limit=2)

    assert len(found) == 2
    assert found == (await desk.due())[:2]


async def test_only_the_first_of_a_conversation_is_its_head(desk: Desk) -> None:
    await desk.hear("1", "2", "1", "1", "2")

    found = await desk.due()

    assert [item.is_head for item in found] == [True, True, False, False, False]
    assert len({item.conversation for item in found}) == 2


async def test_a_lane_says_when_the_first_of_it_is_due(desk: Desk) -> None:
    nothing = await desk.store.read(deliveries.lanes())
    await desk.hear("1", at=LATER)
    await desk.hear("2", at=NOW)

    found = await desk.store.read(deliveries.lanes())

    assert nothing == {}
    assert list(found.values()) == [NOW]


async def test_every_lane_is_found_whether_its_work_was_tried_or_not(
    desk: Desk, database_url: str
) -> None:
    other = await desk.world.application("https://other.example/in")
    heard_there = await desk.world.page("2002", application=other)
    await desk.world.hear(said("hello", to=heard_there), at=LATER)
    await desk.hear("1", at=NOW)
    await change(database_url, f"UPDATE pending SET tries = 1 WHERE due_at = {NOW}")  # noqa: S608 -- our own

    found = await desk.store.read(deliveries.lanes())

    assert sorted(found.values()) == [NOW, LATER]
    assert lane("acme0001", other.id) in found


async def test_both_queues_of_a_lane_have_a_window_of_their_own(
    desk: Desk, database_url: str
) -> None:
    await desk.hear(*map(str, range(6)))
    await change(database_url, "UPDATE pending SET tries = 1 WHERE number % 2 = 0")

    found = await desk.due(limit=2)

    assert sorted(item.tries for item in found) == [0, 0, 1, 1]


async def test_what_waits_for_another_try_can_be_hurried_in_slices(desk: Desk) -> None:
    await desk.hear("1", "2", "3")
    for item in await desk.due():
        failed = attempt(1, Outcome.FAILED)
        await desk.store.commit(deliveries.postpone(item, failed, due_at=LATER, failing_since=NOW))
    (number,) = await desk.store.read(deliveries.lanes())

    counts = [
        await desk.store.commit(deliveries.hurry(number, now=NOW, limit=2)) for _ in range(3)
    ]

    assert counts == [2, 1, 0]
    assert [(item.tries, item.failing_since) for item in await desk.due()] == [(1, None)] * 3


async def test_who_is_set_aside_waits_alone_and_the_next_goes(
    desk: Desk, database_url: str
) -> None:
    await desk.hear("1", "1", "1")
    head, second, third = await desk.due()
    await desk.store.commit(deliveries.wait_behind(second))
    await desk.store.commit(deliveries.wait_behind(third))

    failed = attempt(1, Outcome.FAILED)
    aside = deliveries.set_aside(head, failed, due_at=LATER, now=NOW)
    has_next = await desk.store.commit(aside)
    repeated = await desk.store.commit(aside)
    found = await desk.due(LATER)

    assert (has_next, repeated) == (True, False)
    assert [(item.number, item.is_head) for item in found] == [
        (second.number, True),
        (head.number, True),
    ]
    set_aside = await look(database_url, "SELECT id FROM deliveries WHERE aside_at IS NOT NULL")
    assert set_aside == [(head.subject,)]


async def test_who_is_held_again_is_not_set_aside_any_more(desk: Desk, database_url: str) -> None:
    await desk.hear("1", "1")
    head, _ = await desk.due()
    failed = attempt(1, Outcome.FAILED)
    await desk.store.commit(deliveries.set_aside(head, failed, due_at=LATER, now=NOW))

    await change(database_url, "UPDATE applications SET inbound_url = NULL")
    await desk.store.commit(deliveries.take_back(head, now=LATER))

    held = await look(database_url, "SELECT state, aside_at FROM deliveries")
    assert held == [("held", None)] * 2


async def test_who_waits_behind_is_not_due_until_it_is_called(
    desk: Desk, database_url: str
) -> None:
    await desk.hear("1", "1", "1")
    head, second, third = await desk.due()

    await desk.store.commit(deliveries.wait_behind(second))
    await desk.store.commit(deliveries.wait_behind(third))
    waiting = await desk.due()
    await desk.store.commit(deliveries.succeed(head, attempt(), now=LATER))
    called = await desk.due(LATER)

    assert [item.number for item in waiting] == [head.number]
    assert [(item.number, item.is_head) for item in called] == [(second.number, True)]
    assert await pending(database_url) == [(second.number, LATER, 0), (third.number, None, 0)]


async def test_the_head_of_a_conversation_waits_behind_nobody(
    desk: Desk, database_url: str
) -> None:
    await desk.hear("1", "2")
    before = await pending(database_url)

    for item in await desk.due():
        await desk.store.commit(deliveries.wait_behind(item))

    assert await pending(database_url) == before


async def test_who_became_the_head_meanwhile_waits_behind_nobody(
    desk: Desk, database_url: str
) -> None:
    await desk.hear("1", "1")
    head, second = await desk.due()
    await desk.store.commit(deliveries.succeed(head, attempt(), now=LATER))

    await desk.store.commit(deliveries.wait_behind(second))

    assert await pending(database_url) == [(second.number, LATER, 0)]


async def test_nobody_waits_behind_who_was_set_aside_meanwhile(
    desk: Desk, database_url: str
) -> None:
    await desk.hear("1", "1")
    head, second = await desk.due()
    failed = attempt(1, Outcome.FAILED)
    await desk.store.commit(deliveries.set_aside(head, failed, due_at=LATER, now=NOW))

    await desk.store.commit(deliveries.wait_behind(second))

    assert await pending(database_url) == [(head.number, LATER, 1), (second.number, NOW, 0)]


async def test_a_success_is_recorded_and_ends_the_delivery(desk: Desk, database_url: str) -> None:
    await desk.hear("1")
    (item,) = await desk.due()

    await desk.store.commit(deliveries.succeed(item, attempt(3), now=LATER))

    assert await pending(database_url) == []
    assert await look(database_url, "SELECT state, finished_at FROM deliveries") == [
        ("delivered", LATER),
    ]
    assert await look(
        database_url,
        "SELECT delivery_id, tried, started_at, milliseconds, outcome, status, detail "
        "FROM attempts",
    ) == [(item.subject, 3, NOW, 20, "delivered", 200, "the answer's words")]
    assert await desk.store.read(deliveries.outgoing(item)) is None


async def test_an_end_is_recorded_once_however_often_it_is_told(
    desk: Desk, database_url: str
) -> None:
    await desk.hear("1", "1", "1")
    head, second, third = await desk.due()
    for item in (second, third):
        await desk.store.commit(deliveries.wait_behind(item))
    await desk.store.commit(deliveries.succeed(head, attempt(), now=NOW))

    await desk.store.commit(deliveries.succeed(head, attempt(), now=LATER))
    await desk.store.commit(deliveries.give_up(head, attempt(), now=LATER))
    await desk.store.commit(
        deliveries.postpone(head, attempt(2), due_at=LATER, failing_since=None)
    )

    assert await look(
        database_url, "SELECT state, finished_at FROM deliveries ORDER BY number"
    ) == [("delivered", NOW), ("pending", None), ("pending", None)]
    assert await look(database_url, "SELECT count(*) FROM attempts") == [(1,)]
    assert await pending(database_url) == [(second.number, NOW, 0), (third.number, None, 0)]


async def test_calling_the_next_disturbs_none_that_has_a_time_of_its_own(
    desk: Desk, database_url: str
) -> None:
    await desk.hear("1", "1")
    head, second = await desk.due()
    much_later = after(NOW, timedelta(hours=1))
    await desk.store.commit(
        deliveries.postpone(
            second, attempt(1, Outcome.FAILED), due_at=much_later, failing_since=None
        ),
    )

    await desk.store.commit(deliveries.succeed(head, attempt(), now=LATER))

    assert await pending(database_url) == [(second.number, much_later, 1)]


async def test_a_postponed_delivery_is_due_again_later_and_remembers_its_tries(
    desk: Desk, database_url: str
) -> None:
    await desk.hear("1", "1")
    head, second = await desk.due()
    await desk.store.commit(deliveries.wait_behind(second))

    await desk.store.commit(
        deliveries.postpone(head, attempt(1, Outcome.FAILED), due_at=LATER, failing_since=None)
    )

    assert await desk.due(NOW) == []
    (again,) = await desk.due(LATER)
    assert (again.number, again.tries, again.since) == (head.number, 1, NOW)
    assert await look(database_url, "SELECT state FROM deliveries") == [("pending",)] * 2


async def test_the_same_attempt_postpones_once(desk: Desk, database_url: str) -> None:
    await desk.hear("1")
    (item,) = await desk.due()
    failed = attempt(1, Outcome.TIMED_OUT)
    await desk.store.commit(deliveries.postpone(item, failed, due_at=LATER, failing_since=None))

    await desk.store.commit(
        deliveries.postpone(
            item, failed, due_at=after(LATER, timedelta(seconds=5)), failing_since=None
        ),
    )

    assert await pending(database_url) == [(item.number, LATER, 1)]
    assert await look(database_url, "SELECT outcome FROM attempts") == [("timed_out",)]


async def test_what_is_given_up_is_dead_and_the_next_is_called(
    desk: Desk, database_url: str
) -> None:
    await desk.hear("1", "1")
    head, second = await desk.due()
    await desk.store.commit(deliveries.wait_behind(second))

    await desk.store.commit(deliveries.give_up(head, attempt(100, Outcome.FAILED), now=LATER))

    assert await look(
        database_url, "SELECT state, finished_at FROM deliveries ORDER BY number"
    ) == [("dead", LATER), ("pending", None)]
    assert await pending(database_url) == [(second.number, LATER, 0)]


async def test_the_numbers_of_a_conversation_are_never_used_again(
    desk: Desk, database_url: str
) -> None:
    await desk.hear("1")
    (first,) = await desk.due()
    await desk.store.commit(deliveries.succeed(first, attempt(), now=NOW))

    await desk.hear("1")

    (second,) = await desk.due()
    assert second.number > first.number


async def test_what_goes_out_goes_to_its_application_signed_with_the_newest_secret_first(
    desk: Desk, database_url: str
) -> None:
    await desk.hear("1")
    (item,) = await desk.due()
    ((body,),) = await look(database_url, "SELECT body FROM deliveries")

    sent = await desk.store.read(deliveries.outgoing(item))
    secrets = await desk.store.read(deliveries.signature_secrets("acme0001"))

    assert sent is not None
    assert (sent.url, sent.body, sent.api_key) == (URL, bytes(body), "acme0001")
    assert (sent.application_id, sent.accepted_at) == (desk.page.application_id, NOW)
    assert len(secrets) == 1


async def test_what_is_bound_to_no_application_goes_to_the_tenant_s_own_url(world: World) -> None:
    await world.tenant(inbound_url="https://acme.example/in")
    desk = Desk(world, await world.page())
    await desk.hear("1")
    (item,) = await desk.due()

    sent = await desk.store.read(deliveries.outgoing(item))

    assert sent is not None
    assert (sent.url, sent.application_id) == ("https://acme.example/in", None)


async def test_what_is_bound_to_an_application_never_falls_back_to_the_tenant_s_url(
    world: World, database_url: str
) -> None:
    await world.tenant(inbound_url="https://acme.example/in")
    desk = Desk(world, await world.page(application=await world.application(URL)))
    await desk.hear("1")
    (item,) = await desk.due()
    await change(database_url, "UPDATE applications SET inbound_url = NULL")

    sent = await desk.store.read(deliveries.outgoing(item))

    assert sent is not None
    assert sent.url is None
