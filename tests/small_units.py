"""Small units on the tables of tenants and totals: some write, some fail, some sleep."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, func, select, update

from jackfield.applications import Application
from jackfield.clock import Moment
from jackfield.storage import applications, tenants, totals
from jackfield.storage.dialects import Prepared
from jackfield.storage.tables import tenants as tenants_table
from jackfield.tenants import Tenant
from jackfield.units import Steps, unit

WHEN = Moment(1_700_000_000_000)

_NAME = Prepared(
    select(tenants_table.c.name).where(tenants_table.c.api_key == bindparam("api_key")),
)
_RENAME = Prepared(
    update(tenants_table)
    .where(tenants_table.c.api_key == bindparam("key"))
    .values(name=bindparam("new_name")),
)
_SLEEP = Prepared(select(func.pg_sleep(bindparam("seconds"))))


class Refusal(Exception):
    """What a rule of the tests raises."""


def tenant(api_key: str) -> Tenant:
    return Tenant(api_key, f"{api_key} Ltd", WHEN)


def application(number: int, *, of: str) -> Application:
    name = f"00000000-0000-4000-8000-{number:012d}"
    return Application(name, of, "Desk", None, None, None, None, b"{}", 1, WHEN)


@unit
def look_then_refuse(api_key: str) -> Steps[None]:
    yield from tenants.find(api_key)
    raise Refusal(api_key)


@unit
def add_then_refuse(api_key: str) -> Steps[None]:
    yield from tenants.add(tenant(api_key))
    raise Refusal(api_key)


@unit
def add_then_break(api_key: str, *, as_broken: Application) -> Steps[None]:
    """Add a tenant, then an application that the database itself refuses."""
    yield from tenants.add(tenant(api_key))
    yield from applications.add(as_broken)


@unit
def add_and_count(api_key: str) -> Steps[bool]:
    is_new = yield from tenants.add(tenant(api_key))
    yield from totals.count("tenants", "", by=1)
    return is_new


@unit
def name_many(*names: str | None, key: str) -> Steps[None]:
    """Rename a tenant several times with one statement; None is refused by the database."""
    yield _RENAME.many([{"key": key, "new_name": name} for name in names])


@unit
def rename(key: str, name: Any) -> Steps[None]:  # noqa: ANN401 -- also what no name can be
    yield _RENAME(key=key, new_name=name)


@unit
def rename_slowly(*keys: str, name: str, seconds: float) -> Steps[None]:
    """Rename tenants in this order, with a rest after each (PostgreSQL only)."""
    for key in keys:
        yield _RENAME(key=key, new_name=name)
        yield _SLEEP(seconds=seconds)


@unit
def found_slowly(key: str, *, seconds: float) -> Steps[Tenant | None]:
    """Rest, and then look for a tenant (PostgreSQL only)."""
    yield _SLEEP(seconds=seconds)
    return (yield from tenants.find(key))


@unit
def read_think_write(key: str) -> Steps[None]:
    """Add one to the number that a tenant has for a name."""
    rows = yield _NAME(api_key=key)
    yield _RENAME(key=key, new_name=str(int(rows[0][0]) + 1))
