"""The session that all tests of the ledger share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from ledger.session import Session


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def session() -> AsyncIterator[Session]:
    """Everything accounts are taken with: each engine is opened once."""
    async with Session() as opened:
        yield opened
