"""What waits for somebody goes back among what is to be done, oldest first."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from databases import change, look
from jackfield.accounts import Account, Standing
from jackfield.clock import Moment
from jackfield.deliveries import conversation
from jackfield.delivery.release import SLICE, release_slice
from jackfield.storage import accounts, held
from jackfield.units import alone
from world import World, said

THEN = Moment(1_700_000_000_000)
NOW = Moment(1_700_000_600_000)
URL = "https://desk.example/in"


async def release(world: World, account: Account) -> int:
    return await world.store.commit(alone(release_slice(account.id, now=NOW, held=held)))


async def releasing(world: World) -> list[int]:
    return await world.store.read(held.releasing())


async def texts(database_url: str) -> list[str]:
    """Return what is to be done, in its order."""
    bodies = await look(
        database_url,
        "SELECT d.body FROM pending p JOIN deliveries d ON d.id = p.subject ORDER BY p.number",
    )
    return [msgspec.json.decode(bytes(body))["text"] for (body,) in bodies]


async def test_held_messages_go_out_in_slices_oldest_first_and_then_the_mark_goes(
    world: World, database_url: str
) -> None:
    await world.tenant()
    page = await world.page()
    other = await world.page("300000000000003")
    many = [str(n) for n in range(SLICE + 3)]
    for start in range(0, len(many), 50):
        await world.hear(*[said(text, to=page) for text in many[start : start + 50]], at=THEN)
        await world.hear(said("not linked", to=other), at=THEN)
    application = await world.application(URL)
    linked = await world.link(page, application)

    marks = [await releasing(world)]
    released = [await release(world, page)]
    marks.append(await releasing(world))
    behind = await world.hear(said("behind", to=page), at=NOW)
    released.append(await release(world, page))
    marks.append(await releasing(world))

    assert released == [SLICE, 4]
    assert marks == [[page.id], [page.id], []]
    assert behind.held == 1
    assert await texts(database_url) == [*many, "behind"]
    assert await look(
        database_url,
        "SELECT DISTINCT state, held_because, application_id, link_version, bound_at "
        "FROM deliveries WHERE state <> 'held'",
    ) == [("pending", None, application.id, linked.link_version, NOW)]
    assert await look(
        database_url, "SELECT DISTINCT conversation, due_at, since FROM pending"
    ) == [
        (conversation(page.id, "700000000000007", application.id), NOW, NOW),
    ]
    assert await look(database_url, "SELECT count(*) FROM deliveries WHERE state = 'held'") == [
        (5,)
    ]


async def test_a_full_last_slice_is_followed_by_an_empty_one_that_takes_the_mark(
    world: World,
) -> None:
    await world.tenant()
    page = await world.page()
    await world.hear(*[said(str(n), to=page) for n in range(SLICE)])
    await world.link(page, await world.application(URL))

    first = await release(world, page), await releasing(world)
    second = await release(world, page), await releasing(world)

    assert (first, second) == ((SLICE, [page.id]), (0, []))


async def test_a_linked_account_that_is_still_claimed_keeps_its_messages(
    world: World, database_url: str
) -> None:
    await world.tenant()
    page = await world.page(standing=Standing.CLAIMED)
    await world.hear(said("hello", to=page))
    await world.link(page, await world.application(URL))

    first = await release(world, page), await releasing(world), await texts(database_url)
    await world.store.commit(accounts.vouch(page.id))
    second = await release(world, page), await releasing(world), await texts(database_url)

    assert first == (0, [], [])
    assert second == (1, [], ["hello"])


async def test_an_account_that_is_gone_has_nothing_to_release(
    world: World, database_url: str
) -> None:
    await world.tenant()
    page = await world.page()
    await world.hear(said("hello", to=page))
    await change(database_url, "DELETE FROM accounts")

    released = await release(world, page)

    assert released == 0
    assert await texts(database_url) == []


async def test_an_account_nobody_linked_is_not_releasing(world: World) -> None:
    await world.tenant()
    page = await world.page()
    await world.hear(said("hello", to=page))

    released = await release(world, page)

    assert (released, await releasing(world)) == (0, [])


async def test_vouching_twice_marks_nothing_anew(world: World) -> None:
    await world.tenant()
    page = await world.page(standing=Standing.CLAIMED)
    first = await world.store.commit(accounts.vouch(page.id))
    await release(world, page)

    second = await world.store.commit(accounts.vouch(page.id))

    assert first == second == replace(page, standing=Standing.VOUCHED)
    assert await releasing(world) == []


async def test_who_is_stranded_is_found_among_those_who_hold_and_looked_at_again(
    world: World, database_url: str
) -> None:
    await world.tenant()
    application = await world.application(URL)
    pages = [await world.page(f"30000000000000{n}") for n in range(4)]
    await world.hear(*[said("hello", to=page) for page in pages[:3]])
    for page in (pages[0], pages[2], pages[3]):
        await world.link(page, application)
    await change(database_url, "UPDATE accounts SET releasing = 0")  # as another process left them

    found = await world.store.read(held.stranded())
    await change(
        database_url,
        f"UPDATE accounts SET application_id = NULL WHERE id = {pages[0].id}",  # noqa: S608 -- ours
    )
    marked = await world.store.commit(alone(held.release_stranded(found)))

    assert found == [pages[0].id, pages[2].id]
    assert (marked, await releasing(world)) == (1, [pages[2].id])
