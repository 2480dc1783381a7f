"""A gateway on each database for the operator's commands."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway import Doors, opened


@pytest.fixture
async def both(database_url: str) -> AsyncIterator[Doors]:
    """A gateway on each engine."""
    async with opened(database_url) as doors:
        yield doors
