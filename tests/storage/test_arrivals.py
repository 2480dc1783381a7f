"""What a verified webhook leaves in the tables, on both engines."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import msgspec

from databases import change, look
from jackfield.accounts import Account, Provider, Standing
from jackfield.clock import Moment
from jackfield.deliveries import conversation, shard
from jackfield.inbound import Accepted, accept
from jackfield.messages import Reading, Unread, decode_event
from jackfield.provider_apps import SecretRole
from jackfield.storage import accounts, arrivals, provider_apps
from world import World, said

NOW = Moment(1_700_000_000_000)
OTHERS = "zenith01"
URL = "https://desk.example/in"


def accepted(**numbers: int) -> Accepted:
    nothing = Accepted(delivered=0, held=0, repeated=0, unknown=0, unread=0)
    return replace(nothing, **numbers)  # type: ignore[arg-type] # only of numbers


async def count(database_url: str, table: str) -> int:
    ((rows,),) = await look(database_url, f"SELECT count(*) FROM {table}")  # noqa: S608 -- our own names
    return int(rows)


async def kept(database_url: str) -> list[tuple[Any, ...]]:
    return await look(
        database_url, "SELECT kind, provider, routing_key, body FROM inbound_bodies ORDER BY id"
    )


async def heard_page(world: World, **options: Any) -> Account:  # noqa: ANN401 -- passed on
    """Register a Page whose messages are delivered."""
    await world.tenant()
    return await world.page(application=await world.application(URL), **options)


async def test_a_message_becomes_one_message_one_delivery_and_one_thing_to_do(
    world: World, database_url: str
) -> None:
    page = await heard_page(world)
    event = said("hello", to=page, by="42")

    result = await world.hear(event, at=NOW)

    assert result == accepted(delivered=1)
    assert await look(database_url, "SELECT lane FROM pending") == [(n,) for n in result.lanes]
    (message,) = await look(
        database_url,
        "SELECT id, direction, api_key, account_id, address, received_at FROM messages",
    )
    (delivery,) = await look(
        database_url,
        "SELECT message_id, state, application_id, accepted_at, bound_at, person FROM deliveries",
    )
    ((delivery_id, body),) = await look(database_url, "SELECT id, body FROM deliveries")
    message_id = message[0]
    told = msgspec.json.decode(bytes(body))
    assert message[1:] == ("inbound", "acme0001", page.id, "42", NOW)
    assert delivery == (message_id, "pending", page.application_id, NOW, NOW, "42")
    assert (told["message_uuid"], told["text"], told["from"]) == (message_id, "hello", "42")
    assert await look(
        database_url,
        "SELECT kind, subject, shard, conversation, due_at, since, tries FROM pending",
    ) == [
        (
            "deliver",
            delivery_id,
            shard(page.id, "42"),
            conversation(page.id, "42", page.application_id),
            NOW,
            NOW,
            0,
        ),
    ]


async def test_what_a_provider_sends_again_is_counted_and_told_nobody(
    world: World, database_url: str
) -> None:
    page = await heard_page(world)
    event = said("hello", to=page)

    results = [await world.hear(event), await world.hear(event), await world.hear(event)]

    assert results == [accepted(delivered=1), accepted(repeated=1), accepted(repeated=1)]
    assert await look(database_url, "SELECT repeats FROM provider_message_ids") == [(2,)]
    assert [await count(database_url, t) for t in ("messages", "deliveries", "pending")] == [1] * 3
    assert await kept(database_url) == []


async def test_what_comes_twice_in_one_webhook_is_told_once(
    world: World, database_url: str
) -> None:
    page = await heard_page(world)
    event = said("hello", to=page)

    result = await world.hear(event, said("and", to=page), event)

    assert result == accepted(delivered=2, repeated=1)
    assert await count(database_url, "messages") == 2


async def test_one_webhook_that_comes_eight_times_at_once_is_told_once(
    world: World, database_url: str
) -> None:
    page = await heard_page(world)
    events = [said(str(n), to=page) for n in range(5)]

    results = await asyncio.gather(*[world.hear(*events) for _ in range(8)])

    assert Counter(results) == {accepted(delivered=5): 1, accepted(repeated=5): 7}
    assert await count(database_url, "pending") == 5
    assert await look(database_url, "SELECT DISTINCT repeats FROM provider_message_ids") == [(7,)]


async def test_the_same_key_with_another_content_is_kept_for_the_operator_once(
    world: World, database_url: str
) -> None:
    page = await heard_page(world)
    await world.hear(said("hello", to=page, key="m_same"))
    other = said("good bye", to=page, key="m_same")

    results = [await world.hear(other), await world.hear(other)]

    assert results == [accepted(repeated=1), accepted(repeated=1)]
    assert await count(database_url, "messages") == 1
    assert await kept(database_url) == [("differs", "messenger", page.routing_key, b"{}")]


async def test_the_same_key_at_another_account_is_another_event(world: World) -> None:
    page = await heard_page(world)
    other = await world.page("300000000000003", standing=Standing.VOUCHED)

    result = await world.hear(
        said("hello", to=page, key="m_same"), said("hello", to=other, key="m_same")
    )

    assert result == accepted(delivered=1, held=1)


async def test_what_is_for_nobody_known_here_is_kept_and_harms_no_neighbour(
    world: World, database_url: str
) -> None:
    page = await heard_page(world)
    event = said("b", to=replace(page, routing_key="999"))

    result = await world.hear(said("a", to=page), event, said("c", to=page))
    again = await world.hear(event)
    ((*named, body),) = await kept(database_url)

    assert (result, again) == (accepted(delivered=2, unknown=1), accepted(unknown=1))
    assert named == ["unknown", "messenger", "999"]
    assert decode_event(body) == event
    assert await count(database_url, "provider_message_ids") == 2


async def test_what_could_not_be_read_is_kept_once(world: World, database_url: str) -> None:
    page = await heard_page(world)
    piece = Unread(reason="no sender", body=b'{"odd":1}')
    reading = Reading(events=[said("a", to=page)], unread=[piece])

    async def hear() -> Accepted:
        return await world.store.commit(
            accept(reading, provider_app_id=world.provider_app_id, now=NOW, arrivals=arrivals),
        )

    results = [await hear(), await hear()]

    assert results == [accepted(delivered=1, unread=1), accepted(repeated=1, unread=1)]
    assert await kept(database_url) == [("unread", None, None, b'{"odd":1}')]


async def test_a_provider_app_serves_only_tenants_it_was_granted_to(
    world: World, database_url: str
) -> None:
    page = await heard_page(world)
    await world.tenant(OTHERS)
    theirs = await world.page("300000000000003", api_key=OTHERS)
    await world.store.commit(
        provider_apps.add("meta", "apart", sealed={SecretRole.APP_SECRET: b""}, now=NOW),
    )
    apart = await world.store.read(provider_apps.find("meta", "apart"))
    assert apart is not None
    await world.store.commit(provider_apps.grant(apart.id, OTHERS))
    world.provider_app_id = apart.id

    result = await world.hear(said("to us", to=page), said("to them", to=theirs))

    assert result == accepted(held=1, unknown=1)
    assert await look(database_url, "SELECT api_key FROM messages") == [(OTHERS,)]
    assert [row[2] for row in await kept(database_url)] == [page.routing_key]


async def test_an_account_of_one_provider_app_is_not_served_by_another(
    world: World, database_url: str
) -> None:
    page = await heard_page(world)
    await world.store.commit(
        provider_apps.add("meta", "apart", sealed={SecretRole.APP_SECRET: b""}, now=NOW),
    )
    await change(
        database_url, "UPDATE accounts SET provider_app_id = (SELECT max(id) FROM provider_apps)"
    )

    result = await world.hear(said("hello", to=page))

    assert result == accepted(unknown=1)


async def test_messages_of_two_tenants_in_one_webhook_stay_apart(
    world: World, database_url: str
) -> None:
    ours = await heard_page(world)
    await world.tenant(OTHERS)
    desk = await world.application("https://zenith.example/in", api_key=OTHERS)
    theirs = await world.page("300000000000003", api_key=OTHERS, application=desk)

    await world.hear(*[said(str(n), to=(ours, theirs)[n % 2]) for n in range(10)])

    assert await look(
        database_url,
        "SELECT api_key, application_id, count(*) FROM deliveries GROUP BY 1, 2 ORDER BY 1",
    ) == [("acme0001", ours.application_id, 5), (OTHERS, desk.id, 5)]


async def test_a_claimed_account_is_not_heard_but_its_messages_are_held(
    world: World, database_url: str
) -> None:
    page = await heard_page(world, standing=Standing.CLAIMED)

    result = await world.hear(said("hello", to=page))

    assert result == accepted(held=1)
    assert await held(database_url) == [("claimed", None, None)]
    assert await count(database_url, "pending") == 0


async def test_an_unlinked_account_s_messages_are_held(world: World, database_url: str) -> None:
    await world.tenant()
    page = await world.page()

    result = await world.hear(said("hello", to=page))

    assert result == accepted(held=1)
    assert await held(database_url) == [("unlinked", None, None)]


async def test_an_unlinked_account_is_heard_at_its_tenant_s_own_url(
    world: World, database_url: str
) -> None:
    await world.tenant(inbound_url="https://acme.example/in")
    page = await world.page()

    result = await world.hear(said("hello", to=page))

    assert result == accepted(delivered=1)
    assert await look(database_url, "SELECT state, application_id FROM deliveries") == [
        ("pending", None),
    ]


async def test_a_disabled_tenant_s_messages_are_held(world: World, database_url: str) -> None:
    page = await heard_page(world)
    await change(database_url, "UPDATE tenants SET disabled_at = 1")

    result = await world.hear(said("hello", to=page))

    assert result == accepted(held=1)
    assert await held(database_url) == [("disabled", None, None)]


async def test_while_older_messages_are_on_their_way_out_new_ones_wait_behind(
    world: World, database_url: str
) -> None:
    await world.tenant()
    page = await world.page()
    await world.link(page, await world.application(URL))

    result = await world.hear(said("hello", to=page))

    assert result == accepted(held=1)
    assert await held(database_url) == [("releasing", None, None)]


async def test_numbers_follow_the_position_in_the_webhook(world: World, database_url: str) -> None:
    page = await heard_page(world)
    other = await world.page("300000000000003", application=await world.application(URL))
    texts = [str(n) for n in range(60)]

    await world.hear(
        *[said(text, to=(page, other)[n % 2], by=str(n % 3)) for n, text in enumerate(texts)]
    )

    bodies = await look(
        database_url,
        "SELECT d.body FROM pending p JOIN deliveries d ON d.id = p.subject ORDER BY p.number",
    )
    assert [msgspec.json.decode(bytes(body))["text"] for (body,) in bodies] == texts


async def test_webhooks_in_one_batch_keep_the_order_in_which_they_were_taken(
    world: World, database_url: str
) -> None:
    page = await heard_page(world)

    await asyncio.gather(*[world.hear(said(str(n), to=page)) for n in range(50)])

    bodies = await look(
        database_url,
        "SELECT d.body FROM pending p JOIN deliveries d ON d.id = p.subject ORDER BY p.number",
    )
    assert [msgspec.json.decode(bytes(body))["text"] for (body,) in bodies] == [
        str(n) for n in range(50)
    ]


async def test_a_person_who_comes_under_another_id_stays_in_one_conversation(
    world: World, database_url: str
) -> None:
    await world.tenant()
    number = await world.page(
        "447700900999",
        provider=Provider.WHATSAPP,
        application=await world.application(URL),
    )

    await world.hear(said("by number", to=number, by="447700900001"))
    await world.hear(said("by both", to=number, by=["447700900001", "US.1"]))
    await world.hear(said("by id", to=number, by="US.1"))
    await world.hear(said("somebody else", to=number, by="447700900002"))

    assert await look(
        database_url,
        "SELECT person, address FROM deliveries d JOIN messages m "
        "ON m.id = d.message_id ORDER BY d.number",
    ) == [
        ("447700900001", "447700900001"),
        ("447700900001", "447700900001"),
        ("447700900001", "US.1"),
        ("447700900002", "447700900002"),
    ]
    assert len(await look(database_url, "SELECT DISTINCT conversation FROM pending")) == 2
    assert await look(database_url, "SELECT address, person FROM contacts ORDER BY 1") == [
        ("447700900001", "447700900001"),
        ("447700900002", "447700900002"),
        ("US.1", "447700900001"),
    ]


async def test_a_person_who_comes_under_two_ids_in_one_webhook_stays_in_one_conversation(
    world: World, database_url: str
) -> None:
    await world.tenant()
    number = await world.page(
        "447700900999",
        provider=Provider.WHATSAPP,
        application=await world.application(URL),
    )

    await world.hear(
        said("by both", to=number, by=["US.1", "447700900001"]),
        said("by number", to=number, by="447700900001"),
        said("by id", to=number, by="US.1"),
    )

    assert await look(database_url, "SELECT DISTINCT person FROM deliveries") == [("US.1",)]


async def test_two_first_webhooks_at_once_agree_on_who_a_person_is(
    world: World, database_url: str
) -> None:
    await world.tenant()
    desk = await world.application(URL)
    number, other = [
        await world.page(name, provider=Provider.WHATSAPP, application=desk)
        for name in ("447700900998", "447700900999")
    ]

    await asyncio.gather(
        world.hear(said("by number", to=number, by="447700900001")),
        world.hear(
            said("by both", to=number, by=["US.1", "447700900001"]),
            said("elsewhere", to=other, by="US.1"),
        ),
    )
    await world.hear(said("by id", to=number, by="US.1"))

    here = f"SELECT DISTINCT person FROM deliveries WHERE account_id = {number.id}"  # noqa: S608 -- our own
    assert await look(database_url, here) == [("447700900001",)]
    there = f"SELECT DISTINCT person FROM deliveries WHERE account_id = {other.id}"  # noqa: S608 -- our own
    assert await look(database_url, there) == [("US.1",)]


async def test_webhooks_at_once_agree_although_one_of_them_repeats_something(
    world: World, database_url: str
) -> None:
    """One that repeats is a statement behind its neighbours, and looks while they are busy."""
    await world.tenant()
    number = await world.page(
        "447700900999",
        provider=Provider.WHATSAPP,
        application=await world.application(URL),
    )
    both = ["447700900001", "US.1"]
    known = said("known", to=number, by="447700900002")
    await world.hear(known)

    await asyncio.gather(
        world.hear(said("by id", to=number, by="US.1")),
        world.hear(said("by both", to=number, by=both)),
        world.hear(known, said("by both again", to=number, by=both)),
    )

    theirs = "SELECT DISTINCT person FROM deliveries WHERE person != '447700900002'"
    assert await look(database_url, theirs) == [("US.1",)]


async def test_one_id_at_two_accounts_is_two_people(world: World, database_url: str) -> None:
    await world.tenant()
    desk = await world.application(URL)
    numbers = [
        await world.page(name, provider=Provider.WHATSAPP, application=desk)
        for name in ("447700900998", "447700900999")
    ]

    await world.hear(*[said("hello", to=number, by="447700900001") for number in numbers])

    assert len(await look(database_url, "SELECT DISTINCT conversation FROM pending")) == 2


async def test_an_account_that_was_vouched_for_is_heard_once_nothing_older_waits(
    world: World, database_url: str
) -> None:
    page = await heard_page(world, standing=Standing.CLAIMED)
    await world.store.commit(accounts.vouch(page.id))

    result = await world.hear(said("hello", to=page))

    assert result == accepted(held=1)
    assert await held(database_url) == [("releasing", None, None)]


async def held(database_url: str) -> list[tuple[Any, ...]]:
    return await look(
        database_url,
        "SELECT held_because, application_id, body FROM deliveries WHERE state = 'held'",
    )


async def test_a_number_is_heard_by_the_account_that_is_shown_as_it_only(
    world: World, database_url: str
) -> None:
    await world.tenant()
    number = await world.page(
        "447700900999", provider=Provider.WHATSAPP, application=await world.application(URL)
    )
    theirs = msgspec.structs.replace(said("theirs", to=number), shown_as="447700900222")
    its_own = msgspec.structs.replace(said("its own", to=number), shown_as="447700900999")

    result = await world.hear(theirs, its_own)

    assert result == accepted(delivered=1, unknown=1)
    assert await count(database_url, "deliveries") == 1
