"""Slices of three, so that a short example meets the ends of them."""

from __future__ import annotations

import pytest

from jackfield.delivery import release


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """The size of a slice is a matter of speed, and of nothing else."""
    monkeypatch.setattr(release, "SLICE", 3)
