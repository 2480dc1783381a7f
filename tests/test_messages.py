"""How messages are kept, and what the webhook for one looks like."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.clock import Moment
from jackfield.messages import (
    Content,
    Event,
    InboundMessage,
    Text,
    Unsupported,
    WebhookVersion,
    decode,
    decode_event,
    encode,
    encode_event,
    render,
)

UUID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
SENT_AT = Moment(1_767_323_045_678)  # 2026-01-02T03:04:05.678Z

texts = st.text(st.characters(exclude_categories=["Cs"]))
contents: st.SearchStrategy[Content] = st.builds(Text, texts) | st.builds(Unsupported)
inbound_messages = st.builds(
    InboundMessage,
    content=contents,
    sent_at=st.integers(0, 253_402_300_799_999).map(Moment),
    raw=st.dictionaries(texts, texts).map(msgspec.json.encode).map(msgspec.Raw),
    profile_name=st.none() | texts,
    reply_to=st.none() | texts,
)


def message(
    content: Content, *, profile_name: str | None = None, reply_to: str | None = None
) -> InboundMessage:
    return InboundMessage(
        content=content,
        sent_at=SENT_AT,
        raw=msgspec.Raw(b'{"mid":"m_1"}'),
        profile_name=profile_name,
        reply_to=reply_to,
    )


def rendered(
    said: InboundMessage,
    *,
    provider: str,
    account: str = "447700900001",
    person: str = "447700900456",
    webhook_version: WebhookVersion = "v1",
) -> bytes:
    return render(
        said,
        message_uuid=UUID,
        provider=provider,
        account=account,
        person=person,
        webhook_version=webhook_version,
    )


def test_a_whatsapp_text_is_rendered_to_these_bytes_in_v1() -> None:
    said = message(Text("hi \U0001f44d"), profile_name="Jane")

    body = rendered(said, provider="whatsapp")

    assert body.decode() == (
        '{"channel":"whatsapp","message_uuid":"aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",'
        '"to":"447700900001","from":"447700900456","timestamp":"2026-01-02T03:04:05Z",'
        '"message_type":"text","text":"hi \U0001f44d","context_status":"none",'
        '"profile":{"name":"Jane"}}'
    )


def test_a_messenger_text_has_neither_context_status_nor_profile() -> None:
    body = rendered(message(Text("hi")), provider="messenger", account="2", person="7")

    assert body.decode() == (
        '{"channel":"messenger","message_uuid":"aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",'
        '"to":"2","from":"7","timestamp":"2026-01-02T03:04:05Z",'
        '"message_type":"text","text":"hi"}'
    )


def test_what_we_have_no_word_for_carries_the_provider_s_own_words() -> None:
    body = json.loads(rendered(message(Unsupported()), provider="messenger"))

    assert body["message_type"] == "unsupported"
    assert body["provider_message"] == '{"mid":"m_1"}'


@pytest.mark.parametrize(
    ("provider", "channel"),
    [
        ("messenger", "messenger"),
        ("whatsapp", "whatsapp"),
        ("viber_service_msg", "viber_service"),
        ("rcs", "rcs"),
    ],
)
def test_v1_has_the_publisher_s_word_for_each_channel(provider: str, channel: str) -> None:
    body = json.loads(rendered(message(Text("hi")), provider=provider))

    assert body["channel"] == channel


@pytest.mark.parametrize(
    ("provider", "reply_to", "context_status"),
    [
        ("whatsapp", None, "none"),
        ("whatsapp", "wamid.BBB", "unavailable"),
        ("rcs", None, "none"),
        ("rcs", "quoted", "none"),
        ("messenger", "m_1", None),
    ],
)
def test_a_quote_we_cannot_name_is_an_unavailable_context(
    provider: str, reply_to: str | None, context_status: str | None
) -> None:
    body = json.loads(rendered(message(Text("hi"), reply_to=reply_to), provider=provider))

    assert body.get("context_status") == context_status


def test_a_text_is_rendered_to_these_bytes_in_v0_1() -> None:
    body = rendered(message(Text("hi")), provider="messenger", webhook_version="v0.1")

    assert body.decode() == (
        '{"message_uuid":"aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",'
        '"timestamp":"2026-01-02T03:04:05.678Z",'
        '"to":{"type":"messenger","id":"447700900001"},'
        '"from":{"type":"messenger","id":"447700900456"},'
        '"message":{"content":{"type":"text","text":"hi"}}}'
    )


@pytest.mark.parametrize(
    ("provider", "member"), [("whatsapp", "number"), ("viber_service_msg", "id"), ("rcs", "id")]
)
def test_v0_1_keeps_the_account_s_word_and_names_a_number_only_for_whatsapp(
    provider: str, member: str
) -> None:
    body = json.loads(rendered(message(Unsupported()), provider=provider, webhook_version="v0.1"))

    assert body["from"] == {"type": provider, member: "447700900456"}
    assert body["message"] == {"content": {"type": "unsupported"}}


@given(said=inbound_messages)
def test_what_is_stored_comes_back_as_it_was(said: InboundMessage) -> None:
    assert decode(encode(said)) == said


@given(
    said=inbound_messages,
    provider=st.sampled_from(["messenger", "whatsapp", "viber_service_msg", "rcs"]),
    person=texts,
    webhook_version=st.sampled_from(["v1", "v0.1"]),
)
def test_a_stored_message_is_rendered_to_the_same_json_every_time(
    said: InboundMessage, provider: str, person: str, webhook_version: WebhookVersion
) -> None:
    stored = decode(encode(said))

    body = rendered(said, provider=provider, person=person, webhook_version=webhook_version)
    again = rendered(stored, provider=provider, person=person, webhook_version=webhook_version)

    assert body == again
    sender = json.loads(body)["from"]
    assert person == (sender if webhook_version == "v1" else list(sender.values())[1])


events = st.builds(
    Event,
    provider=texts,
    routing_key=texts,
    key=texts,
    people=st.lists(texts, min_size=1, max_size=3).map(tuple),
    message=inbound_messages,
    digest=st.binary(min_size=32, max_size=32),
    shown_as=st.none() | texts,
)


@given(event=events)
def test_a_kept_event_comes_back_as_it_was(event: Event) -> None:
    assert decode_event(encode_event(event)) == event


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"\xff", b'{"provider": "messenger"}', b"[" * 9999]
)
def test_what_is_no_kept_event_is_none(body: bytes) -> None:
    assert decode_event(body) is None
