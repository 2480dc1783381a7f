"""What a number's callbacks come out as, for every payload in `payloads/whatsapp`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jackfield.messages import Content, Text, Unsupported
from jackfield.problems import Invalid
from jackfield.providers import whatsapp

PAYLOADS = Path(__file__).parent / "payloads" / "whatsapp"
NUMBER = "447700900456"
USER = "US.13491208655302741918"
PARENT = "US.ENT.11815799212886844830"

EVENTS: dict[str, list[tuple[str, Content]]] = {
    "text": [("AAA", Text("hello"))],
    "reply": [("REP", Text("yes"))],
    "forwarded": [("FWD", Text("look"))],
    "image": [("IMG", Unsupported())],
    "location": [("LOC", Unsupported())],
    "contacts": [("CON", Unsupported())],
    "reaction": [("REA", Unsupported())],
    "button_reply": [("INT", Unsupported())],
    "order": [("ORD", Unsupported())],
    "edit": [("EDI", Unsupported())],
    "revoke": [("REV", Unsupported())],
    "unsupported": [("UNS", Unsupported())],
    "group": [("GRP", Unsupported())],
    "user_id_beside_number": [("UI1", Text("hello"))],
    "user_id_only": [("UI2", Text("hello"))],
    "sender_in_contact_number": [("UI3", Unsupported())],
    "sender_in_contact_user_id": [("UI4", Text("hello"))],
    "no_contacts": [("NOC", Text("hello"))],
    "milliseconds": [("MIL", Text("hello"))],
    "batch": [
        ("B1", Text("one")),
        ("B2", Text("two")),
        ("B3", Text("three")),
        ("B4", Text("four")),
    ],
}
IGNORED: dict[str, dict[str, int]] = {
    "notices": {"system": 1},
    "request_welcome": {"request_welcome": 1},
    "statuses": {"status": 2},
    "errors": {"error": 1},
    "message_echo": {"change": 1},
    "account_update": {"change": 1},
    "empty_entry": {},
    "empty_changes": {},
}


def payload(name: str) -> bytes:
    return (PAYLOADS / f"{name}.json").read_bytes()


def test_every_payload_has_its_reading_here() -> None:
    files = {path.stem for path in PAYLOADS.glob("*.json")}

    assert files == EVENTS.keys() | IGNORED.keys()


@pytest.mark.parametrize("name", EVENTS)
def test_what_a_person_said_is_an_event(name: str) -> None:
    reading = whatsapp.read(payload(name))

    said = [(event.key.removeprefix("wamid."), event.message.content) for event in reading.events]
    assert said == EVENTS[name]
    assert (reading.unread, dict(reading.ignored)) == ([], {})


@pytest.mark.parametrize("name", IGNORED)
def test_what_is_no_message_is_counted(name: str) -> None:
    reading = whatsapp.read(payload(name))

    assert dict(reading.ignored) == IGNORED[name]
    assert (reading.events, reading.unread) == ([], [])


@pytest.mark.parametrize(
    ("name", "people", "profile_name"),
    [
        ("text", (NUMBER,), "Ann"),
        ("no_contacts", (NUMBER,), None),
        ("user_id_beside_number", (NUMBER, USER, PARENT), "Ann"),
        ("user_id_only", (USER,), "Ann"),
        ("sender_in_contact_number", (NUMBER,), "Ann"),
        ("sender_in_contact_user_id", (USER,), "Ann"),
    ],
)
def test_the_sender_is_known_under_every_id_there_is(
    name: str, people: tuple[str, ...], profile_name: str | None
) -> None:
    (event,) = whatsapp.read(payload(name)).events

    assert event.people == people
    assert event.message.profile_name == profile_name


def test_a_batch_keeps_its_order_its_numbers_and_its_names() -> None:
    events = whatsapp.read(payload("batch")).events

    assert [(event.routing_key[-1], event.message.profile_name) for event in events] == [
        ("1", "Ann"),
        ("1", "Bo"),
        ("2", "Ann"),
        ("1", "Ann"),
    ]


def value(**members: object) -> bytes:
    change = {"field": "messages", "value": {"metadata": {"phone_number_id": "106"}} | members}
    entry = {"id": "102", "changes": [change]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def text(**members: object) -> dict[str, object]:
    return {
        "id": "wamid.A",
        "timestamp": "1795000000",
        "type": "text",
        "text": {"body": "hello"},
    } | members


def test_words_without_a_sender_are_given_to_none_of_several_contacts() -> None:
    body = value(contacts=[{"wa_id": NUMBER}, {"wa_id": "447700900789"}], messages=[text()])

    reading = whatsapp.read(body)

    assert [unread.reason for unread in reading.unread] == ["no sender id"]


def test_a_contact_with_another_number_gives_no_name() -> None:
    stranger = {"wa_id": "447700900789", "profile": {"name": "Bo"}}

    (event,) = whatsapp.read(
        value(contacts=[stranger], messages=[text(**{"from": NUMBER})])
    ).events

    assert event.people == (NUMBER,)
    assert event.message.profile_name is None


def test_two_people_without_a_number_are_not_taken_for_each_other() -> None:
    bo = {"user_id": "US.1", "profile": {"name": "Bo"}}
    ann = {"user_id": USER, "profile": {"name": "Ann"}}

    (event,) = whatsapp.read(value(contacts=[bo, ann], messages=[text(from_user_id=USER)])).events

    assert event.people == (USER,)
    assert event.message.profile_name == "Ann"


@pytest.mark.parametrize(
    "contacts",
    [None, {}, "Ann", [None], [{"wa_id": 4.5}], [{"wa_id": NUMBER, "profile": {"name": 7}}]],
)
def test_contacts_that_cannot_be_read_cost_only_the_name(contacts: object) -> None:
    body = value(contacts=contacts, messages=[text(**{"from": NUMBER})])

    (event,) = whatsapp.read(body).events

    assert event.people == (NUMBER,)
    assert event.message.profile_name is None


def test_a_contact_s_id_that_cannot_be_kept_is_left_out() -> None:
    contact = {"wa_id": NUMBER, "user_id": "US.\0", "profile": {"name": "Ann"}}

    (event,) = whatsapp.read(value(contacts=[contact], messages=[text(**{"from": NUMBER})])).events

    assert event.people == (NUMBER,)


def test_ids_as_integers_are_the_same_as_text() -> None:
    contact = {"wa_id": int(NUMBER), "profile": {"name": "Ann"}}
    body = value(
        metadata={"phone_number_id": 106},
        contacts=[contact],
        messages=[text(**{"from": NUMBER, "timestamp": 1_795_000_000})],
    )

    (event,) = whatsapp.read(body).events

    assert (event.routing_key, event.people) == ("106", (NUMBER,))
    assert event.message.profile_name == "Ann"


@pytest.mark.parametrize(
    ("name", "reply_to"), [("reply", "wamid.BBB"), ("forwarded", None), ("text", None)]
)
def test_a_quote_is_kept_by_the_provider_s_id(name: str, reply_to: str | None) -> None:
    (event,) = whatsapp.read(payload(name)).events

    assert event.message.reply_to == reply_to


@pytest.mark.parametrize(
    ("name", "sent_at"), [("text", 1_795_000_000_000), ("milliseconds", 1_795_000_000_001)]
)
def test_time_is_read_in_either_unit(name: str, sent_at: int) -> None:
    (event,) = whatsapp.read(payload(name)).events

    assert event.message.sent_at == sent_at


def test_a_message_without_an_id_is_known_by_its_digest() -> None:
    (event,) = whatsapp.read(value(messages=[text(**{"from": NUMBER, "id": None})])).events

    assert event.key == f"sha256:{event.digest.hex()}"


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"metadata": None}, "no phone number id"),
        ({"metadata": {}}, "no phone number id"),
        ({"messages": [text(**{"from": NUMBER, "timestamp": None})]}, "no timestamp"),
        ({"messages": [text(**{"from": NUMBER, "timestamp": "1e9"})]}, "no timestamp"),
        ({"messages": [text(**{"from": NUMBER + "\0"})]}, "sender id has a character no id has"),
    ],
)
def test_a_message_that_cannot_be_placed_is_kept_with_the_reason(
    members: dict[str, object], why: str
) -> None:
    body = value(**{"messages": [text(**{"from": NUMBER})]} | members)

    reading = whatsapp.read(body)

    assert [unread.reason for unread in reading.unread] == [why]
    assert b"wamid.A" in reading.unread[0].body


def test_a_text_without_its_body_is_kept_as_unsupported() -> None:
    (event,) = whatsapp.read(value(messages=[text(**{"from": NUMBER, "text": None})])).events

    assert event.message.content == Unsupported()


CREDENTIALS = {"phone_number_id": "106000000000001", "waba_id": "102", "access_token": "EAAW"}


def test_a_number_is_registered_under_its_phone_number_id() -> None:
    registration = whatsapp.registration(
        "447700900123", access_token=None, credentials=CREDENTIALS | {"provider_app": "main"}
    )

    assert registration.routing_key == "106000000000001"
    assert registration.secrets == {"access_token": "EAAW", "waba_id": "102"}
    assert registration.provider_app == "main"


@pytest.mark.parametrize(
    ("access_token", "kept"), [(None, {}), ("EAAB", {"access_token": "EAAB"})]
)
def test_a_number_s_token_may_stand_beside_its_credentials_or_be_missing(
    access_token: str | None, kept: dict[str, str]
) -> None:
    registration = whatsapp.registration(
        "447700900123", access_token=access_token, credentials={"phone_number_id": "106"}
    )

    assert registration.secrets == kept


def test_a_number_needs_its_phone_number_id() -> None:
    with pytest.raises(Invalid) as caught:
        whatsapp.registration(None, access_token=None, credentials=None)

    assert [(fault.name, fault.reason) for fault in caught.value.parameters] == [
        ("external_id", "Missing `external_id` field"),
        ("credentials.phone_number_id", "Missing `credentials.phone_number_id` field"),
    ]


@pytest.mark.parametrize(
    ("external_id", "credentials", "name"),
    [
        ("447700", {}, "external_id"),
        ("4" * 16, {}, "external_id"),
        ("+447700900123", {}, "external_id"),
        ("44770090012٣", {}, "external_id"),
        (447700900123, {}, "external_id"),
        ("447700900123", {"phone_number_id": ""}, "credentials.phone_number_id"),
        ("447700900123", {"phone_number_id": "10x"}, "credentials.phone_number_id"),
        ("447700900123", {"phone_number_id": 106}, "credentials.phone_number_id"),
        ("447700900123", {"waba_id": "W"}, "credentials.waba_id"),
        ("447700900123", {"access_token": "\0"}, "credentials.access_token"),
        ("447700900123", {"provider_app": []}, "credentials.provider_app"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(
    external_id: object, credentials: dict[str, object], name: str
) -> None:
    with pytest.raises(Invalid) as caught:
        whatsapp.registration(
            external_id, access_token=None, credentials=CREDENTIALS | credentials
        )

    assert [fault.name for fault in caught.value.parameters] == [name]


def test_a_token_beside_the_credentials_is_looked_at_also_where_it_is_not_needed() -> None:
    with pytest.raises(Invalid) as caught:
        whatsapp.registration("447700900123", access_token="\0", credentials=CREDENTIALS)

    assert [fault.name for fault in caught.value.parameters] == ["access_token"]
