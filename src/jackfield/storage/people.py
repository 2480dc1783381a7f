"""Under which ids an account knows a person, and how it forgets them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, select

from jackfield.clock import Moment
from jackfield.keeping.erasure import Found, Person, Trail
from jackfield.storage.dialects import Prepared
from jackfield.storage.tables import accounts, contacts
from jackfield.units import Steps, unit

_ACCOUNT = Prepared(
    select(accounts.c.id, accounts.c.routing_key).where(
        accounts.c.provider == bindparam("provider"),
        accounts.c.external_id == bindparam("external_id"),
    ),
)
_STANDS_FOR = Prepared(
    select(contacts.c.person).where(
        contacts.c.account_id == bindparam("account_id"),
        contacts.c.address == bindparam("address"),
    ),
)
_ADDRESSES = Prepared(
    select(contacts.c.address).where(
        contacts.c.account_id == bindparam("account_id"),
        contacts.c.person == bindparam("person"),
    ),
)
_FORGET = Prepared(
    delete(contacts).where(
        contacts.c.account_id == bindparam("account_id"),
        contacts.c.address == bindparam("address"),
    ),
)


@unit
def find(provider: str, external_id: str, address: str) -> Steps[Person]:
    """Return a person under every id that the account has for them; to be surveyed."""
    rows = yield _ACCOUNT(provider=provider, external_id=external_id)
    account_id, routing_key = rows[0] if rows else (None, None)
    addresses = {address}
    if account_id is not None:
        rows = yield _STANDS_FOR(account_id=account_id, address=address)
        stands_for = rows[0][0] if rows else address
        rows = yield _ADDRESSES(account_id=account_id, person=stands_for)
        addresses |= {stands_for, *(each for (each,) in rows)}
    return Person(
        provider=provider,
        external_id=external_id,
        account_id=account_id,
        routing_key=routing_key,
        addresses=tuple(sorted(addresses)),
    )


@unit
def _look_at_contacts(person: Person, _place: str) -> Steps[Found]:
    if person.account_id is None:
        return Found(None)
    known: list[str] = []
    for address in person.addresses:
        rows = yield _STANDS_FOR(account_id=person.account_id, address=address)
        known += [address] if rows else []
    return Found(None, known)


@unit
def _erase_contacts(person: Person, addresses: Sequence[str], _now: Moment) -> Steps[None]:
    yield _FORGET.many(
        [{"account_id": person.account_id, "address": address} for address in addresses],
    )


CONTACTS = Trail(name="contacts", look=_look_at_contacts, erase=_erase_contacts)
