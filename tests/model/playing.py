"""How long is played, and how: a short fixed run in every suite, a long random one by night."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from structlog.processors import format_exc_info
from structlog.testing import capture_logs

from model.grounds import Grounds
from model.machine import Gateway
from model.process import Parts

NIGHTLY_STEPS = int(os.environ.get("JACKFIELD_MODEL_STEPS", "0"))
"""So many steps on each database, drawn anew each time; 0 for the short run."""

LENGTH = 80

TOGETHER = 10
"""By night, so many examples are drawn before all is begun anew.

How threads and sockets take turns is not drawn, so the same draws may meet another state. Among
few examples no two begin alike for long, and Hypothesis has none to compare.
"""


def profile(*, examples: int) -> settings:
    """Return how to play so many examples: the same in each run, but for the nightly one."""
    return settings(
        max_examples=TOGETHER if NIGHTLY_STEPS else examples,
        stateful_step_count=LENGTH,
        derandomize=not NIGHTLY_STEPS,
        print_blob=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


def until_it_fails() -> settings:
    """Return how to look for a defect that is there: as long as it takes, within reason."""
    return settings(
        profile(examples=1),
        max_examples=300,
        derandomize=True,
        report_multiple_bugs=False,
        phases=[Phase.generate],
    )


def play(grounds: Grounds, how: settings, parts: Parts | None = None) -> None:
    for _ in range(max(1, NIGHTLY_STEPS // (LENGTH * TOGETHER))):
        with capture_logs([format_exc_info]) as log:
            run_state_machine_as_test(lambda: Gateway(grounds, log, parts), settings=how)  # type: ignore[arg-type] # whatever makes one
