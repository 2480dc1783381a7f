"""Fills a database through the storage layer: a million accounts and what waits for delivery."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta

from sqlalchemy import bindparam, insert

from benchmarks.servers import API_KEY
from jackfield import app
from jackfield.accounts import Provider, Standing, credentials_place
from jackfield.clock import after, now
from jackfield.ids import uuid7
from jackfield.settings import Settings
from jackfield.storage import accounts, totals
from jackfield.storage.dialects import Prepared
from jackfield.storage.tables import pending
from jackfield.units import Steps, unit

TOGETHER = 1_000
"""Rows of one transaction."""

_ADD: Prepared = accounts._ADD  # noqa: SLF001 -- the statement of the rule, many times at once
_COLUMNS = ("kind", "subject", "shard", "conversation", "due_at", "since", "tries", "lane")
_WAIT = Prepared(
    insert(pending).values({name: bindparam(name) for name in (*_COLUMNS, "account_id")})
)

Progress = Callable[[int], None]


def fill(environ: Mapping[str, str], *, of_accounts: int, waiting: int, told: Progress) -> None:
    """Add so many Messenger accounts of the benchmark's tenant, and deliveries due tomorrow.

    `told` gets the number of rows after each transaction.
    """
    asyncio.run(_fill(environ, of_accounts=of_accounts, waiting=waiting, told=told))


def external_id(number: int) -> str:
    """Return the id of one of the accounts, from 0."""
    return f"3{number:014d}"


async def _fill(
    environ: Mapping[str, str], *, of_accounts: int, waiting: int, told: Progress
) -> None:
    gateway = await app.build(Settings.from_environment(environ))
    try:
        for first in range(0, of_accounts, TOGETHER):
            numbers = range(first, min(first + TOGETHER, of_accounts))
            rows = [_account(gateway, number) for number in numbers]
            await gateway.store.commit(_add(rows))
            told(len(rows))
        for first in range(0, waiting, TOGETHER):
            numbers = range(first, min(first + TOGETHER, waiting))
            await gateway.store.commit(_wait([_waiting(number) for number in numbers]))
            told(len(numbers))
    finally:
        await gateway.close()


@unit
def _add(rows: list[dict[str, object]]) -> Steps[None]:
    yield _ADD.many(rows)
    scopes = (API_KEY, f"{API_KEY}/{Provider.MESSENGER}")
    yield from totals.count("accounts", *scopes, by=len(rows))


@unit
def _wait(rows: list[dict[str, object]]) -> Steps[None]:
    yield _WAIT.many(rows)


def _account(gateway: app.Gateway, number: int) -> dict[str, object]:
    name = external_id(number)
    place = credentials_place(Provider.MESSENGER, name)
    return {
        "provider": Provider.MESSENGER,
        "external_id": name,
        "routing_key": name,
        "api_key": API_KEY,
        "name": "Front desk",
        "standing": Standing.VOUCHED,
        "provider_app_id": None,
        "credentials": gateway.keys.seal(b'{"access_token":"a-token"}', place=place),
        "application_id": None,
        "created_at": now(),
    }


def _waiting(number: int) -> dict[str, object]:
    return {
        "kind": "deliver",
        "subject": uuid7(),
        "shard": number % 256,
        "conversation": number,
        "due_at": after(now(), timedelta(days=1)),
        "since": now(),
        "tries": number % 2,
        "lane": number % 1_000,
        "account_id": number + 1,
    }
