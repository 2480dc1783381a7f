"""An armed process dies at exactly the hit it was armed for."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.crashpoints import Crashpoint, arm, reach

THREE_HITS = """
import sys
from jackfield.crashpoints import Crashpoint, arm, reach
arm(sys.argv[1])
for hit in range(1, 4):
    print("before", hit, flush=True)
    reach(Crashpoint.COMMITTED_NOT_ANSWERED)
print("through", flush=True)
"""


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    arm(None)


def run_three_hits(spec: str) -> tuple[int, list[str]]:
    done = subprocess.run(  # noqa: S603 - our own interpreter and text
        [sys.executable, "-c", THREE_HITS, spec], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize(
    ("spec", "hits"),
    [
        ("committed-not-answered", 1),
        ("committed-not-answered:1", 1),
        ("committed-not-answered:3", 3),
    ],
)
def test_the_process_dies_by_sigkill_at_the_nth_hit(spec: str, hits: int) -> None:
    code, lines = run_three_hits(spec)

    assert code == -signal.SIGKILL
    assert lines == [f"before {hit}" for hit in range(1, hits + 1)]


@pytest.mark.parametrize("spec", ["", "committed-not-answered:4", "answered:1"])
def test_no_other_hit_and_no_other_point_kills(spec: str) -> None:
    code, lines = run_three_hits(spec)

    assert code == 0
    assert lines[-1] == "through"


@pytest.mark.parametrize("point", Crashpoint)
def test_nothing_happens_while_nothing_is_armed(point: Crashpoint) -> None:
    arm(None)

    reach(point)


@given(st.sampled_from(Crashpoint), st.integers(2))
def test_any_point_can_be_armed_for_any_hit(point: Crashpoint, hit: int) -> None:
    arm(f"{point}:{hit}")

    reach(point)


@pytest.mark.parametrize(
    "spec", ["nowhere", "answered:0", "answered:-1", "answered:x", "answered:²", ":1"]
)
def test_what_is_no_point_is_refused_with_the_list_of_points(spec: str) -> None:
    with pytest.raises(ValueError, match="committed-not-answered"):
        arm(spec)


def test_there_is_a_point_for_each_of_the_twenty_places() -> None:
    assert len(Crashpoint) == 20
