"""What is owed because of an account goes to dead with it, and nothing else does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from databases import change, look
from due import due
from jackfield import links
from jackfield.accounts import Account, Provider
from jackfield.clock import Moment
from jackfield.deliveries import Attempt, Outcome
from jackfield.delivery.release import release_slice
from jackfield.storage import accounts, deliveries, held
from jackfield.units import alone
from world import World, said

THEN = Moment(1_700_000_000_000)
NOW = Moment(1_700_000_600_000)
URL = "https://desk.example/in"


async def delete(world: World, account: Account) -> None:
    work = links.delete(
        account.provider,
        account.external_id,
        api_key=account.api_key,
        now=NOW,
        accounts=accounts,
    )
    await world.store.commit(alone(work))


async def states(database_url: str) -> list[tuple[object, ...]]:
    """Return account, state, why it is held and when it ended, in the order of arrival."""
    return await look(
        database_url,
        "SELECT account_id, state, held_because, finished_at FROM deliveries ORDER BY number",
    )


async def test_what_is_held_or_pending_for_a_deleted_account_is_dead(
    world: World, database_url: str
) -> None:
    await world.tenant()
    application = await world.application(URL)
    pending = await world.page("1", application=application)
    waiting = await world.page("2")
    other = await world.page("3", application=application)
    for page in (pending, waiting, other):
        await world.hear(said("one", to=page), said("two", to=page), at=THEN)

    await delete(world, pending)
    await delete(world, waiting)

    assert await states(database_url) == [
        (pending.id, "dead", None, NOW),
        (pending.id, "dead", None, NOW),
        (waiting.id, "dead", "unlinked", NOW),
        (waiting.id, "dead", "unlinked", NOW),
        (other.id, "pending", None, None),
        (other.id, "pending", None, None),
    ]
    assert len(await due(world.store, NOW)) == 2


async def test_what_was_delivered_stays_delivered(world: World, database_url: str) -> None:
    await world.tenant()
    page = await world.page(application=await world.application(URL))
    await world.hear(said("one", to=page), at=THEN)
    (item,) = await due(world.store, NOW)
    attempt = Attempt(1, THEN, 5, Outcome.DELIVERED, status=200)
    await world.store.commit(deliveries.succeed(item, attempt, now=THEN))

    await delete(world, page)

    assert await states(database_url) == [(page.id, "delivered", None, THEN)]


async def test_an_attempt_that_was_under_way_changes_nothing_afterwards(
    world: World, database_url: str
) -> None:
    await world.tenant()
    page = await world.page(application=await world.application(URL))
    await world.hear(said("one", to=page), at=THEN)
    (item,) = await due(world.store, NOW)

    await delete(world, page)
    attempt = Attempt(1, THEN, 5, Outcome.FAILED, status=500)
    await world.store.commit(deliveries.postpone(item, attempt, due_at=NOW, failing_since=None))

    assert await states(database_url) == [(page.id, "dead", None, NOW)]
    assert await look(database_url, "SELECT number FROM pending") == []


async def test_a_later_account_of_the_same_name_gets_nothing_of_it(
    world: World, database_url: str
) -> None:
    await world.tenant()
    await world.tenant("zenith01")
    page = await world.page()
    await world.hear(said("to the first owner", to=page), at=THEN)
    await delete(world, page)

    later = await world.page(
        api_key="zenith01", application=await world.application(URL, api_key="zenith01")
    )
    released = await world.store.commit(
        alone(release_slice(later.id, now=NOW, held=held)),
    )

    assert later.id > page.id
    assert released == 0
    assert await states(database_url) == [(page.id, "dead", "unlinked", NOW)]


async def test_who_waits_behind_a_number_that_is_shared_is_called(
    world: World, database_url: str
) -> None:
    await world.tenant()
    application = await world.application(URL)
    page, other = [await world.page(name, application=application) for name in ("1", "2")]
    await world.hear(said("one", to=page), at=THEN)
    await world.hear(said("two", to=other), at=THEN)
    await change(database_url, "UPDATE pending SET conversation = 7")
    _, second = await due(world.store, NOW)
    await world.store.commit(deliveries.wait_behind(replace(second, conversation=7)))

    await delete(world, page)

    assert await look(database_url, "SELECT number, due_at FROM pending") == [
        (second.number, NOW),
    ]


async def test_who_wrote_to_it_is_forgotten(world: World, database_url: str) -> None:
    await world.tenant()
    pages = [await world.page(name, provider=Provider.WHATSAPP) for name in ("1", "2")]
    for page in pages:
        await world.hear(said("one", to=page, by=("447700900123", "u1")), at=THEN)

    await delete(world, pages[0])

    assert await look(database_url, "SELECT DISTINCT account_id FROM contacts") == [
        (pages[1].id,),
    ]


@pytest.mark.parametrize("is_linked", [True, False])
async def test_deleting_counts_down_what_the_list_tells(world: World, *, is_linked: bool) -> None:
    await world.tenant()
    application = await world.application(URL) if is_linked else None
    pages = [await world.page(name, application=application) for name in ("1", "2", "3")]

    await delete(world, pages[1])

    for provider in (None, Provider.MESSENGER):
        shown = await world.store.read(accounts.page("acme0001", provider=provider, limit=10))
        assert ([one.id for one in shown.accounts], shown.total) == ([pages[0].id, pages[2].id], 2)
