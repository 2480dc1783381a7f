"""What stands in a prepared statement, and what is bound when it runs."""

from __future__ import annotations

from sqlalchemy import bindparam, func, literal, select

from jackfield.storage.dialects import Prepared
from jackfield.storage.tables import deliveries
from jackfield.units import Steps, Store, unit

HELD = Prepared(
    select(func.count()).where(
        deliveries.c.state == "held", deliveries.c.account_id == bindparam("account")
    ),
)
ODD = "it's 100% :not \\ a $1 bind"
_ODD = Prepared(select(literal(ODD)))


@unit
def odd() -> Steps[object]:
    rows = yield _ODD()
    return rows[0][0]


def test_a_constant_stands_in_the_text_and_only_what_differs_is_bound() -> None:
    # A partial index is `WHERE state = 'held'`: no planner finds it behind a bound value.
    text, constants = HELD.sqlite
    other, names, others = HELD.postgres

    assert "'held'" in text
    assert "'held'" in other
    assert ":account" in text
    assert (constants, names, others) == ({}, ("account",), {})


async def test_a_constant_comes_back_as_it_was(store: Store) -> None:
    assert await store.read(odd()) == ODD
