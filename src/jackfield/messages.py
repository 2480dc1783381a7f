"""Our words for what people and providers say, and how a webhook says them on.

A provider's reader turns its payloads into a `Reading`; the store keeps each message as
`encode` gives it; `render` makes the body an application receives. No provider is known here
but by its name.

To add a kind of content: a struct with its `message_type` as tag, its place in `Content`, and
one case in `_members` and in `_content`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias, assert_never

import msgspec

from jackfield.clock import Moment, iso

WebhookVersion: TypeAlias = Literal["v1", "v0.1"]

_CHANNELS: Final[Mapping[str, str]] = {"viber_service_msg": "viber_service"}
"""Where a provider's name in accounts and v0.1 webhooks is another word in v1."""

_WITH_CONTEXT: Final = frozenset({"whatsapp", "rcs"})
"""The channels whose v1 webhooks must have `context_status`."""


class Text(msgspec.Struct, frozen=True, tag_field="type", tag="text"):
    """Words somebody typed."""

    text: str


class Unsupported(msgspec.Struct, frozen=True, tag_field="type", tag="unsupported"):
    """Something said that we have no word for yet; the provider's own words are in `raw`."""


Content: TypeAlias = Text | Unsupported


class InboundMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one person said to one account.

    `sent_at` is the provider's time, `raw` the provider's item exactly as it came (JSON in UTF-8),
    `reply_to` the provider's id of the message this one answers.
    """

    content: Content
    sent_at: Moment
    raw: msgspec.Raw
    profile_name: str | None = None
    reply_to: str | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One message for one account, and what is needed to find the account and its duplicates.

    `provider` is the name that accounts have (`messenger`, `whatsapp`, …). `routing_key` names
    the account inside the provider's callback. `key` is the provider's for this event: the same
    (`provider`, `routing_key`, `key`) is the same event, and another `digest` (SHA-256 of the
    raw item) under it is worth noticing. `people` are all ids under which the sender is known
    here, the one to show in `from` first. `shown_as` is the account's public id where the
    provider says it beside the routing key; an account with another id is not meant.

    All keys can be kept as text in any database: 1 to 512 characters, no NUL, no surrogates.
    """

    provider: str
    routing_key: str
    key: str
    people: tuple[str, ...]
    message: InboundMessage
    digest: bytes
    shown_as: str | None = None


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """A verified piece that could not be read, and why; `reason` quotes nothing of it.

    `body` is the piece inside just enough of its envelope to be read again: the same reader,
    once it has learned better, gives the missing event. `provider` and `routing_key` are there
    where they could be made out.
    """

    provider: str | None = None
    routing_key: str | None = None
    reason: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Reading:
    """All that one provider webhook said, in its order.

    `ignored` counts what was understood and is no message: receipts, echoes, status updates.
    Its keys are a closed set of words, fit for a metric's label.
    """

    events: list[Event] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)


_decoder = msgspec.json.Decoder(InboundMessage)
_event_decoder = msgspec.json.Decoder(Event)
_encoder = msgspec.json.Encoder()


def encode(message: InboundMessage) -> bytes:
    """Return `message` as it is stored: one JSON object."""
    return _encoder.encode(message)


def decode(stored: bytes) -> InboundMessage:
    """Return the message that `encode` gave `stored` for."""
    return _decoder.decode(stored)


def encode_event(event: Event) -> bytes:
    """Return `event` as it is kept while nobody is there to hear it: one JSON object."""
    return _encoder.encode(event)


def decode_event(kept: bytes) -> Event | None:
    """Return the event that `encode_event` gave `kept` for; None for anything else."""
    try:
        return _event_decoder.decode(kept)
    except (ValueError, RecursionError):
        return None


def render(
    message: InboundMessage,
    *,
    message_uuid: str,
    provider: str,
    account: str,
    person: str,
    webhook_version: WebhookVersion,
) -> bytes:
    """Return the body of the inbound webhook for `message`: the same bytes every time.

    `account` is the account's external id (`to`), `person` the sender (`from`). The shapes are
    those of the publisher's Messages API, versions v1 and v0.1.
    """
    if webhook_version == "v0.1":
        body: dict[str, object] = {
            "message_uuid": message_uuid,
            "timestamp": iso(message.sent_at),
            "to": _party(provider, account),
            "from": _party(provider, person),
            "message": {"content": _content(message.content)},
        }
        return _encoder.encode(body)
    body = {
        "channel": _CHANNELS.get(provider, provider),
        "message_uuid": message_uuid,
        "to": account,
        "from": person,
        "timestamp": _iso_seconds(message.sent_at),
    }
    body.update(_members(message))
    if provider in _WITH_CONTEXT:
        body["context_status"] = _context_status(message, provider=provider)
    if message.profile_name is not None:
        body["profile"] = {"name": message.profile_name}
    return _encoder.encode(body)


def _members(message: InboundMessage) -> dict[str, object]:
    match message.content:
        case Text(text):
            return {"message_type": "text", "text": text}
        case Unsupported():
            # The contract has a string here, so the provider's JSON goes as text.
            told = str(memoryview(message.raw), "utf-8")
            return {"message_type": "unsupported", "provider_message": told}
        case _:
            assert_never(message.content)


def _content(content: Content) -> dict[str, object]:
    match content:
        case Text(text):
            return {"type": "text", "text": text}
        case Unsupported():
            return {"type": "unsupported"}
        case _:
            assert_never(content)


def _party(provider: str, name: str) -> dict[str, str]:
    return {"type": provider, "number" if provider == "whatsapp" else "id": name}


def _context_status(message: InboundMessage, *, provider: str) -> str:
    # RCS has no quoting. Elsewhere a quote whose message we cannot name is "unavailable".
    quotes = message.reply_to is not None and provider != "rcs"
    return "unavailable" if quotes else "none"


def _iso_seconds(moment: Moment) -> str:
    return datetime.fromtimestamp(moment // 1_000, UTC).isoformat()[:19] + "Z"
