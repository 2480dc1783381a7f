"""A world on each database for the tests of delivery."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from databases import open_store
from jackfield.delivery import release, withdrawing
from jackfield.storage.opening import OpenStore
from world import World


@pytest.fixture
async def world(store: OpenStore) -> World:
    return await World(store).open()


@pytest.fixture
def slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a few messages too many for one transaction."""
    monkeypatch.setattr(withdrawing, "RANGE", 3)
    monkeypatch.setattr(withdrawing, "SLICE", 3)
    monkeypatch.setattr(release, "SLICE", 3)


@pytest.fixture
async def on_postgres(postgres_url: str) -> AsyncIterator[World]:
    store = await open_store(postgres_url)
    yield await World(store).open()
    await store.close()
