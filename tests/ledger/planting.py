"""Ways to break a gateway's process from within, by which defects are planted in it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import asyncpg

from jackfield.api import provider_webhooks
from jackfield.deliveries import Outgoing, Pending
from jackfield.messages import Reading
from jackfield.storage import deliveries
from jackfield.units import Steps, unit

Anything = Any  # what is broken has many shapes, and none of them matters here


def replace_in(owner: object, name: str, broken: Callable[[Anything], object]) -> None:
    """Put what `broken` makes of it in the place of what `owner` calls `name`."""
    setattr(owner, name, broken(getattr(owner, name)))


def change_at_the_start(statement: str) -> None:
    """Run a statement before this gateway opens its database."""
    url = os.environ["JACKFIELD_DATABASE_URL"]
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.execute(statement)
            connection.commit()
        return

    async def change() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(change())


def change_after_reading(change: Callable[[Reading], None]) -> None:
    """Let `change` have what was read of every webhook."""

    def broken(read: Anything) -> object:
        def changed(*given: Anything, **how: Anything) -> Reading:
            reading: Reading = read(*given, **how)
            change(reading)
            return reading

        return changed

    replace_in(provider_webhooks, "_read", broken)


def change_outgoing(change: Callable[[Outgoing], Outgoing]) -> None:
    """Let `change` have whatever is about to be sent."""

    def broken(outgoing: Anything) -> object:
        @unit
        def changed(item: Pending) -> Steps[Outgoing | None]:
            found = yield from outgoing(item)
            return None if found is None else change(found)

        return changed

    replace_in(deliveries, "outgoing", broken)
