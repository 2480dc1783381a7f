"""The table of contacts: one person under every id that an account knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, select, update

from jackfield.inbound import Address
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

# Setting what is there already is how both databases give back the row that was in the way.
_INTRODUCE = Prepared(
    insert(contacts)
    .values({column: bindparam(column.name) for column in _COLUMNS})
    .on_conflict_do_update(
        index_elements=[contacts.c.account_id, contacts.c.address],
        set_={"person": contacts.c.person},
    )
    .returning(*_COLUMNS),
)

_ADOPT = Prepared(
    update(contacts)
    .where(
        contacts.c.account_id == bindparam("of_account_id"),
        contacts.c.address == bindparam("of_address"),
    )
    .values(person=bindparam("new_person")),
)


@unit
def people(addresses: Sequence[Address]) -> Steps[Mapping[Address, str]]:
    """See `Arrivals.people`."""
    rows = yield _PERSON.many(
        [{"account_id": account_id, "address": address} for account_id, address in addresses],
    )
    return {(account_id, address): person for account_id, address, person in rows}


@unit
def introduce(strangers: Mapping[Address, str]) -> Steps[Mapping[Address, str]]:
    """See `Arrivals.introduce`."""
    rows = yield _INTRODUCE.many(
        [
            {"account_id": account_id, "address": address, "person": person}
            for (account_id, address), person in strangers.items()
        ],
    )
    return {(account_id, address): person for account_id, address, person in rows}


@unit
def adopt(moved: Mapping[Address, str]) -> Steps[None]:
    """See `Arrivals.adopt`."""
    yield _ADOPT.many(
        [
            {"of_account_id": account_id, "of_address": address, "new_person": person}
            for (account_id, address), person in moved.items()
        ],
    )
