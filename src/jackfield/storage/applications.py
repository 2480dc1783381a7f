"""The table of applications."""

from __future__ import annotations

from sqlalchemy import Integer, bindparam, delete, select, update

from jackfield.applications import Application, ApplicationPage, WebhookVersion
from jackfield.storage import totals
from jackfield.storage.dialects import Prepared, insert
from jackfield.storage.tables import applications
from jackfield.storage.unbinding import hold, release, unbind
from jackfield.units import Row, Steps, unit

__all__ = [
    "add",
    "find",
    "find_to_change",
    "find_to_link",
    "hold",
    "page",
    "put",
    "release",
    "remove",
    "unbind",
]

_COLUMNS = (
    applications.c.id,
    applications.c.api_key,
    applications.c.name,
    applications.c.public_key,
    applications.c.webhook_version,
    applications.c.inbound_url,
    applications.c.status_url,
    applications.c.document,
    applications.c.version,
    applications.c.created_at,
)

_ADD = Prepared(
    insert(applications).values({column: bindparam(column.name) for column in _COLUMNS}),
)

_find = select(*_COLUMNS).where(applications.c.id == bindparam("id"))
_FIND = Prepared(_find)
# On SQLite a transaction that writes is the only one anyway.
_FIND_TO_CHANGE = Prepared(_find.with_for_update())
# Many may link at once: FOR KEY SHARE is what the foreign key takes anyway, only earlier.
_FIND_TO_LINK = Prepared(_find.with_for_update(read=True, key_share=True))

_PAGE = Prepared(
    select(*_COLUMNS)
    .where(applications.c.api_key == bindparam("api_key"))
    .order_by(applications.c.number)
    .limit(bindparam("limit", type_=Integer))
    .offset(bindparam("offset", type_=Integer)),
)

_CHANGES = ("name", "public_key", "webhook_version", "inbound_url", "status_url", "document")

_PUT = Prepared(
    update(applications)
    .where(applications.c.id == bindparam("of_id"))
    .values({name: bindparam(f"new_{name}") for name in (*_CHANGES, "version")}),
)

_REMOVE = Prepared(delete(applications).where(applications.c.id == bindparam("of_id")))


@unit
def add(application: Application) -> Steps[None]:
    """See `Applications.add`."""
    yield _ADD(**{column.name: getattr(application, column.name) for column in _COLUMNS})
    yield from totals.count("applications", application.api_key, by=1)


@unit
def find(application_id: str) -> Steps[Application | None]:
    """See `Applications.find`."""
    rows = yield _FIND(id=application_id)
    return _application(rows[0]) if rows else None


@unit
def find_to_change(application_id: str) -> Steps[Application | None]:
    """See `Applications.find_to_change`."""
    rows = yield _FIND_TO_CHANGE(id=application_id)
    return _application(rows[0]) if rows else None


@unit
def find_to_link(application_id: str) -> Steps[Application | None]:
    """See `Applications.find_to_link`."""
    rows = yield _FIND_TO_LINK(id=application_id)
    return _application(rows[0]) if rows else None


@unit
def page(api_key: str, *, offset: int, limit: int) -> Steps[ApplicationPage]:
    """See `Applications.page`."""
    rows = yield _PAGE(api_key=api_key, offset=offset, limit=limit)
    total = yield from totals.total("applications", api_key)
    return ApplicationPage([_application(row) for row in rows], total)


@unit
def put(application: Application) -> Steps[None]:
    """See `Applications.put`."""
    changes = {f"new_{name}": getattr(application, name) for name in (*_CHANGES, "version")}
    yield _PUT(of_id=application.id, **changes)


@unit
def remove(application: Application) -> Steps[None]:
    """See `Applications.remove`."""
    yield _REMOVE(of_id=application.id)
    yield from totals.count("applications", application.api_key, by=-1)


def _application(row: Row) -> Application:
    number, api_key, name, public_key, version, *rest = row
    webhook_version = None if version is None else WebhookVersion(version)
    return Application(number, api_key, name, public_key, webhook_version, *rest)
