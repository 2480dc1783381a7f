"""A phone to write with: makes the webhook that Meta would post, signed, and posts it.

The envelopes follow Meta's documentation of the Messenger Platform's and the WhatsApp Cloud
API's webhooks. Nothing here knows how the gateway reads them.
"""

from __future__ import annotations

import hmac
import json
import secrets
from dataclasses import dataclass
from typing import Any

from jackfield.clock import SECOND, Moment
from jackfield.sandbox.calls import Answer, Call


@dataclass(frozen=True, slots=True)
class Webhook:
    """What Meta would post: the bytes, and the id it gave the message inside."""

    message_id: str
    body: bytes


def messenger_text(text: str, *, sender: str, page_id: str, now: Moment) -> Webhook:
    """Return the webhook of one text that the person `sender` (a PSID) wrote to a Page."""
    message_id = f"m_{secrets.token_urlsafe(24)}"
    message = {
        "sender": {"id": sender},
        "recipient": {"id": page_id},
        "timestamp": now,
        "message": {"mid": message_id, "text": text},
    }
    entry = {"id": page_id, "time": now, "messaging": [message]}
    return Webhook(message_id, _encoded({"object": "page", "entry": [entry]}))


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatsAppNumber:
    """A business's number; Meta names it by `phone_number_id`."""

    digits: str
    phone_number_id: str
    waba_id: str


def whatsapp_text(
    text: str,
    *,
    sender: str,
    name: str,
    to: WhatsAppNumber,
    now: Moment,
) -> Webhook:
    """Return the webhook of one text that `sender` (digits), called `name`, wrote to a number."""
    message_id = f"wamid.{secrets.token_urlsafe(24)}"
    message = {
        "from": sender,
        "id": message_id,
        "timestamp": str(now // SECOND),
        "type": "text",
        "text": {"body": text},
    }
    value = {
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": to.digits,
            "phone_number_id": to.phone_number_id,
        },
        "contacts": [{"profile": {"name": name}, "wa_id": sender}],
        "messages": [message],
    }
    entry = {"id": to.waba_id, "changes": [{"field": "messages", "value": value}]}
    return Webhook(
        message_id,
        _encoded({"object": "whatsapp_business_account", "entry": [entry]}),
    )


def post(webhook: Webhook, *, url: str, app_secret: str) -> Answer:
    """Post it to the gateway's webhook `url`, signed with `app_secret`.

    Raises Unavailable when nothing answers there.
    """
    digest = hmac.new(app_secret.encode(), webhook.body, "sha256").hexdigest()
    return Call(
        method="POST",
        url=url,
        headers={
            "Content-Type": "application/json",
            "X-Hub-Signature-256": f"sha256={digest}",
            "User-Agent": "facebookexternalua",
        },
        body=webhook.body,
    ).send()


def _encoded(document: dict[str, Any]) -> bytes:
    # Meta escapes what is not ASCII as \u and lower-case digits; so does Python.
    return json.dumps(document, separators=(",", ":")).encode("ascii")
