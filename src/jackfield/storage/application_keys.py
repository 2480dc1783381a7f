"""The keys that applications call with, read at every use."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from jackfield.auth import ApplicationKey
from jackfield.storage.dialects import Prepared
from jackfield.storage.tables import applications, tenants
from jackfield.units import Steps, unit

_KEY = Prepared(
    select(applications.c.api_key, applications.c.public_key)
    .join(tenants, tenants.c.api_key == applications.c.api_key)
    .where(applications.c.id == bindparam("id"), tenants.c.disabled_at.is_(None)),
)


@unit
def application_key(application_id: str) -> Steps[ApplicationKey | None]:
    """See `ApplicationKeys.application_key`."""
    rows = yield _KEY(id=application_id)
    for api_key, public_key in rows:
        return ApplicationKey(api_key, public_key)
    return None
