"""Who is calling, once that is known."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a request speaks for: a tenant, and the application whose key signed it, if any."""

    api_key: str
    application_id: str | None = None
