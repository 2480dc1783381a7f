"""Messenger: Facebook Pages, whose callbacks name the Page in `entry[].id`.

What people say becomes an event; receipts, echoes of what the Page said, threads another
app owns (`standby`) and page-feed `changes` are counted. Keys for duplicates: a message's
`mid`; an unsent one's `deleted:mid`; an edit's `edit:mid:number`; a reaction has no id of its
own; without any id the digest of the item stands in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

import msgspec

from jackfield.messages import Content, Event, InboundMessage, Reading, Text, Unread, Unsupported
from jackfield.providers import credentials as check
from jackfield.providers.contract import Registration
from jackfield.providers.reading import (
    UNREADABLE,
    Id,
    Pieces,
    Unreadable,
    check_text,
    identifier,
    identifier_or_none,
    moment,
    reason,
)

NAME: Final = "messenger"

NOT_MESSAGES: Final = (
    "read",
    "delivery",
    "optin",
    "referral",
    "pass_thread_control",
    "take_thread_control",
    "request_thread_control",
    "app_roles",
    "account_linking",
    "policy-enforcement",
)
"""Members that make an item something else than a message: understood, counted, not passed on."""


class _Entry(msgspec.Struct, frozen=True):
    id: Id = None
    time: Id = None
    messaging: Pieces = None
    standby: Pieces = None
    changes: Pieces = None


class _Body(msgspec.Struct, frozen=True):
    entry: tuple[_Entry, ...] | None = None


class _BodyInPieces(msgspec.Struct, frozen=True):
    entry: Pieces = None


class _Sender(msgspec.Struct, frozen=True):
    id: Id = None


class _Attachment(msgspec.Struct, frozen=True):
    type: str | None = None


class _Quoted(msgspec.Struct, frozen=True):
    mid: Id = None


class _Message(msgspec.Struct, frozen=True):
    mid: Id = None
    text: str | None = None
    attachments: tuple[_Attachment, ...] | None = None
    reply_to: _Quoted | None = None
    is_echo: bool = False
    is_deleted: bool = False


class _Postback(msgspec.Struct, frozen=True):
    mid: Id = None
    payload: str | None = None


class _Reaction(msgspec.Struct, frozen=True):
    mid: Id = None
    action: str | None = None


class _Edit(msgspec.Struct, frozen=True):
    mid: Id = None
    num_edit: Id = None


class _Item(msgspec.Struct, frozen=True):
    sender: _Sender | None = None
    timestamp: Id = None
    message: _Message | None = None
    postback: _Postback | None = None
    reaction: _Reaction | None = None
    message_edit: _Edit | None = None


_body = msgspec.json.Decoder(_Body)
_body_in_pieces = msgspec.json.Decoder(_BodyInPieces)
_entry = msgspec.json.Decoder(_Entry)
_item = msgspec.json.Decoder(_Item)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def registration(
    external_id: object, *, access_token: object, credentials: object
) -> Registration:
    """Return what is kept of a Page's credentials; its id is its routing key. Raises `Invalid`."""
    fields = check.Checked(credentials)
    page = fields.required("external_id", external_id, check.text(check.LONGEST_EXTERNAL_ID))
    token = fields.required("access_token", access_token, check.text(check.LONGEST_TOKEN))
    provider_app = fields.optional_credential("provider_app", check.text(check.LONGEST_NAME))
    fields.close()
    return Registration(page, secrets={"access_token": token}, provider_app=provider_app)


def read(body: bytes) -> Reading:
    """Return what a verified callback with `object` `page` says. Never raises."""
    reading = Reading()
    try:
        for entry in _entries(body, reading):
            _read_entry(entry, reading)
    except UNREADABLE as error:
        reading.unread.append(Unread(provider=NAME, reason=reason(error), body=body))
    return reading


