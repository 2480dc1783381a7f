"""Applications in the tables: paged, changed and removed, with what hangs on them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from databases import change as change_past_the_store
from databases import look
from due import due as due_in
from jackfield.accounts import Account
from jackfield.applications import Application, Description, WebhookVersion, change, remove
from jackfield.clock import Moment
from jackfield.deliveries import Attempt, Outcome, Pending
from jackfield.delivery.release import release_slice
from jackfield.problems import NotFound
from jackfield.storage import applications, deliveries, held, totals
from jackfield.units import alone
from world import World, said

NOW = Moment(4_000_000_000_000)
URL = "https://desk.example/in"


def describe(application: Application, **changes: Any) -> Description:  # noqa: ANN401 - any member
    """Return what would replace an application with itself, but for `changes`."""
    same = replace(application, **changes)
    return Description(
        same.name,
        same.public_key,
        same.webhook_version,
        same.inbound_url,
        same.status_url,
        same.document,
    )


async def put(world: World, application: Application, **changes: Any) -> Application:  # noqa: ANN401 - any member
    work = change(
        application.id,
        describe(application, **changes),
        api_key=application.api_key,
        applications=applications,
    )
    return await world.store.commit(work)


async def delete(world: World, application: Application) -> None:
    work = remove(application.id, api_key=application.api_key, applications=applications)
    await world.store.commit(work)


async def mute(world: World, application: Application) -> None:
    """Take its messages capability away."""
    await put(world, application, webhook_version=None, inbound_url=None)


async def release(world: World, account: Account) -> int:
    return await world.store.commit(alone(release_slice(account.id, now=NOW, held=held)))


async def due(world: World) -> list[Pending]:
    return await due_in(world.store, NOW)


async def releasing(world: World) -> list[int]:
    return await world.store.read(held.releasing())


async def owed(database_url: str) -> list[tuple[str, str | None]]:
    """Return what is to be done, in its order: what was said, and the application it is for."""
    rows = await look(
        database_url,
        "SELECT d.body, d.application_id FROM pending p JOIN deliveries d ON d.id = p.subject "
        "ORDER BY p.number",
    )
    return [(msgspec.json.decode(bytes(body))["text"], bound) for body, bound in rows]


async def links(database_url: str) -> list[tuple[Any, ...]]:
    return await look(
        database_url, "SELECT application_id, link_version, version FROM accounts ORDER BY id"
    )


Part = Callable[[World, Application], Awaitable[None]]
PARTINGS = pytest.mark.parametrize("part", [delete, mute])


@PARTINGS
async def test_what_an_application_no_longer_hears_is_held_and_its_links_go(
    world: World, database_url: str, part: Part
) -> None:
    await world.tenant()
    gone, stays = await world.application(URL), await world.application(URL)
    page, other = await world.page("1", application=gone), await world.page("2", application=stays)
    await world.hear(said("one", to=page), said("kept", to=other), said("two", to=page))

    await part(world, gone)

    assert await links(database_url) == [(None, 2, 2), (stays.id, 1, 1)]
    assert await owed(database_url) == [("kept", stays.id)]
    assert await look(
        database_url,
        "SELECT DISTINCT held_because, application_id, link_version, body, bound_at "
        "FROM deliveries WHERE state = 'held'",
    ) == [("unlinked", None, None, None, None)]
    assert await look(
        database_url, "SELECT state, count(*) FROM deliveries GROUP BY state ORDER BY state"
    ) == [("held", 2), ("pending", 1)]
    assert await releasing(world) == []


@PARTINGS
async def test_what_was_held_again_goes_out_before_what_came_later(
    world: World, database_url: str, part: Part
) -> None:
    await world.tenant()
    gone, heir = await world.application(URL), await world.application(URL)
    page = await world.page(application=gone)
    await world.hear(said("one", to=page), said("two", to=page))
    await part(world, gone)
    await world.hear(said("three", to=page))

    await world.link(page, heir)
    await world.hear(said("four", to=page))
    released = await release(world, page)
    await world.hear(said("five", to=page))

    assert released == 4
    words = ["one", "two", "three", "four", "five"]
    assert await owed(database_url) == [(word, heir.id) for word in words]


async def test_messages_go_to_the_tenants_own_url_once_the_application_is_gone(
    world: World, database_url: str
) -> None:
    await world.tenant(inbound_url="https://own.example/in")
    gone = await world.application(URL)
    page = await world.page(application=gone)
    await world.hear(said("one", to=page))

    await delete(world, gone)
    marked = await releasing(world)
    await world.hear(said("two", to=page))
    await release(world, page)

    assert marked == [page.id]
    assert await owed(database_url) == [("one", None), ("two", None)]


async def test_what_a_swapped_account_still_owed_goes_to_the_application_it_has_now(
    world: World, database_url: str
) -> None:
    await world.tenant()
    before, after = await world.application(URL), await world.application(URL)
    page = await world.page(application=before)
    await world.hear(said("one", to=page))
    await change_past_the_store(
        database_url,
        f"UPDATE accounts SET application_id = '{after.id}', link_version = 2, version = 2",  # noqa: S608 - an invented id
    )

    await delete(world, before)
    marked = await releasing(world)
    await release(world, page)

    assert marked == [page.id]
    assert await links(database_url) == [(after.id, 2, 2)]
    assert await owed(database_url) == [("one", after.id)]


@PARTINGS
@pytest.mark.parametrize("outcome", [Outcome.DELIVERED, Outcome.FAILED])
async def test_an_attempt_in_flight_while_its_application_goes_loses_and_doubles_nothing(
    world: World, database_url: str, part: Part, outcome: Outcome
) -> None:
    await world.tenant()
    gone, heir = await world.application(URL), await world.application(URL)
    page = await world.page(application=gone)
    await world.hear(said("one", to=page), said("two", to=page))
    flying = (await due(world))[0]
    await part(world, gone)

    attempt = Attempt(1, NOW, 5, outcome)
    if outcome.is_final:
        await world.store.commit(deliveries.succeed(flying, attempt, now=NOW))
        await world.store.commit(deliveries.succeed(flying, attempt, now=NOW))
    else:
        await world.store.commit(
            deliveries.postpone(flying, attempt, due_at=NOW, failing_since=None)
        )
        await world.store.commit(deliveries.give_up(flying, attempt, now=NOW))

    left = ["two"] if outcome.is_final else ["one", "two"]
    assert await look(database_url, "SELECT count(*) FROM attempts") == [(2 - len(left),)]
    assert await look(database_url, "SELECT count(*) FROM deliveries WHERE state = 'held'") == [
        (len(left),)
    ]
    await world.link(page, heir)
    assert await release(world, page) == len(left)
    # Told once more, after the rest was released: what is on its way now is another thing to do.
    await world.store.commit(deliveries.succeed(flying, attempt, now=NOW))
    assert await owed(database_url) == [(word, heir.id) for word in left]


async def test_what_was_delivered_or_given_up_stays_as_it_was(
    world: World, database_url: str
) -> None:
    await world.tenant()
    gone = await world.application(URL)
    page = await world.page(application=gone)
    await world.hear(said("one", to=page, by="7"), said("two", to=page, by="8"))
    first, second = await due(world)
    attempt = Attempt(1, NOW, 5, Outcome.DELIVERED)
    await world.store.commit(deliveries.succeed(first, attempt, now=NOW))
    await world.store.commit(deliveries.give_up(second, attempt, now=NOW))

    await delete(world, gone)

    assert await look(
        database_url, "SELECT state, application_id FROM deliveries ORDER BY number"
    ) == [("delivered", gone.id), ("dead", gone.id)]


async def test_a_deleted_application_is_gone_and_no_longer_counted(
    world: World, database_url: str
) -> None:
    await world.tenant()
    gone, stays = await world.application(URL), await world.application(URL)

    await delete(world, gone)

    with pytest.raises(NotFound):
        await delete(world, gone)
    assert await look(database_url, "SELECT id FROM applications") == [(stays.id,)]
    assert await world.store.read(totals.total("applications", "acme0001")) == 1


async def test_another_tenants_application_is_neither_changed_nor_deleted(
    world: World, database_url: str
) -> None:
    await world.tenant()
    await world.tenant("umbr0002")
    mine = await world.application(URL)
    page = await world.page(application=mine)
    await world.hear(said("one", to=page))
    stranger = replace(mine, api_key="umbr0002")

    with pytest.raises(NotFound):
        await delete(world, stranger)
    with pytest.raises(NotFound):
        await mute(world, stranger)

    assert await links(database_url) == [(mine.id, 1, 1)]
    assert await owed(database_url) == [("one", mine.id)]
    assert await world.store.read(applications.find(mine.id)) == mine


async def test_a_version_is_raised_by_a_change_only(world: World) -> None:
    await world.tenant()
    made = await world.application(URL)

    same = await put(world, made)
    changed = await put(world, made, name="Shop", webhook_version=WebhookVersion.V0_1)

    assert same == made
    assert changed == replace(
        made, name="Shop", webhook_version=WebhookVersion.V0_1, version=made.version + 1
    )
    assert await world.store.read(applications.find(made.id)) == changed


async def test_a_first_url_releases_what_was_held_for_linked_accounts(
    world: World, database_url: str
) -> None:
    await world.tenant()
    silent = await world.application(None)
    page, quiet = await world.page("1", application=silent), await world.page("2")
    await world.link(quiet, silent)
    await release(world, quiet)
    await world.hear(said("one", to=page))

    await put(world, silent, inbound_url=URL)
    marked = await releasing(world)
    await release(world, page)

    assert marked == [page.id]
    assert await owed(database_url) == [("one", silent.id)]


async def test_another_url_is_where_pending_messages_go(world: World, database_url: str) -> None:
    await world.tenant()
    application = await world.application(URL)
    page = await world.page(application=application)
    await world.hear(said("one", to=page))

    await put(world, application, inbound_url="https://new.example/in")

    outgoing = await world.store.read(deliveries.outgoing((await due(world))[0]))
    assert outgoing is not None
    assert outgoing.url == "https://new.example/in"
    assert await owed(database_url) == [("one", application.id)]
    assert await releasing(world) == []


async def test_a_page_holds_one_tenants_applications_in_the_order_they_were_made(
    world: World,
) -> None:
    await world.tenant()
    await world.tenant("umbr0002")
    made = [await world.application(URL) for _ in range(5)]
    await world.application(URL, api_key="umbr0002")

    page = await world.store.read(applications.page("acme0001", offset=1, limit=3))
    past = await world.store.read(applications.page("acme0001", offset=5, limit=3))

    assert (page.applications, page.total) == (made[1:4], 5)
    assert (past.applications, past.total) == ([], 5)
