"""WhatsApp: Cloud API numbers, whose callbacks name the number's id in `value.metadata`.

What people say becomes an event, whichever kind of message; status updates, `errors`, notices
of the system, and `changes` of any other webhook field are counted. The key for duplicates is the
message's `id`, or the digest of the item where it has none. The sender is who `from` says,
else `from_user_id`, else the contact's `wa_id`, else its `user_id`: people with a username may
be shown without a number.
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
    digits_of,
    identifier,
    identifier_or_none,
    moment,
    pieces,
    reason,
)

NAME: Final = "whatsapp"

NOTICES: Final = frozenset({"system", "request_welcome"})
"""Types of message nobody wrote: a changed number, a chat opened. Counted, not passed on."""


class _Change(msgspec.Struct, frozen=True):
    field: str
    value: msgspec.Raw


class _Entry(msgspec.Struct, frozen=True):
    changes: tuple[_Change, ...] | None = None


class _Body(msgspec.Struct, frozen=True):
    entry: tuple[_Entry, ...] | None = None


class _BodyInPieces(msgspec.Struct, frozen=True):
    entry: Pieces = None


class _EntryInPieces(msgspec.Struct, frozen=True):
    changes: Pieces = None


class _Metadata(msgspec.Struct, frozen=True):
    phone_number_id: Id = None
    display_phone_number: Id = None


class _Value(msgspec.Struct, frozen=True):
    metadata: _Metadata | None = None
    contacts: msgspec.Raw = msgspec.Raw(b"[]")
    messages: Pieces = None
    statuses: Pieces = None
    errors: Pieces = None


class _Profile(msgspec.Struct, frozen=True):
    name: str | None = None


class _Contact(msgspec.Struct, frozen=True):
    profile: _Profile | None = None
    wa_id: Id = None
    user_id: Id = None


class _Text(msgspec.Struct, frozen=True):
    body: str


class _Quoted(msgspec.Struct, frozen=True):
    id: Id = None


class _Message(msgspec.Struct, frozen=True):
    type: str
    id: Id = None
    sender: Id = msgspec.field(name="from", default=None)
    from_user_id: Id = None
    from_parent_user_id: Id = None
    timestamp: Id = None
    group_id: Id = None
    text: _Text | None = None
    context: _Quoted | None = None


_body = msgspec.json.Decoder(_Body)
_body_in_pieces = msgspec.json.Decoder(_BodyInPieces)
_entry_in_pieces = msgspec.json.Decoder(_EntryInPieces)
_change = msgspec.json.Decoder(_Change)
_value = msgspec.json.Decoder(_Value)
_contact = msgspec.json.Decoder(_Contact)
_contacts = msgspec.json.Decoder(tuple[_Contact, ...])
_message = msgspec.json.Decoder(_Message)


def registration(
    external_id: object, *, access_token: object, credentials: object
) -> Registration:
    """Return what is kept of a number's credentials. Raises `Invalid`.

    The account is named by the number's digits, its callbacks by `credentials.phone_number_id`.
    The token may stand in `credentials`, or beside them as a Page's does.
    """
    provider_id = check.digits(1, check.LONGEST_PROVIDER_ID)
    token = check.text(check.LONGEST_TOKEN)
    fields = check.Checked(credentials)
    fields.required("external_id", external_id, check.digits(7, 15))
    number_id = fields.required_credential("phone_number_id", provider_id)
    inside = fields.optional_credential("access_token", token)
    beside = fields.optional("access_token", access_token, token)
    kept = {
        "access_token": inside or beside,
        "waba_id": fields.optional_credential("waba_id", provider_id),
    }
    provider_app = fields.optional_credential("provider_app", check.text(check.LONGEST_NAME))
    fields.close()
    secrets = {name: value for name, value in kept.items() if value is not None}
    return Registration(number_id, secrets=secrets, provider_app=provider_app)


def read(body: bytes) -> Reading:
    """Return what a verified callback of a WhatsApp business account says. Never raises."""
    reading = Reading()
    try:
        for change in _changes(body, reading):
            try:
                _read_change(change, reading)
            except UNREADABLE as error:
                again = b'{"changes":[%b]}' % msgspec.json.encode(change)
                reading.unread.append(_unread(again, why=reason(error)))
    except UNREADABLE as error:
        reading.unread.append(Unread(provider=NAME, reason=reason(error), body=body))
    return reading


def _changes(body: bytes, reading: Reading) -> Iterator[_Change]:
    """Yield the changes of `body` in order; what cannot be read is noted and passed over."""
    try:
        entries = _body.decode(body).entry or ()
    except UNREADABLE:
        # Rare: find the change that does not fit, so that it costs nothing but itself.
        for piece in _body_in_pieces.decode(body).entry or ():
            yield from _changes_apart(piece, reading)
    else:
        for entry in entries:
            yield from entry.changes or ()


def _changes_apart(entry: msgspec.Raw, reading: Reading) -> Iterator[_Change]:
    try:
        changes = _entry_in_pieces.decode(entry).changes or ()
    except UNREADABLE as error:
        reading.unread.append(_unread(bytes(entry), why=reason(error)))
        return
    for piece in changes:
        try:
            yield _change.decode(piece)
        except UNREADABLE as error:
            again = b'{"changes":[%b]}' % bytes(piece)
            reading.unread.append(_unread(again, why=reason(error)))


def _read_change(change: _Change, reading: Reading) -> None:
    if change.field != "messages":
        reading.ignored["change"] += 1
        return
    value = _value.decode(change.value)
    if value.messages:
        contacts = _known(value.contacts)
        for piece in value.messages:
            try:
                _read_message(piece, value, contacts, reading)
            except UNREADABLE as error:
                reading.unread.append(_unread_message(piece, value, why=reason(error)))
    if value.statuses:
        reading.ignored["status"] += len(value.statuses)
    if value.errors:
        reading.ignored["error"] += len(value.errors)


def _known(contacts: msgspec.Raw) -> tuple[_Contact, ...]:
    """Return the contacts that can be read: a broken one takes only a name with it."""
    try:
        return _contacts.decode(contacts)
    except UNREADABLE:
        pass
    readable = []
    try:
        for piece in pieces.decode(contacts):
            try:
                readable.append(_contact.decode(piece))
            except UNREADABLE:
                continue
    except UNREADABLE:
        return ()
    return tuple(readable)


def _read_message(
    piece: msgspec.Raw, value: _Value, contacts: tuple[_Contact, ...], reading: Reading
) -> None:
    check_text(piece)
    message = _message.decode(piece)
    if message.type in NOTICES:
        reading.ignored[message.type] += 1
        return
    digest = hashlib.sha256(piece).digest()
    number_id = value.metadata.phone_number_id if value.metadata else None
    contact = _contact_of(message, contacts)
    event = Event(
        provider=NAME,
        routing_key=identifier(number_id, "phone number id"),
        key=identifier(message.id or f"sha256:{digest.hex()}", "message id"),
        people=_people(message, contact),
        message=InboundMessage(
            content=_content(message),
            sent_at=moment(message.timestamp),
            raw=piece,
            profile_name=(contact.profile.name or None) if contact.profile else None,
            reply_to=identifier_or_none(message.context.id) if message.context else None,
        ),
        digest=digest,
        shown_as=digits_of(value.metadata.display_phone_number if value.metadata else None),
    )
    reading.events.append(event)


def _content(message: _Message) -> Content:
    # Words in a group look like words to us once the group is left out; so they stay raw.
    if message.type == "text" and message.text is not None and message.group_id is None:
        return Text(message.text.body)
    return Unsupported()


def _contact_of(message: _Message, contacts: tuple[_Contact, ...]) -> _Contact:
    """Return the sender among `contacts`, by one of their ids; an empty contact if not there."""
    for contact in contacts:
        if message.sender is not None and _same(contact.wa_id, message.sender):
            return contact
        if message.from_user_id is not None and _same(contact.user_id, message.from_user_id):
            return contact
    # A message without any sender is the only contact's. With several, a guess could show one
    # person's words as another's.
    nameless = message.sender is message.from_user_id is None
    return contacts[0] if nameless and len(contacts) == 1 else _Contact()


def _same(one: Id, other: Id) -> bool:
    return str(one) == str(other)


def _people(message: _Message, contact: _Contact) -> tuple[str, ...]:
    """Return every id the sender is known under, each once, the one to show first.

    Raises `Unreadable` when there is none.
    """
    told = (message.sender, message.from_user_id, message.from_parent_user_id)
    sender, user_id, parent_id = (i if i is None else identifier(i, "sender id") for i in told)
    wa_id, contact_user_id = identifier_or_none(contact.wa_id), identifier_or_none(contact.user_id)
    candidates = (sender, user_id, wa_id, contact_user_id, parent_id)
    people = tuple(dict.fromkeys(person for person in candidates if person is not None))
    if not people:
        raise Unreadable("no sender id")
    return people


def _unread(entry: bytes, *, why: str, routing_key: str | None = None) -> Unread:
    again = b'{"object":"whatsapp_business_account","entry":[%b]}' % entry
    return Unread(provider=NAME, routing_key=routing_key, reason=why, body=again)


def _unread_message(piece: msgspec.Raw, value: _Value, *, why: str) -> Unread:
    number_id = value.metadata.phone_number_id if value.metadata else None
    envelope = msgspec.json.encode({"metadata": value.metadata, "contacts": value.contacts})
    again = b'{"changes":[{"field":"messages","value":%b,"messages":[%b]}}]}' % (
        envelope[:-1],
        bytes(piece),
    )
    return _unread(again, why=why, routing_key=identifier_or_none(number_id))
