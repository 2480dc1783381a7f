"""A world on each database for the tests of keeping."""

from __future__ import annotations

import pytest

from jackfield.storage.opening import OpenStore
from world import World


@pytest.fixture
async def world(store: OpenStore) -> World:
    return await World(store).open()
