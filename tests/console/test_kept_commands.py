"""What became no message comes back: read again, or given to the account that it was for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from databases import change, look
from gateway import Doors
from jackfield.accounts import Account, Provider, Standing
from jackfield.clock import now
from jackfield.console import unknown, unread
from jackfield.console.kept_orders import (
    AssignUnknown,
    ListUnknown,
    ListUnread,
    ReparseUnread,
    ShowUnread,
    UnreadReparsed,
)
from jackfield.inbound import Kept, KeptBody, digest
from jackfield.problems import Conflict, NotFound
from jackfield.storage import kept, kept_pieces
from jackfield.storage.tables import deliveries, inbound_bodies, messages, provider_message_ids
from world import World, said

PAGE = "200000000000002"


def item(mid: str, text: str) -> dict[str, Any]:
    return {
        "sender": {"id": "700000000000007"},
        "recipient": {"id": PAGE},
        "timestamp": 1767323045678,
        "message": {"mid": mid, "text": text},
    }


def webhook(*items: dict[str, Any]) -> bytes:
    entry = {"id": PAGE, "time": 1767323045678, "messaging": list(items)}
    return msgspec.json.encode({"object": "page", "entry": [entry]})


async def keep(both: Doors, body: bytes, *, reason: str = "a bug of ours") -> None:
    """Keep a body as an earlier version that could not read it would have."""
    world_app = 1
    piece = KeptBody(Kept.UNREAD, None, None, reason, body)
    await both.gateway.store.commit(kept.keep([piece], provider_app_id=world_app, now=now()))


async def world_of(both: Doors) -> World:
    world = await World(both.gateway.store, both.gateway.keys).open()
    await world.tenant()
    return world


async def heard_page(world: World) -> Account:
    return await world.page(PAGE, application=await world.application("https://desk.example/in"))


async def reparse(both: Doors) -> UnreadReparsed:
    return await unread.reparse_unread(both.gateway, ReparseUnread())


async def test_what_can_be_read_now_becomes_a_message_and_is_kept_no_more(both: Doors) -> None:
    await heard_page(await world_of(both))
    await keep(both, webhook(item("m_1", "one"), item("m_2", "two")))

    done = await reparse(both)
    again = await reparse(both)

    assert (done.pieces, done.delivered, done.still_unread, done.next) == (1, 2, 0, None)
    assert again.pieces == 0
    assert await both.count(inbound_bodies) == 0
    assert await both.count(deliveries, state="pending") == 2
    assert await both.count(provider_message_ids) == 2


async def test_what_still_cannot_be_read_stays_with_the_new_reason(both: Doors) -> None:
    await world_of(both)
    await keep(both, b"no JSON")

    done = await reparse(both)
    listed = await unread.list_unread(both.gateway, ListUnread())

    assert (done.pieces, done.still_unread) == (1, 1)
    assert listed.pieces[0].reason != "a bug of ours"
    assert await both.count(inbound_bodies, body=b"no JSON") == 1


async def test_of_a_batch_what_is_readable_is_accepted_and_the_rest_kept_by_itself(
    both: Doors,
) -> None:
    await heard_page(await world_of(both))
    broken = item("m_2", "two") | {"sender": {}}
    await keep(both, webhook(item("m_1", "one"), broken))

    done = await reparse(both)
    listed = await unread.list_unread(both.gateway, ListUnread())
    again = await reparse(both)

    assert (done.delivered, done.still_unread) == (1, 1)
    assert [each.reason for each in listed.pieces] == ["no sender id"]
    assert (again.delivered, again.still_unread) == (0, 1)
    assert await both.count(messages) == 1
    assert await both.count(inbound_bodies) == 1


async def test_what_says_nothing_for_anybody_is_ignored_and_kept_no_more(both: Doors) -> None:
    await heard_page(await world_of(both))
    receipt = {"sender": {"id": "7"}, "timestamp": 1, "read": {"watermark": 1}}
    await keep(both, webhook(receipt))

    done = await reparse(both)

    assert (done.pieces, done.ignored, done.delivered) == (1, 1, 0)
    assert await both.count(inbound_bodies) == 0


async def test_what_arrived_meanwhile_is_not_told_twice(both: Doors) -> None:
    page = await heard_page(world := await world_of(both))
    await world.hear(said("one", to=page, key="m_1"))
    await keep(both, webhook(item("m_1", "one")))

    done = await reparse(both)

    assert (done.repeated, done.delivered) == (1, 0)
    assert await both.count(messages) == 1


async def test_of_two_who_read_a_piece_again_at_once_one_accepts_it(both: Doors) -> None:
    await heard_page(await world_of(both))
    await keep(both, webhook(item("m_1", "one")))

    both_done = await asyncio.gather(reparse(both), reparse(both))

    assert sorted(each.delivered for each in both_done) == [0, 1]
    assert sum(each.repeated for each in both_done) == 0
    assert await both.count(messages) == 1


async def test_what_is_for_nobody_here_is_kept_as_unknown(both: Doors) -> None:
    await world_of(both)
    await keep(both, webhook(item("m_1", "one")))

    done = await reparse(both)

    assert (done.unknown, done.still_unread) == (1, 0)
    assert await both.count(inbound_bodies, kind="unread") == 0
    assert await both.count(inbound_bodies, kind="unknown") == 1


async def test_one_piece_is_shown_whole_and_read_again_alone(both: Doors) -> None:
    await heard_page(await world_of(both))
    await keep(both, webhook(item("m_1", "one")))
    await keep(both, webhook(item("m_2", "two")) + b"\xff")
    first, second = (await unread.list_unread(both.gateway, ListUnread())).pieces

    shown = await unread.show_unread(both.gateway, ShowUnread(id=second.id))
    done = await unread.reparse_unread(both.gateway, ReparseUnread(id=first.id))

    assert shown.body.endswith("\N{REPLACEMENT CHARACTER}")
    assert shown.provider_app == "meta/shared"
    assert shown.bytes == len(webhook(item("m_2", "two"))) + 1
    assert (done.pieces, done.delivered) == (1, 1)
    assert await both.count(inbound_bodies) == 1
    with pytest.raises(NotFound, match="`jackfield unread list`"):
        await unread.reparse_unread(both.gateway, ReparseUnread(id=first.id))


async def test_what_differs_is_listed_and_not_read_again(both: Doors) -> None:
    page = await heard_page(world := await world_of(both))
    await world.hear(said("hello", to=page, key="m_1"))
    await world.hear(said("good bye", to=page, key="m_1"))
    await keep(both, b"no JSON")

    listed = await unread.list_unread(both.gateway, ListUnread())
    only = await unread.list_unread(both.gateway, ListUnread(kind="differs"))
    done = await reparse(both)

    assert [each.kind for each in listed.pieces] == ["differs", "unread"]
    assert (len(only.pieces), done.pieces) == (1, 1)
    with pytest.raises(Conflict, match="was read"):
        await unread.reparse_unread(both.gateway, ReparseUnread(id=only.pieces[0].id))


async def test_a_long_reading_walks_every_page(both: Doors) -> None:
    await heard_page(await world_of(both))
    many = 120
    for n in range(many):
        await keep(both, webhook(item(f"m_{n}", str(n))))

    delivered, after = 0, ""
    while True:
        done = await unread.reparse_unread(both.gateway, ReparseUnread(after=after))
        delivered += done.delivered
        if done.next is None:
            break
        after = done.next

    assert delivered == many
    assert await both.count(inbound_bodies) == 0


async def unknown_to(world: World, *texts: str, routing_key: str = PAGE) -> None:
    """Let messages arrive for a Page that nobody registered."""
    somebody = await world.page("1")
    for text in texts:
        await world.hear(said(text, to=replace(somebody, routing_key=routing_key)))


async def test_unknown_accounts_are_listed_with_how_much_was_written(both: Doors) -> None:
    world = await world_of(both)
    await unknown_to(world, "one", "two")
    somebody = replace(await world.page("2"), routing_key="300")
    await world.hear(said("three", to=somebody))

    first = await unknown.list_unknown(both.gateway, ListUnknown(limit=1))
    rest = await unknown.list_unknown(both.gateway, ListUnknown(after=first.next or ""))

    assert [(each.routing_key, each.messages) for each in first.accounts] == [(PAGE, 2)]
    assert [(each.routing_key, each.messages) for each in rest.accounts] == [("300", 1)]
    assert first.accounts[0].first_at <= first.accounts[0].last_at
    assert rest.next is None
    assert b"three" not in msgspec.json.encode([first, rest])


async def test_what_an_account_was_written_goes_to_it_once_the_operator_says_so(
    both: Doors, database_url: str
) -> None:
    world = await world_of(both)
    await unknown_to(world, "one", "two", "three")
    await heard_page(world)
    order = AssignUnknown(provider=Provider.MESSENGER, routing_key=PAGE)
    before = await both.count(messages)

    counted = await unknown.assign_unknown(
        both.gateway, msgspec.structs.replace(order, dry_run=True)
    )
    unchanged = await both.count(messages)
    done = await unknown.assign_unknown(both.gateway, order)
    again = await unknown.assign_unknown(both.gateway, order)

    assert (before, unchanged) == (0, 0)
    assert (counted.delivered, counted.external_id, counted.api_key) == (3, PAGE, "acme0001")
    assert (done.delivered, done.left, done.next) == (3, 0, None)
    assert again.delivered == 0
    assert await both.count(inbound_bodies) == 0
    bodies = await look(database_url, "SELECT body FROM deliveries ORDER BY number")
    assert [msgspec.json.decode(body)["text"] for (body,) in bodies] == ["one", "two", "three"]


async def test_what_a_claimed_account_was_written_is_held(both: Doors) -> None:
    world = await world_of(both)
    await unknown_to(world, "one")
    await world.page(PAGE, standing=Standing.CLAIMED)

    done = await unknown.assign_unknown(
        both.gateway, AssignUnknown(provider=Provider.MESSENGER, routing_key=PAGE)
    )

    assert (done.held, done.standing) == (1, "claimed")
    assert await both.count(deliveries, held_because="claimed") == 1


async def test_an_account_must_be_here_and_be_served_by_the_app_it_came_by(both: Doors) -> None:
    world = await world_of(both)
    await unknown_to(world, "one")
    order = AssignUnknown(provider=Provider.MESSENGER, routing_key=PAGE)

    with pytest.raises(NotFound, match="registers it first"):
        await unknown.assign_unknown(both.gateway, order)
    await heard_page(world)
    provider_apps = both.gateway.provider_apps
    await both.gateway.store.commit(provider_apps.revoke_all(world.provider_app_id))
    done = await unknown.assign_unknown(both.gateway, order)

    assert (done.delivered, done.left) == (0, 1)
    assert await both.count(inbound_bodies, kind="unknown") == 1
    assert await both.count(messages) == 0


async def test_a_number_that_is_shown_as_another_gets_nothing(both: Doors) -> None:
    world = await world_of(both)
    somebody = await world.page("447700900111", provider=Provider.WHATSAPP)
    shown = said("for another number", to=replace(somebody, routing_key="106"))
    await world.hear(msgspec.structs.replace(shown, shown_as="447700900999"))
    await world.hear(said("for this one", to=replace(somebody, routing_key="106")))
    await world.page("106", provider=Provider.WHATSAPP)

    done = await unknown.assign_unknown(
        both.gateway, AssignUnknown(provider=Provider.WHATSAPP, routing_key="106")
    )

    assert (done.delivered + done.held, done.left) == (1, 1)
    assert await both.count(inbound_bodies, kind="unknown") == 1


async def test_a_piece_of_an_older_form_is_left_as_it_is(both: Doors, database_url: str) -> None:
    world = await world_of(both)
    await unknown_to(world, "one")
    await heard_page(world)
    raw = "{}" if database_url.startswith("sqlite") else "\\x7b7d"
    await change(database_url, f"UPDATE inbound_bodies SET body = '{raw}'")  # noqa: S608 -- our own words

    done = await unknown.assign_unknown(
        both.gateway, AssignUnknown(provider=Provider.MESSENGER, routing_key=PAGE)
    )

    assert (done.delivered, done.left) == (0, 1)
    assert await both.count(inbound_bodies) == 1


async def test_more_than_one_look_walks_over_is_found_too(both: Doors, database_url: str) -> None:
    world = await world_of(both)
    piece = KeptBody(Kept.UNKNOWN, "messenger", "999", "nobody", b"")
    pieces = [replace(piece, body=f"{n}".encode()) for n in range(kept_pieces.RANGE + 5)]
    assert len({digest(each) for each in pieces}) == len(pieces)
    keeping = kept.keep(pieces, provider_app_id=world.provider_app_id, now=now())
    await both.gateway.store.commit(keeping)
    await unknown_to(world, "behind all of them")
    await heard_page(world)

    listed = await unknown.list_unknown(both.gateway, ListUnknown())
    done = await unknown.assign_unknown(
        both.gateway, AssignUnknown(provider=Provider.MESSENGER, routing_key=PAGE)
    )

    assert [each.messages for each in listed.accounts] == [1, kept_pieces.RANGE + 5]
    assert done.delivered == 1
