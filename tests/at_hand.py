"""Programs that a fresh machine may lack: skipped with a word, or required where all is."""

from __future__ import annotations

import os
import shutil

import pytest


def program(*names: str, package: str) -> str:
    """Return the path of the first of `names` that is installed.

    Without one the test is skipped; where `JACKFIELD_TEST_REQUIRE` is `all`, it fails.
    """
    for name in names:
        if found := shutil.which(name):
            return found
    said = f"{names[0]} is not installed: apt-get install {package}"
    if os.environ.get("JACKFIELD_TEST_REQUIRE") == "all":
        pytest.fail(said)
    pytest.skip(said)
