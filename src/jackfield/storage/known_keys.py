"""The keys by which an event that comes again is known, walked over in order of their names."""

from __future__ import annotations

from typing import TypeAlias

from sqlalchemy import Integer, Text, bindparam, delete, select, tuple_

from jackfield.keeping.retention import DAILY, Cutoffs, Look, Shelf
from jackfield.storage.dialects import Prepared
from jackfield.storage.tables import provider_message_ids
from jackfield.units import Steps, unit

Key: TypeAlias = tuple[str, str, str]
"""A provider, a routing key, and the provider's key of the event."""

_KEY = (
    provider_message_ids.c.provider,
    provider_message_ids.c.routing_key,
    provider_message_ids.c.event_key,
)
_PLACE = tuple_(*[bindparam(f"after_{column.name}", type_=Text) for column in _KEY])

_LOOK = Prepared(
    select(*_KEY, provider_message_ids.c.received_at)
    .where(tuple_(*_KEY) > _PLACE)
    .order_by(*_KEY)
    .limit(bindparam("limit", type_=Integer)),
)
_UPTO = tuple_(*[bindparam(f"upto_{column.name}", type_=Text) for column in _KEY])
_CLEAR = Prepared(
    delete(provider_message_ids)
    .where(
        tuple_(*_KEY) > _PLACE,
        tuple_(*_KEY) <= _UPTO,
        provider_message_ids.c.received_at < bindparam("before"),
    )
    .returning(provider_message_ids.c.received_at),
)


def _named(prefix: str, key: Key) -> dict[str, str]:
    return {f"{prefix}_{column.name}": part for column, part in zip(_KEY, key, strict=True)}


@unit
def _look_at_keys(place: Key, cutoffs: Cutoffs, limit: int) -> Steps[Look[Key]]:
    rows = yield _LOOK(**_named("after", place), limit=limit)
    ripe = sum(received_at < cutoffs.keys for *_, received_at in rows)
    if not rows:
        return Look(None, 0)
    provider, routing_key, event_key, _ = rows[-1]
    return Look((provider, routing_key, event_key), ripe)


@unit
def _clear_keys(place: Key, upto: Key, cutoffs: Cutoffs) -> Steps[int]:
    gone = yield _CLEAR(**_named("after", place), **_named("upto", upto), before=cutoffs.keys)
    return len(gone)


KEYS: Shelf[Key] = Shelf(
    name="known events",
    start=("", "", ""),
    every=DAILY,
    look=_look_at_keys,
    clear=_clear_keys,
)
