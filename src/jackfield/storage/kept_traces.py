"""What names a person among the pieces that became no message, and what tells what they said."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import Integer, bindparam, delete, exists, or_, select, update

from jackfield.balance import Tally
from jackfield.clock import Moment
from jackfield.keeping.erasure import Found, Person, Trail
from jackfield.storage.arrivals import ERASED
from jackfield.storage.dialects import Prepared
from jackfield.storage.tables import inbound_bodies, messages, provider_message_ids
from jackfield.units import Steps, tally, unit

PIECES_AT_ONCE = 50
"""Pieces that one slice reads whole; each may have megabytes."""

KEYS_AT_ONCE = 1_000

_PIECES = Prepared(
    select(inbound_bodies.c.id, inbound_bodies.c.routing_key, inbound_bodies.c.body)
    .where(
        inbound_bodies.c.id > bindparam("place"),
        or_(
            inbound_bodies.c.provider == bindparam("provider"),
            inbound_bodies.c.provider.is_(None),
        ),
    )
    .order_by(inbound_bodies.c.id)
    .limit(bindparam("limit", type_=Integer)),
)
_FORGET_PIECE = Prepared(
    delete(inbound_bodies)
    .where(inbound_bodies.c.id == bindparam("piece_id"))
    .returning(inbound_bodies.c.id),
)

_is_known = (
    provider_message_ids.c.provider == bindparam("of_provider"),
    provider_message_ids.c.routing_key == bindparam("of_routing_key"),
)
_its_message_is_gone = ~exists().where(messages.c.id == provider_message_ids.c.message_id)
_EVENTS = Prepared(
    select(provider_message_ids.c.event_key, provider_message_ids.c.digest, _its_message_is_gone)
    .where(*_is_known, provider_message_ids.c.event_key > bindparam("place"))
    .order_by(provider_message_ids.c.event_key)
    .limit(bindparam("limit", type_=Integer)),
)
_FORGET_CONTENT = Prepared(
    update(provider_message_ids)
    .where(
        *_is_known,
        provider_message_ids.c.event_key == bindparam("of_event_key"),
        _its_message_is_gone,
    )
    .values(digest=ERASED),
)


def names(body: bytes, addresses: Sequence[str]) -> bool:
    """Return whether any of these ids stands in `body`, and not as a part of a longer one."""
    each = b"|".join(re.escape(address.encode()) for address in addresses)
    return re.search(rb"(?<![0-9A-Za-z])(?:" + each + rb")(?![0-9A-Za-z])", body) is not None


@unit
def _look_at_pieces(person: Person, place: str) -> Steps[Found]:
    rows = yield _PIECES(place=int(place or 0), provider=person.provider, limit=PIECES_AT_ONCE)
    if not rows:
        return Found(None)
    naming = {
        piece_id: routing_key
        for piece_id, routing_key, body in rows
        if names(body, person.addresses)
    }
    # A piece with a routing key is one item. One without may be all that a webhook said.
    known = person.routing_key
    own = [each for each, key in naming.items() if known is not None and key == known]
    return Found(str(rows[-1][0]), own, elsewhere=[each for each in naming if each not in own])


@unit
def _erase_pieces(_person: Person, ids: Sequence[int], _now: Moment) -> Steps[None]:
    gone = yield _FORGET_PIECE.many([{"piece_id": piece_id} for piece_id in ids])
    if gone:
        yield tally(Tally.DISCARDED, len(gone))


@unit
def _look_at_keys(person: Person, place: str) -> Steps[Found]:
    if person.routing_key is None:
        return Found(None)
    rows = yield _EVENTS(
        of_provider=person.provider,
        of_routing_key=person.routing_key,
        place=place,
        limit=KEYS_AT_ONCE,
    )
    telling = [key for key, digest, is_gone in rows if is_gone and digest != ERASED]
    return Found(rows[-1][0] if rows else None, telling)


@unit
def _erase_keys(person: Person, keys: Sequence[str], _now: Moment) -> Steps[None]:
    yield _FORGET_CONTENT.many(
        [
            {
                "of_provider": person.provider,
                "of_routing_key": person.routing_key,
                "of_event_key": key,
            }
            for key in keys
        ],
    )


PIECES = Trail(name="pieces", look=_look_at_pieces, erase=_erase_pieces)
KEYS = Trail(name="keys", look=_look_at_keys, erase=_erase_keys)
