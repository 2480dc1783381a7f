"""Everything that is sealed, wherever it is kept: read in slices, and put back under a new key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Integer,
    LargeBinary,
    Select,
    bindparam,
    func,
    literal_column,
    select,
    update,
)

from jackfield.accounts import Provider, credentials_place
from jackfield.provider_apps import SecretRole, secret_place
from jackfield.sealing import CHECK_PLACE, HEAD_BYTES, Place
from jackfield.storage.dialects import Prepared
from jackfield.storage.tables import (
    accounts,
    keyring,
    provider_app_secrets,
    provider_apps,
    signature_secrets,
)
from jackfield.tenants import signature_secret_place
from jackfield.units import Steps, unit


@dataclass(frozen=True, slots=True)
class SealedValue:
    """One sealed value: the number it is found by, where it opens, and its envelope."""

    number: int
    place: Place
    envelope: bytes


@dataclass(frozen=True, slots=True)
class _Home:
    """A column of sealed values: how they are read, put back and counted, and where each opens."""

    read: Prepared
    put: Prepared
    heads: Prepared
    count: Prepared
    place: Callable[..., Place]


def _home(
    sealed: Column[Any],
    *,
    number: ColumnElement[int],
    named_by: Sequence[Column[Any]],
    place: Callable[..., Place],
    joined: Callable[[Select[Any]], Select[Any]] = lambda query: query,
) -> _Home:
    """Return the home of the column `sealed`; `number` tells its rows apart and orders them."""
    walk = (
        joined(select(number.label("number"), sealed.label("sealed"), *named_by))
        .where(number > bindparam("after", type_=BigInteger), sealed.is_not(None))
        .order_by(number)
        .limit(bindparam("limit", type_=Integer))
    )
    some = walk.subquery()
    head = func.substr(some.c.sealed, 1, HEAD_BYTES, type_=LargeBinary)
    counted: list[ColumnElement[Any]] = [head, func.count(), func.max(some.c.number)]
    return _Home(
        read=Prepared(walk),
        # Whoever changed the value meanwhile sealed it too, and is not overwritten.
        put=Prepared(
            update(sealed.table)
            .where(number == bindparam("of_number"), sealed == bindparam("as_read"))
            .values({sealed.name: bindparam("anew")})
            .returning(number),
        ),
        heads=Prepared(select(*counted).group_by(head)),
        count=Prepared(joined(select(func.count(sealed)))),
        place=place,
    )


_HOMES: Final[Mapping[str, _Home]] = {
    "provider_app_secrets": _home(
        provider_app_secrets.c.sealed,
        number=provider_app_secrets.c.id,
        named_by=(provider_apps.c.kind, provider_apps.c.name, provider_app_secrets.c.role),
        place=lambda kind, name, role: secret_place(kind, name, SecretRole(role)),
        joined=lambda query: query.join(
            provider_apps, provider_apps.c.id == provider_app_secrets.c.provider_app_id
        ),
    ),
    "signature_secrets": _home(
        signature_secrets.c.sealed,
        number=signature_secrets.c.id,
        named_by=(signature_secrets.c.api_key,),
        place=signature_secret_place,
    ),
    "accounts": _home(
        accounts.c.credentials,
        number=accounts.c.id,
        named_by=(accounts.c.provider, accounts.c.external_id),
        place=lambda provider, external_id: credentials_place(Provider(provider), external_id),
    ),
    # Last: a start without the old key is refused for as long as anything may need that key.
    "keyring": _home(
        keyring.c.check_value,
        number=literal_column("1", Integer),
        named_by=(),
        place=lambda: CHECK_PLACE,
        joined=lambda query: query.where(keyring.c.purpose == "database"),
    ),
}
TABLES: Final = tuple(_HOMES)
"""In the order they are walked."""


@unit
def values(table: str, *, after: int, limit: int) -> Steps[Sequence[SealedValue]]:
    """Return the next `limit` sealed values of a table, behind the number `after`."""
    home = _HOMES[table]
    rows = yield home.read(after=after, limit=limit)
    return [
        SealedValue(number, home.place(*named_by), envelope)
        for number, envelope, *named_by in rows
    ]


@unit
def put(table: str, anew: Iterable[tuple[SealedValue, bytes]]) -> Steps[int]:
    """Store each value's new envelope, where it still is what was read; return how many were."""
    runs = [
        {"of_number": value.number, "as_read": value.envelope, "anew": envelope}
        for value, envelope in anew
    ]
    rows = yield _HOMES[table].put.many(runs)
    return len(rows)


@unit
def heads(table: str, *, after: int, limit: int) -> Steps[tuple[dict[bytes, int], int | None]]:
    """Count the next `limit` values of a table by the head of their envelope.

    Returns the counts and the number to go on behind; None where there is nothing more.
    """
    rows = yield _HOMES[table].heads(after=after, limit=limit)
    counts = {bytes(head): amount for head, amount, _ in rows}
    last = max((number for _, _, number in rows), default=None)
    return counts, last


@unit
def count() -> Steps[int]:
    """Return how many values are sealed."""
    total = 0
    for home in _HOMES.values():
        rows = yield home.count()
        total += rows[0][0]
    return total
