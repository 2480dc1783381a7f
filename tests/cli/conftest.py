"""A person at a terminal, with an empty home."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.programs import Programs


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    """Starts programs, and ends those that are left."""
    home = tmp_path / "home"
    home.mkdir()
    programs = Programs(home)
    yield programs
    programs.end()
