"""When what failed is tried again, and when it is given up (ruling R15)."""

from __future__ import annotations

from datetime import timedelta

from jackfield.clock import Moment, after
from jackfield.deliveries import Attempt

FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(minutes=15)
LONGEST_RETRY_AFTER = timedelta(hours=6)
SPREAD = 0.2
"""Each delay is drawn out by up to this share, so that a crowd does not come back at once."""

GIVE_UP_AFTER = timedelta(hours=24)


def outlived(since: Moment, resumed_at: Moment | None, *, now: Moment) -> bool:
    """Return whether the 24 hours are over that began at the later of the two (ruling R15)."""
    return now >= after(max(since, resumed_at or since), GIVE_UP_AFTER)


def retry_at(
    attempt: Attempt,
    *,
    since: Moment,
    resumed_at: Moment | None = None,
    now: Moment,
    spread: float,
) -> Moment | None:
    """Return when to try again, or None when it is given up (ruling R15).

    5 s, doubling to 15 min, for 24 h from the later of `since` and `resumed_at`; each delay times
    1 + `spread` (0 to 0.2). `Retry-After` counts where it asks for more, at most 6 h. What was
    scheduled within the 24 hours is still tried, so nothing is given up while it waits for its
    turn.
    """
    if outlived(since, resumed_at, now=now):
        return None
    doublings = min(attempt.tried - 1, 10)
    delay = min(FIRST_DELAY * 2**doublings, LONGEST_DELAY) * (1 + spread)
    if attempt.retry_after is not None:
        delay = max(delay, min(attempt.retry_after, LONGEST_RETRY_AFTER))
    return after(now, delay)