def _entries(body: bytes, reading: Reading) -> Iterator[_Entry]:
    """Yield the entries of `body` in order; one that cannot be read is noted and passed over."""
    try:
        entries = _body.decode(body).entry or ()
    except UNREADABLE:
        # Rare: find the entry that does not fit, so that it costs nothing but itself.
        for piece in _body_in_pieces.decode(body).entry or ():
            try:
                yield _entry.decode(piece)
            except UNREADABLE as error:
                again = b'{"object":"page","entry":[%b]}' % bytes(piece)
                reading.unread.append(Unread(provider=NAME, reason=reason(error), body=again))
    else:
        yield from entries


def _read_entry(entry: _Entry, reading: Reading) -> None:
    for piece in entry.messaging or ():
        try:
            _read_item(piece, entry, reading)
        except UNREADABLE as error:
            reading.unread.append(_unread(piece, entry, why=reason(error)))
    if entry.standby:
        reading.ignored["standby"] += len(entry.standby)
    if entry.changes:
        reading.ignored["changes"] += len(entry.changes)


def _read_item(piece: msgspec.Raw, entry: _Entry, reading: Reading) -> None:
    check_text(piece)
    item = _item.decode(piece)
    message = item.message
    if message is not None and message.is_echo:
        reading.ignored["echo"] += 1
        return
    if message is None and not (item.postback or item.reaction or item.message_edit):
        reading.ignored[_kind(piece)] += 1
        return
    digest = hashlib.sha256(piece).digest()
    page = identifier(entry.id, "page id")
    person = identifier(item.sender.id if item.sender else None, "sender id")
    sent_at = moment(entry.time if item.timestamp is None else item.timestamp)
    quoted = identifier_or_none(message.reply_to.mid) if message and message.reply_to else None
    mark = f"{person}:{sent_at}"
    for key, content in _said(item, digest=digest, mark=mark):
        event = Event(
            provider=NAME,
            routing_key=page,
            key=identifier(key, "message id"),
            people=(person,),
            message=InboundMessage(content=content, sent_at=sent_at, raw=piece, reply_to=quoted),
            digest=digest,
        )
        reading.events.append(event)


def _kind(piece: msgspec.Raw) -> str:
    members = _members.decode(piece)
    for word in NOT_MESSAGES:
        if word in members:
            return word
    raise Unreadable("nothing in it that we know")


def _said(item: _Item, *, digest: bytes, mark: str) -> tuple[tuple[str, Content], ...]:
    """Return each thing said in `item` and its key; `mark` says who and when."""
    if item.message is not None:
        return _told(item.message, digest=digest)
    if item.postback is not None:
        payload = hashlib.sha256((item.postback.payload or "").encode()).hexdigest()
        key = item.postback.mid or f"postback:{mark}:{payload}"
        return ((str(key), Unsupported()),)
    if item.reaction is not None:
        key = f"reaction:{mark}:{item.reaction.mid}:{item.reaction.action}"
        return ((key, Unsupported()),)
    edit = item.message_edit or _Edit()
    return ((f"edit:{identifier(edit.mid, 'message id')}:{edit.num_edit}", Unsupported()),)


def _told(message: _Message, *, digest: bytes) -> tuple[tuple[str, Content], ...]:
    key = str(message.mid or f"sha256:{digest.hex()}")
    if message.is_deleted:
        return ((f"deleted:{key}", Unsupported()),)
    if not message.text:
        return ((key, Unsupported()),)
    text = (key, Text(message.text))
    # A `fallback` only repeats a link that is in the text; anything else was said beside it.
    if all(attachment.type == "fallback" for attachment in message.attachments or ()):
        return (text,)
    return (text, (f"{key}#1", Unsupported()))


def _unread(piece: msgspec.Raw, entry: _Entry, *, why: str) -> Unread:
    envelope = msgspec.json.encode({"id": entry.id, "time": entry.time})
    again = b'{"object":"page","entry":[%b,"messaging":[%b]}]}' % (envelope[:-1], bytes(piece))
    page = identifier_or_none(entry.id)
    return Unread(provider=NAME, routing_key=page, reason=why, body=again)
