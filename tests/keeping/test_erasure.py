"""Of a person who is erased nothing stays and nothing comes back, and nobody else is touched."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from business import erase
from databases import change, look, open_store
from dispatching import dispatching, until_nothing_is_left
from due import due
from jackfield import links
from jackfield.accounts import Account, Provider
from jackfield.clock import now
from jackfield.deliveries import Attempt, Outcome
from jackfield.inbound import accept
from jackfield.keeping.erasure import Erasure
from jackfield.messages import Event, Reading, Unread
from jackfield.problems import Invalid
from jackfield.storage import accounts, arrivals, books, deliveries, people
from jackfield.storage.kept_traces import names
from jackfield.storage.opening import OpenStore
from jackfield.storage.tables import metadata
from jackfield.storage.traces import TRAILS
from jackfield.units import alone
from receiver import Received, Receiver
from world import World, said

NUMBER, USER, OTHER = "447700900456", "US.13491208655302741918", "447700900789"
CANARY = "canary: what she said"
URL = "https://desk.example/in"


@pytest.fixture
async def account(world: World) -> Account:
    """A number that is heard, whose people may come under several ids."""
    await world.tenant()
    application = await world.application(URL)
    return await world.page("447700900123", provider=Provider.WHATSAPP, application=application)


def spoken(text: str, *, to: Account, by: Sequence[str], key: str | None = None) -> Event:
    """Return what somebody said, with a raw item that names them too."""
    event = said(text, to=to, by=by, key=key)
    raw = msgspec.json.encode({"from": by[0], "id": event.key, "text": text})
    return replace_raw(event, raw)


def replace_raw(event: Event, raw: bytes) -> Event:
    message = msgspec.structs.replace(event.message, raw=msgspec.Raw(raw))
    return msgspec.structs.replace(event, message=message)


async def everything(database_url: str) -> str:
    """Return all that the tables hold, as one text."""
    found = []
    for table in metadata.tables:
        for row in await look(database_url, f"SELECT * FROM {table}"):  # noqa: S608 -- our own names
            found += [
                bytes(c).decode("latin-1") if isinstance(c, bytes | memoryview) else str(c)
                for c in row
            ]
    return "\n".join(found)


async def deliver_one(world: World, outcome: Outcome = Outcome.DELIVERED) -> None:
    item = (await due(world.store, now()))[0]
    attempt = Attempt(1, now(), 5, outcome, detail="what the application answered")
    if outcome.is_final:
        await world.store.commit(deliveries.succeed(item, attempt, now=now()))
    else:
        await world.store.commit(deliveries.give_up(item, attempt, now=now()))


async def difference(store: OpenStore) -> int:
    return (await store.survey(books.balance())).difference


async def test_everything_that_one_person_said_to_an_account_goes_under_all_their_ids(
    world: World, store: OpenStore, account: Account, database_url: str
) -> None:
    key = f"wamid.{NUMBER}"
    await world.hear(spoken(CANARY, to=account, by=(NUMBER, USER), key=key))
    await deliver_one(world)
    await world.hear(spoken(CANARY, to=account, by=(USER,)))
    await deliver_one(world, Outcome.FAILED)
    await world.hear(spoken(CANARY, to=account, by=(NUMBER,)))
    await world.hear(spoken("nobody else's", to=account, by=(OTHER,)))
    await world.hear(spoken(CANARY + " again", to=account, by=(NUMBER,), key=key))  # differs
    before = await everything(database_url)

    rehearsed = await erase(store, account, USER, is_rehearsal=True)
    unchanged = await everything(database_url)
    erased = await erase(store, account, USER)
    left = await everything(database_url)
    again = await erase(store, account, USER)

    assert (CANARY in before, NUMBER in before, USER in before) == (True, True, True)
    assert unchanged == before
    assert rehearsed == {
        "deliveries": 3,
        "undelivered": 2,
        "messages": 3,
        "pieces": 1,
        "contacts": 2,
    }
    assert erased == rehearsed | {"keys": 3}
    assert (CANARY in left, NUMBER in left, USER in left) == (False, False, False)
    assert "nobody else's" in left
    assert await look(database_url, "SELECT count(*) FROM attempts") == [(0,)]
    assert await look(database_url, "SELECT count(*) FROM pending") == [(1,)]
    assert again == {}
    assert await difference(store) == 0
    assert (await store.survey(books.balance())).discarded == 3


async def test_nothing_of_it_stays_in_the_file_either(sqlite_url: str) -> None:
    store = await open_store(sqlite_url)
    world = await World(store).open()
    await world.tenant()
    page = await world.page()
    long = CANARY * 500  # on pages of its own
    for n in range(30):
        await world.hear(said(f"{n} {CANARY}", to=page, by="7"), said(long, to=page, by="7"))
    await erase(store, page, "7")
    await store.close()

    path = Path(sqlite_url.removeprefix("sqlite:///"))

    assert CANARY.encode() not in path.read_bytes()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_what_was_erased_does_not_come_back_when_the_provider_sends_it_again(
    world: World, store: OpenStore, account: Account, database_url: str
) -> None:
    event = spoken(CANARY, to=account, by=(NUMBER, USER), key="again")
    changed = replace_raw(event, b'{"text": "canary: said otherwise"}')
    changed = msgspec.structs.replace(changed, digest=b"otherwise")
    await world.hear(event)
    await erase(store, account, NUMBER)
    erased = await everything(database_url)

    again = [await world.hear(each) for each in (event, changed)]

    assert [accepted.repeated for accepted in again] == [1, 1]
    assert [accepted.delivered + accepted.held for accepted in again] == [0, 0]
    found = await everything(database_url)
    assert "canary" not in found
    assert len(found) == len(erased)
    assert await difference(store) == 0


async def test_nor_does_it_when_it_comes_with_another_content_while_it_is_erased(
    world: World, store: OpenStore, account: Account, database_url: str
) -> None:
    event = spoken(CANARY, to=account, by=(NUMBER, USER), key="again")
    await world.hear(event)
    person = await store.survey(people.find("whatsapp", account.external_id, USER))
    erasure = Erasure(store, TRAILS, clock=now)

    place: str | None = ""
    while place is not None:
        place = (await erasure.slice(person, place=place, is_rehearsal=False)).place
        if place is None or place.endswith("/"):  # between two trails
            raw = msgspec.json.encode({"from": NUMBER, "text": f"{CANARY} before {place}"})
            changed = replace_raw(event, raw)
            await world.hear(msgspec.structs.replace(changed, digest=str(place).encode()))

    assert CANARY not in await everything(database_url)
    assert await difference(store) == 0


async def test_the_same_person_at_another_account_is_another_matter(
    world: World, store: OpenStore, account: Account, database_url: str
) -> None:
    other = await world.page("447700900124", provider=Provider.WHATSAPP)
    for each in (account, other):
        await world.hear(spoken("hello", to=each, by=(NUMBER, USER)))

    await erase(store, account, NUMBER)

    left = await look(database_url, "SELECT account_id, address FROM messages")
    assert left == [(other.id, NUMBER)]
    assert len(await look(database_url, "SELECT * FROM contacts")) == 2
    assert await look(database_url, "SELECT state FROM deliveries") == [("held",)]


async def test_who_waited_behind_what_was_erased_goes_on(
    world: World, store: OpenStore, account: Account, database_url: str
) -> None:
    await world.hear(spoken("first", to=account, by=(NUMBER,)))
    await world.hear(spoken("second", to=account, by=(OTHER,)))
    # Two conversations may share a number.
    await change(
        database_url,
        "UPDATE pending SET conversation = (SELECT conversation FROM pending "
        "WHERE number = (SELECT min(number) FROM pending))",
    )
    await change(
        database_url,
        "UPDATE pending SET due_at = NULL WHERE number = (SELECT max(number) FROM pending)",
    )

    await erase(store, account, NUMBER)

    waiting = await due(store, now())
    assert len(waiting) == 1
    assert await look(
        database_url,
        "SELECT person FROM deliveries JOIN pending ON subject = id WHERE due_at IS NOT NULL",
    ) == [(OTHER,)]


async def test_what_goes_out_of_order_or_to_a_test_url_is_found_too(
    world: World, store: OpenStore, account: Account, database_url: str
) -> None:
    await world.hear(spoken(CANARY, to=account, by=(NUMBER,)))
    (item,) = await due(store, now())
    aside = Attempt(1, now(), 5, Outcome.REJECTED)
    await store.commit(deliveries.set_aside(item, aside, due_at=now(), now=now()))
    await change(
        database_url,
        "INSERT INTO deliveries (id, kind, message_id, api_key, account_id, person, state, body, "
        "accepted_at, url) SELECT 'copy', 'test', 'of a message that is gone', api_key, "
        "account_id, person, 'delivered', body, accepted_at, 'https://test.example' "
        "FROM deliveries",
    )

    erased = await erase(store, account, NUMBER)

    assert (erased["deliveries"], erased["undelivered"]) == (2, 1)
    assert CANARY not in await everything(database_url)
    assert await look(database_url, "SELECT count(*) FROM pending") == [(0,)]


async def test_what_is_on_its_way_leaves_no_trace_when_it_has_arrived(
    world: World, store: OpenStore, database_url: str
) -> None:
    may_answer = asyncio.Event()

    async def wait(_: Received) -> int:
        await may_answer.wait()
        return 200

    await world.tenant()
    async with Receiver(wait) as receiver:
        account = await world.page(application=await world.application(receiver.url))
        await world.hear(said(CANARY, to=account, by="7"), said("later", to=account, by="7"))
        await world.hear(said("another's", to=account, by="8"))
        async with dispatching(world):
            async with asyncio.timeout(20):
                while not await look(database_url, "SELECT 1 FROM pending WHERE due_at IS NULL"):
                    await asyncio.sleep(0.01)
            await erase(store, account, "7")
            may_answer.set()
            await until_nothing_is_left(world)

    assert sorted(receiver.texts) == sorted([CANARY, "another's"])
    assert CANARY not in await everything(database_url)
    assert await look(database_url, "SELECT person, state FROM deliveries") == [("8", "delivered")]
    assert await difference(store) == 0


async def test_kept_pieces_go_where_they_are_the_persons_only_and_are_named_otherwise(
    world: World, store: OpenStore, account: Account, database_url: str
) -> None:
    longer = f"1{NUMBER}"
    bodies = {
        f'{{"from": "{NUMBER}"}}'.encode(): account.routing_key,
        f'{{"from": "{longer}"}}'.encode(): account.routing_key,
        f'{{"from": "{NUMBER}", "beside": "others"}}'.encode(): None,
        f'{{"to": "{NUMBER}"}}'.encode(): "another account",
    }
    unread = [
        Unread(provider="whatsapp" if key else None, routing_key=key, reason="-", body=body)
        for body, key in bodies.items()
    ]
    await world.store.commit(
        accept(
            Reading(unread=unread),
            provider_app_id=world.provider_app_id,
            now=now(),
            arrivals=arrivals,
        ),
    )

    erased = await erase(store, account, NUMBER)

    left = {bytes(body) for (body,) in await look(database_url, "SELECT body FROM inbound_bodies")}
    assert erased == {"pieces": 1, "elsewhere": 2}
    assert left == set(list(bodies)[1:])
    assert await difference(store) == 0


async def test_what_was_said_to_an_account_that_is_gone_is_found(
    world: World, store: OpenStore, account: Account, database_url: str
) -> None:
    await world.hear(spoken(CANARY, to=account, by=(NUMBER,)))
    await deliver_one(world)
    await world.hear(spoken(CANARY, to=account, by=(NUMBER,)))
    await store.commit(
        alone(
            links.delete(
                account.provider,
                account.external_id,
                api_key=account.api_key,
                now=now(),
                accounts=accounts,
            ),
        ),
    )

    erased = await erase(store, account, NUMBER)

    assert erased == {"deliveries": 2, "undelivered": 1, "messages": 2}
    assert CANARY not in await everything(database_url)


async def test_what_was_said_goes_whichever_of_their_ids_it_was_said_under(
    world: World, store: OpenStore, account: Account, database_url: str
) -> None:
    await world.hear(spoken("hello", to=account, by=(NUMBER, USER)))
    await world.hear(spoken(CANARY, to=account, by=(USER,)))
    # As when they wrote once more while they were erased.
    await change(database_url, "DELETE FROM contacts")

    await erase(store, account, NUMBER)

    assert CANARY not in await everything(database_url)
    assert await look(database_url, "SELECT count(*) FROM messages") == [(0,)]


async def test_whoever_stops_in_between_goes_on_or_begins_again(
    world: World, store: OpenStore, account: Account, database_url: str
) -> None:
    await world.hear(*[spoken(CANARY, to=account, by=(NUMBER, USER)) for _ in range(450)])
    person = await store.survey(people.find("whatsapp", account.external_id, USER))
    erasure = Erasure(store, TRAILS, clock=now)

    first = await erasure.slice(person, place="", is_rehearsal=False)
    halfway = await look(database_url, "SELECT count(*) FROM deliveries")
    with pytest.raises(Invalid, match="begin again"):
        await erasure.slice(person, place="nowhere/7", is_rehearsal=False)
    rest = await erase(store, account, USER)

    assert (first.trail, first.number, first.messages) == ("deliveries", 450, 450)
    assert halfway == [(0,)]
    assert rest == {"keys": 450, "contacts": 2}
    assert CANARY not in await everything(database_url)


def test_an_id_is_found_only_where_it_stands_by_itself() -> None:
    assert names(b'{"from": "447700900456"}', ["1", "447700900456"])
    assert names(b'["US.13"]', ["US.13"])
    assert names(b"447700900456", ["447700900456"])
    assert not names(b'{"from": "4477009004567"}', ["447700900456"])
    assert not names(b'{"from": "US513"}', ["US.13"])
    assert not names(b"", ["447700900456"])


@given(st.lists(st.text(min_size=1, max_size=8), min_size=1), st.binary(), st.binary())
def test_an_id_between_quotes_is_always_found(
    addresses: list[str], before: bytes, behind: bytes
) -> None:
    assert names(
        before + b'"' + addresses[-1].encode("utf-8", "replace") + b'"' + behind, addresses
    )
