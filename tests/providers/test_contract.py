"""What must hold for every provider and webhook, whatever is sent to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jackfield.messages import Reading, decode, encode
from jackfield.providers import PROVIDERS, WEBHOOKS, messenger, meta, whatsapp

PAYLOADS = Path(__file__).parent / "payloads"
BODIES = {
    f"{path.parent.name}/{path.stem}": path.read_bytes() for path in PAYLOADS.glob("*/*.json")
}
READERS: list[Callable[[bytes], Reading]] = [messenger.read, whatsapp.read, meta.read]

readers = st.sampled_from(READERS)
bodies = st.sampled_from(sorted(BODIES.values()))
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters())
)
words = st.sampled_from(
    [
        *("object", "page", "whatsapp_business_account", "entry", "id", "time", "messaging"),
        *("standby", "changes", "field", "value", "metadata", "phone_number_id", "contacts"),
        *("messages", "statuses", "errors", "from", "type", "text", "body", "timestamp"),
        *("sender", "message", "mid", "is_echo", "postback", "reaction", "wa_id", "user_id"),
    ]
)
anything = st.recursive(
    scalars | words,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(words | st.text(), inner, max_size=6)
    ),
    max_leaves=30,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401 - JSON
    """Return the path of every value inside `value`."""
    if not isinstance(value, dict | list):
        return [path]
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    return [path, *(found for key, item in inside for found in places(item, (*path, key)))]


@st.composite
def bodies_with_one_value_replaced(draw: st.DrawFn) -> bytes:
    tree = json.loads(draw(bodies))
    path = draw(st.sampled_from([path for path in places(tree) if path]))
    parent = tree
    for key in path[:-1]:
        parent = parent[key]
    if draw(st.booleans()):
        parent[path[-1]] = draw(scalars | st.just([]) | st.just({}) | words)
    else:
        del parent[path[-1]]
    return json.dumps(tree).encode()


@st.composite
def bodies_with_some_bytes_replaced(draw: st.DrawFn) -> bytes:
    body = bytearray(draw(bodies))
    for _ in range(draw(st.integers(1, 4))):
        position = draw(st.integers(0, len(body) - 1))
        body[position : position + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(body)


def check(reading: Reading) -> None:
    """Assert what every reading owes: storable keys, and pieces that read the same again."""
    for event in reading.events:
        for key in (event.provider, event.routing_key, event.key, *event.people):
            assert 1 <= len(key) <= 512
            assert "\0" not in key
            key.encode()  # no surrogates
        assert event.people
        assert len(event.digest) == 32
        assert decode(encode(event.message)) == event.message
        json.loads(encode(event.message))
    for unread in reading.unread:
        assert unread.reason
        assert meta.read(unread.body).unread == [unread]


def counted(reading: Reading) -> int:
    return len(reading.events) + len(reading.unread) + reading.ignored.total()


@given(read=readers, body=st.binary())
def test_any_bytes_are_read_without_raising(read: Callable[[bytes], Reading], body: bytes) -> None:
    assert counted(read(body)) >= 0


@given(read=readers, tree=anything)
def test_any_json_is_read_without_raising(read: Callable[[bytes], Reading], tree: object) -> None:
    assert counted(read(json.dumps(tree).encode())) >= 0


@given(body=bodies_with_some_bytes_replaced())
def test_a_payload_damaged_on_its_way_is_read_without_raising(body: bytes) -> None:
    check(meta.read(body))


@given(body=bodies_with_one_value_replaced())
def test_a_payload_with_anything_else_in_one_place_still_keeps_its_word(body: bytes) -> None:
    check(meta.read(body))


@pytest.mark.parametrize("name", sorted(BODIES))
def test_every_payload_keeps_the_contract(name: str) -> None:
    check(meta.read(BODIES[name]))


@given(items=st.lists(anything))
@example(items=[None, {}, {"message": {"text": "hi"}}, {"message": {"is_echo": True}}])
def test_every_item_of_a_page_is_an_event_unread_or_counted(items: list[object]) -> None:
    tree = {"object": "page", "entry": [{"id": "2", "messaging": items}]}

    reading = meta.read(json.dumps(tree).encode())

    # Words beside an attachment are two events of one item.
    parts = sum("#" in event.key for event in reading.events)
    assert counted(reading) - parts == len(items)
    check(reading)


@given(items=st.lists(anything), statuses=st.lists(anything), contacts=anything)
def test_every_item_of_a_number_is_an_event_unread_or_counted(
    items: list[object], statuses: list[object], contacts: object
) -> None:
    value = {
        "metadata": {"phone_number_id": "106"},
        "contacts": contacts,
        "messages": items,
        "statuses": statuses,
    }
    entry = {"changes": [{"field": "messages", "value": value}]}
    tree = {"object": "whatsapp_business_account", "entry": [entry]}

    reading = meta.read(json.dumps(tree).encode())

    assert counted(reading) == len(items) + len(statuses)
    check(reading)


@given(chosen=st.lists(st.sampled_from(sorted(n for n in BODIES if n.startswith("messenger/")))))
def test_entries_in_one_body_read_as_they_do_alone(chosen: list[str]) -> None:
    entries = [entry for name in chosen for entry in json.loads(BODIES[name])["entry"]]
    alone = [meta.read(json.dumps({"object": "page", "entry": [e]}).encode()) for e in entries]

    together = meta.read(json.dumps({"object": "page", "entry": entries}).encode())

    assert together.events == [event for reading in alone for event in reading.events]


def test_every_provider_is_listed_under_its_name() -> None:
    assert {name: provider.NAME for name, provider in PROVIDERS.items()} == {
        "messenger": "messenger",
        "viber_service_msg": "viber_service_msg",
        "whatsapp": "whatsapp",
        "rcs": "rcs",
    }


def test_every_webhook_is_listed_under_its_kind_and_serves_listed_providers() -> None:
    for kind, webhook in WEBHOOKS.items():
        assert kind == webhook.KIND
        assert all(provider in PROVIDERS.values() for provider in webhook.PROVIDERS)
