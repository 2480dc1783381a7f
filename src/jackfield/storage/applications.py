"""The table of applications."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from jackfield.applications import Application, WebhookVersion
from jackfield.storage.dialects import Prepared, insert
from jackfield.storage.tables import applications
from jackfield.units import Row, Steps, unit

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

_FIND = Prepared(select(*_COLUMNS).where(applications.c.id == bindparam("id")))


@unit
def add(application: Application) -> Steps[None]:
    """See `Applications.add`."""
    yield _ADD(**{column.name: getattr(application, column.name) for column in _COLUMNS})


@unit
def find(application_id: str) -> Steps[Application | None]:
    """See `Applications.find`."""
    rows = yield _FIND(id=application_id)
    return _application(rows[0]) if rows else None


def _application(row: Row) -> Application:
    number, api_key, name, public_key, version, *rest = row
    webhook_version = None if version is None else WebhookVersion(version)
    return Application(number, api_key, name, public_key, webhook_version, *rest)
