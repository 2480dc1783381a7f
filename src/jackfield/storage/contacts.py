"""The table of contacts: one person under every id that an account knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import ScalarSelect, bindparam, func, select, update

from jackfield.contacts import Address, Stranger
from jackfield.storage.dialects import Prepared, insert
from jackfield.storage.tables import contacts
from jackfield.units import Steps, unit

_COLUMNS = (contacts.c.account_id, contacts.c.address, contacts.c.person)

_PERSON = Prepared(
    select(*_COLUMNS).where(
        contacts.c.account_id == bindparam("account_id"),
        contacts.c.address == bindparam("address"),
    ),
)

_MOST_BESIDE = 4
"""Other ids of the same person that are looked at; no provider tells more."""

_other = contacts.alias("other")


def _known(beside: str) -> ScalarSelect[str]:
    who = select(_other.c.person).where(
        _other.c.account_id == bindparam("account_id"), _other.c.address == bindparam(beside)
    )
    return who.scalar_subquery()


# Whom their other ids stand for is looked up anew, in the statement that writes: a neighbour in
# the same batch may have introduced one since, and nobody shall see the ids of one person differ.
# Who had a repeat to count would come here behind those who queued after it.
_INTRODUCE = Prepared(
    insert(contacts)
    .values(
        account_id=bindparam("account_id"),
        address=bindparam("address"),
        person=func.coalesce(
            *(_known(f"beside_{n}") for n in range(_MOST_BESIDE)), bindparam("person")
        ),
    )
    .on_conflict_do_nothing()
    .returning(*_COLUMNS),
    turn=1,
)

_ADOPT = Prepared(
    update(contacts)
    .where(
        contacts.c.account_id == bindparam("of_account_id"),
        contacts.c.address == bindparam("of_address"),
    )
    .values(person=bindparam("new_person")),
    turn=1,
)


@unit
def people(addresses: Sequence[Address]) -> Steps[Mapping[Address, str]]:
    """See `Arrivals.people`."""
    rows = yield _PERSON.many(
        [{"account_id": account_id, "address": address} for account_id, address in addresses],
    )
    return {(account_id, address): person for account_id, address, person in rows}


@unit
def introduce(strangers: Mapping[Address, Stranger]) -> Steps[Mapping[Address, str]]:
    """See `Arrivals.introduce`."""
    rows = yield _INTRODUCE.many([_stranger(*one) for one in strangers.items()])
    return {(account_id, address): person for account_id, address, person in rows}


def _stranger(address: Address, stranger: Stranger) -> dict[str, object]:
    account_id, name = address
    beside = [*stranger.beside, *[name] * _MOST_BESIDE][:_MOST_BESIDE]
    return {
        "account_id": account_id,
        "address": name,
        "person": stranger.person,
        **{f"beside_{n}": other for n, other in enumerate(beside)},
    }


@unit
def adopt(moved: Mapping[Address, str]) -> Steps[None]:
    """See `Arrivals.adopt`."""
    yield _ADOPT.many(
        [
            {"of_account_id": account_id, "of_address": address, "new_person": person}
            for (account_id, address), person in moved.items()
        ],
    )
