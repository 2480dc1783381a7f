"""The demo's file: private, whole, and readable by the next version or clearly not."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from jackfield.problems import Unavailable
from jackfield.sandbox import demo_file
from jackfield.sandbox.demo_file import DemoFile


def test_what_was_saved_is_loaded_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    demo = DemoFile(edition=3, page_id="2", application_id="a")
    demo_file.save(DemoFile(), tmp_path)

    demo_file.save(demo, tmp_path)

    assert demo_file.load(tmp_path) == demo
    assert stat.S_IMODE(tmp_path.joinpath(demo_file.NAME).stat().st_mode) == 0o600
    assert len(list(tmp_path.iterdir())) == 1


def test_no_file_is_no_demo(tmp_path: Path) -> None:
    assert demo_file.load(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"edition":"x"}', b"\xff"])
def test_a_file_that_is_none_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    tmp_path.joinpath(demo_file.NAME).write_bytes(content)

    with pytest.raises(Unavailable, match=r"remove .* to begin anew"):
        demo_file.load(tmp_path)


def test_a_demo_is_complete_once_its_application_is_there() -> None:
    assert not DemoFile(api_key="k").is_complete
    assert DemoFile(application_id="a").is_complete
