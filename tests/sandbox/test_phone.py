"""The phone's webhooks: in Meta's shape, and signed as Meta signs."""

from __future__ import annotations

import asyncio
import hmac
import json
from typing import Any

import pytest

from jackfield.clock import Moment
from jackfield.problems import Unavailable
from jackfield.sandbox import phone
from jackfield.sandbox.calls import Call
from receiver import Receiver

NOW = Moment(1_795_000_000_123)
NUMBER = phone.WhatsAppNumber(
    digits="447700900123",
    phone_number_id="106000000000001",
    waba_id="102000000000001",
)


def test_a_messenger_text_has_metas_envelope() -> None:
    webhook = phone.messenger_text("hello", sender="7", page_id="2", now=NOW)

    message = {"mid": webhook.message_id, "text": "hello"}
    item = {
        "sender": {"id": "7"},
        "recipient": {"id": "2"},
        "timestamp": 1_795_000_000_123,
        "message": message,
    }
    entry = {"id": "2", "time": 1_795_000_000_123, "messaging": [item]}
    assert json.loads(webhook.body) == {"object": "page", "entry": [entry]}


def test_a_whatsapp_text_has_metas_envelope() -> None:
    webhook = phone.whatsapp_text("hi", sender="447700900456", name="Ann", to=NUMBER, now=NOW)

    document: dict[str, Any] = json.loads(webhook.body)
    change = document["entry"][0]["changes"][0]
    assert document["object"] == "whatsapp_business_account"
    assert document["entry"][0]["id"] == "102000000000001"
    assert change == {
        "field": "messages",
        "value": {
            "messaging_product": "whatsapp",
            "metadata": {
                "display_phone_number": "447700900123",
                "phone_number_id": "106000000000001",
            },
            "contacts": [{"profile": {"name": "Ann"}, "wa_id": "447700900456"}],
            "messages": [
                {
                    "from": "447700900456",
                    "id": webhook.message_id,
                    "timestamp": "1795000000",
                    "type": "text",
                    "text": {"body": "hi"},
                },
            ],
        },
    }


def test_what_is_not_ascii_is_escaped_as_meta_escapes_it() -> None:
    webhook = phone.messenger_text("é 😀", sender="7", page_id="2", now=NOW)

    assert rb'"text":"\u00e9 \ud83d\ude00"' in webhook.body


def test_no_two_messages_share_an_id() -> None:
    texts = [phone.messenger_text("a", sender="7", page_id="2", now=NOW) for _ in range(50)]

    assert len({each.message_id for each in texts}) == 50


async def test_the_posted_bytes_are_the_signed_bytes() -> None:
    webhook = phone.messenger_text("hello", sender="7", page_id="2", now=NOW)
    async with Receiver() as meta_sink:
        answer = await asyncio.to_thread(
            phone.post,
            webhook,
            url=meta_sink.url,
            app_secret="the app's",
        )

    (received,) = meta_sink.received
    digest = hmac.digest(b"the app's", received.body, "sha256").hex()
    assert answer.status == 200
    assert received.body == webhook.body
    assert received.headers["x-hub-signature-256"] == f"sha256={digest}"


def test_nobody_there_is_said_in_words() -> None:
    call = Call(method="GET", url="http://127.0.0.1:9/")

    with pytest.raises(Unavailable, match=r"http://127\.0\.0\.1:9 does not answer"):
        call.send()
