"""What a Page's callbacks come out as, for every payload in `payloads/messenger`."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from jackfield.messages import Content, Text, Unsupported
from jackfield.problems import Invalid
from jackfield.providers import messenger

PAYLOADS = Path(__file__).parent / "payloads" / "messenger"
MARK = "700000000000007:1795000000001"
STARTED = hashlib.sha256(b"GET_STARTED").hexdigest()

EVENTS: dict[str, list[tuple[str, Content]]] = {
    "text": [("m_AAA", Text("hello"))],
    "text_not_ascii": [("m_UTF", Text("h\u00e9llo \U0001f44d"))],
    "quick_reply": [("m_4", Text("Red"))],
    "reply": [("m_5", Text("yes"))],
    "image": [("m_1", Unsupported())],
    "sticker": [("m_2", Unsupported())],
    "link": [("m_10", Text("https://shop.example/"))],
    "text_beside_image": [("m_11", Text("this one")), ("m_11#1", Unsupported())],
    "deleted": [("deleted:m_6", Unsupported())],
    "message_from_ad": [("m_8", Text("Price?"))],
    "postback": [("m_9", Unsupported())],
    "postback_without_mid": [(f"postback:{MARK}:{STARTED}", Unsupported())],
    "reaction": [
        (f"reaction:{MARK}:m_7:react", Unsupported()),
        (f"reaction:{MARK}:m_7:unreact", Unsupported()),
    ],
    "edit": [("edit:m_1:1", Unsupported())],
    "integer_ids": [("mid.1:a", Text("hello"))],
    "batch": [
        ("m_20", Text("one")),
        ("m_21", Text("two")),
        ("m_22", Text("three")),
        ("m_23", Text("four")),
    ],
}
IGNORED: dict[str, dict[str, int]] = {
    "echo": {"echo": 1},
    "receipts": {"read": 1, "delivery": 2},
    "account_events": {
        "referral": 1,
        "optin": 1,
        "pass_thread_control": 1,
        "policy-enforcement": 1,
    },
    "standby": {"standby": 2},
    "page_feed": {"changes": 1},
    "empty_entry": {},
    "empty_messaging": {},
}


def payload(name: str) -> bytes:
    return (PAYLOADS / f"{name}.json").read_bytes()


def test_every_payload_has_its_reading_here() -> None:
    files = {path.stem for path in PAYLOADS.glob("*.json")}

    assert files == EVENTS.keys() | IGNORED.keys()


@pytest.mark.parametrize("name", EVENTS)
def test_what_a_person_said_is_an_event(name: str) -> None:
    reading = messenger.read(payload(name))

    assert [(event.key, event.message.content) for event in reading.events] == EVENTS[name]
    assert (reading.unread, dict(reading.ignored)) == ([], {})


@pytest.mark.parametrize("name", IGNORED)
def test_what_is_no_message_is_counted(name: str) -> None:
    reading = messenger.read(payload(name))

    assert dict(reading.ignored) == IGNORED[name]
    assert (reading.events, reading.unread) == ([], [])


@pytest.mark.parametrize("name", ["text", "integer_ids"])
def test_an_event_names_the_page_and_the_person_as_text(name: str) -> None:
    (event,) = messenger.read(payload(name)).events

    assert event.provider == "messenger"
    assert event.routing_key == "200000000000002"
    assert event.people == ("700000000000007",)


def test_a_batch_keeps_its_order_and_each_page_its_own() -> None:
    events = messenger.read(payload("batch")).events

    pages = ["200000000000002", "200000000000009", "200000000000009", "200000000000002"]
    assert [event.routing_key for event in events] == pages


def test_a_quote_is_kept_by_the_provider_s_id() -> None:
    (event,) = messenger.read(payload("reply")).events

    assert event.message.reply_to == "m_1"


@pytest.mark.parametrize(
    ("timestamp", "sent_at"),
    [
        (b"1795000000001", 1_795_000_000_001),
        (b"1795000000", 1_795_000_000_000),
        (b'"1795000000"', 1_795_000_000_000),
        (b"null", 1_795_000_000_123),
        (b"99999999999", 99_999_999_999_000),
        (b"100000000000", 100_000_000_000),
    ],
)
def test_time_is_read_in_either_unit_and_else_the_entry_s(timestamp: bytes, sent_at: int) -> None:
    body = payload("text").replace(b"1795000000001", timestamp)

    (event,) = messenger.read(body).events

    assert event.message.sent_at == sent_at


def test_a_message_without_an_id_is_known_by_its_digest() -> None:
    body = payload("text").replace(b'"mid"', b'"old"')

    (event,) = messenger.read(body).events
    (again,) = messenger.read(body).events

    assert event.key == again.key == f"sha256:{event.digest.hex()}"


def test_the_digest_tells_another_body_under_the_same_key() -> None:
    (event,) = messenger.read(payload("text")).events
    (other,) = messenger.read(payload("text").replace(b"hello", b"other")).events

    assert event.key == other.key
    assert event.digest != other.digest
    assert event.digest == hashlib.sha256(event.message.raw).digest()


def test_a_page_is_registered_under_its_own_id() -> None:
    registration = messenger.registration(
        "200000000000002", access_token="EAAB", credentials={"provider_app": "main", "other": 1}
    )

    assert registration.routing_key == "200000000000002"
    assert registration.secrets == {"access_token": "EAAB"}
    assert registration.provider_app == "main"
    assert "EAAB" not in repr(registration)


def test_a_page_needs_no_credentials_object() -> None:
    registration = messenger.registration("12345678", access_token="EAAB", credentials=None)

    assert registration.provider_app is None


def test_everything_missing_is_named_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        messenger.registration(None, access_token=None, credentials=None)

    assert [(fault.name, fault.reason) for fault in caught.value.parameters] == [
        ("external_id", "Missing `external_id` field"),
        ("access_token", "Missing `access_token` field"),
    ]


@pytest.mark.parametrize(
    ("external_id", "access_token", "credentials", "name"),
    [
        ("", "EAAB", None, "external_id"),
        ("1" * 129, "EAAB", None, "external_id"),
        ("1\0", "EAAB", None, "external_id"),
        ("1\ud800", "EAAB", None, "external_id"),
        (12345678, "EAAB", None, "external_id"),
        ("1", "", None, "access_token"),
        ("1", "E" * 4097, None, "access_token"),
        ("1", "E\0", None, "access_token"),
        ("1", ["EAAB"], None, "access_token"),
        ("1", "EAAB", [], "credentials"),
        ("1", "EAAB", "none", "credentials"),
        ("1", "EAAB", {"provider_app": 7}, "credentials.provider_app"),
        ("1", "EAAB", {"provider_app": ""}, "credentials.provider_app"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(
    external_id: object, access_token: object, credentials: object, name: str
) -> None:
    with pytest.raises(Invalid) as caught:
        messenger.registration(external_id, access_token=access_token, credentials=credentials)

    assert [fault.name for fault in caught.value.parameters] == [name]


def test_the_longest_parameters_are_accepted() -> None:
    registration = messenger.registration("é" * 128, access_token="E" * 4096, credentials={})

    assert registration.routing_key == "é" * 128
