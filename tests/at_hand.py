"""Programs that a fresh machine may lack: skipped with a word, or required where all is."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def program(*names: str, package: str) -> str:
    """Return the path of the first of `names` that is installed.

    Without one the test is skipped; where `JACKFIELD_TEST_REQUIRE` is `all`, it fails.
    """
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        missing(f"{names[0]} is not installed: apt-get install {package}")
    return found


def missing(said: str) -> NoReturn:
    """Skip the test with a word; where `JACKFIELD_TEST_REQUIRE` is `all`, fail it."""
    if os.environ.get("JACKFIELD_TEST_REQUIRE") == "all":
        pytest.fail(said)
    pytest.skip(said)
