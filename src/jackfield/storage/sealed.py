"""Everything that is sealed, wherever it is kept: read in slices, and put back under a new key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    Column,
    Integer,
    LargeBinary,
    Select,
    bindparam,
    func,
    select,
    tuple_,
    update,
)

from jackfield.accounts import Provider, credentials_place
from jackfield.provider_apps import SecretRole, secret_place
from jackfield.sealing import CHECK_PLACE, HEAD_BYTES, Place
from jackfield.storage.dialects import Prepared
from jackfield.storage.tables import (
    accounts,
    idempotency_keys,
    keyring,
    provider_app_secrets,
    provider_apps,
    signature_secrets,
)
from jackfield.tenants import signature_secret_place
from jackfield.units import Steps, unit

Position: TypeAlias = tuple[int | str, ...]
"""The primary key of a row, by which a table is walked; empty before the first."""


@dataclass(frozen=True, slots=True)
class SealedValue:
    """One sealed value: the row it is found in, where it opens, and its envelope."""

    position: Position
    place: Place
    envelope: bytes


@dataclass(frozen=True, slots=True)
class _Home:
    """A column of sealed values: how they are read, put back and counted, and where each opens."""

    names: Sequence[str]
    start: Position
    read: Prepared
    put: Prepared
    heads: Prepared
    count: Prepared
    place: Callable[..., Place]


def _home(
    sealed: Column[Any],
    *,
    key: Sequence[Column[Any]],
    named_by: Sequence[Column[Any]],
    place: Callable[..., Place],
    joined: Callable[[Select[Any]], Select[Any]] = lambda query: query,
) -> _Home:
    """Return the home of the column `sealed`, in a table with this primary key."""
    behind = [bindparam(f"after_{column.name}", type_=column.type) for column in key]
    head = func.substr(sealed, 1, HEAD_BYTES, type_=LargeBinary)
    values: list[Any] = [*key, sealed, *named_by]

    def walk(*columns: Any) -> Prepared:  # noqa: ANN401 - columns and expressions
        rows = joined(select(*columns)).where(tuple_(*key) > tuple_(*behind), sealed.is_not(None))
        return Prepared(rows.order_by(*key).limit(bindparam("limit", type_=Integer)))

    return _Home(
        names=[column.name for column in key],
        start=tuple(0 if isinstance(column.type, Integer) else "" for column in key),
        read=walk(*values),
        # Whoever changed the value meanwhile sealed it too, and is not overwritten.
        put=Prepared(
            update(sealed.table)
            .where(
                *(column == bindparam(f"of_{column.name}") for column in key),
                sealed == bindparam("as_read"),
            )
            .values({sealed.name: bindparam("anew")})
            .returning(*key),
        ),
        heads=walk(*key, head),
        count=Prepared(joined(select(func.count(sealed)))),
        place=place,
    )


_ANSWER_KEY: Final = (
    idempotency_keys.c.api_key,
    idempotency_keys.c.method,
    idempotency_keys.c.path,
    idempotency_keys.c.key,
)
_HOMES: Final[Mapping[str, _Home]] = {
    "provider_app_secrets": _home(
        provider_app_secrets.c.sealed,
        key=(provider_app_secrets.c.id,),
        named_by=(provider_apps.c.kind, provider_apps.c.name, provider_app_secrets.c.role),
        place=lambda kind, name, role: secret_place(kind, name, SecretRole(role)),
        joined=lambda query: query.join(
            provider_apps, provider_apps.c.id == provider_app_secrets.c.provider_app_id
        ),
    ),
    "signature_secrets": _home(
        signature_secrets.c.sealed,
        key=(signature_secrets.c.id,),
        named_by=(signature_secrets.c.api_key,),
        place=signature_secret_place,
    ),
    "accounts": _home(
        accounts.c.credentials,
        key=(accounts.c.id,),
        named_by=(accounts.c.provider, accounts.c.external_id),
        place=lambda provider, external_id: credentials_place(Provider(provider), external_id),
    ),
    "idempotency_keys": _home(
        idempotency_keys.c.answer,
        key=_ANSWER_KEY,
        named_by=_ANSWER_KEY,
        place=lambda *key: Place("idempotency_keys", " ".join(key), "answer"),
    ),
    # Last: a start without the old key is refused for as long as anything may need that key.
    "keyring": _home(
        keyring.c.check_value,
        key=(keyring.c.purpose,),
        named_by=(),
        place=lambda: CHECK_PLACE,
        joined=lambda query: query.where(keyring.c.purpose == "database"),
    ),
}
TABLES: Final = tuple(_HOMES)
"""In the order they are walked."""


@unit
def values(table: str, *, after: Position, limit: int) -> Steps[Sequence[SealedValue]]:
    """Return the next `limit` sealed values of a table, behind a position."""
    home = _HOMES[table]
    width = len(home.start)
    rows = yield home.read(**_behind(home, after), limit=limit)
    return [
        SealedValue(tuple(row[:width]), home.place(*row[width + 1 :]), row[width]) for row in rows
    ]


@unit
def put(table: str, anew: Iterable[tuple[SealedValue, bytes]]) -> Steps[int]:
    """Store each value's new envelope, where it still is what was read; return how many were."""
    home = _HOMES[table]
    runs = [
        {"as_read": value.envelope, "anew": envelope}
        | {f"of_{name}": part for name, part in zip(home.names, value.position, strict=True)}
        for value, envelope in anew
    ]
    rows = yield home.put.many(runs)
    return len(rows)


@unit
def heads(table: str, *, after: Position, limit: int) -> Steps[Sequence[tuple[Position, bytes]]]:
    """Return the next `limit` values as `values` does, of each the head of its envelope only."""
    home = _HOMES[table]
    rows = yield home.heads(**_behind(home, after), limit=limit)
    return [(tuple(position), head) for *position, head in rows]


@unit
def count() -> Steps[int]:
    """Return how many values are sealed."""
    total = 0
    for home in _HOMES.values():
        rows = yield home.count()
        total += rows[0][0]
    return total


def _behind(home: _Home, after: Position) -> dict[str, int | str]:
    parts = zip(home.names, after or home.start, strict=True)
    return {f"after_{name}": part for name, part in parts}
