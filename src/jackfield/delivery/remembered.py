"""Reads what is remembered of all URLs, page by page: nobody waits long for that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from jackfield.delivery.destinations import FIRST, KNOWN_AT_ONCE, Destination, Destinations
from jackfield.units import Store


async def pages_of(
    store: Store, destinations: Destinations
) -> AsyncIterator[Mapping[tuple[str, str], Destination]]:
    """Give every destination with something to remember, so many at once, by (API key, URL)."""
    after = FIRST
    while page := await store.read(destinations.known(after=after, limit=KNOWN_AT_ONCE)):
        yield page
        after = next(reversed(page))
        await asyncio.sleep(0)  # a read of SQLite's does not give way by itself
