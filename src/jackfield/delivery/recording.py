"""What follows an attempt: it ended, or is tried again in its order, or out of it, or given up."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

from jackfield.clock import Moment, after
from jackfield.deliveries import Attempt, Deliveries, Outcome, Pending, lane
from jackfield.delivery.destinations import Destinations, Paused
from jackfield.delivery.gates import Gate
from jackfield.delivery.retries import SPREAD, retry_at
from jackfield.units import Steps, Unit, unit

ORDER_HOLD = timedelta(minutes=15)
"""So long a conversation waits for a message that its URL refuses while it takes others."""


class Recorder:
    """Decides what follows, and gives the unit that records it together with how the URL does."""

    def __init__(
        self,
        deliveries: Deliveries,
        destinations: Destinations,
        *,
        order_hold: timedelta = ORDER_HOLD,
    ) -> None:
        self._deliveries = deliveries
        self._destinations = destinations
        self._order_hold = order_hold

    def recorded(self, item: Pending, attempt: Attempt, gate: Gate, *, now: Moment) -> Unit[bool]:
        """Tell the gate how `attempt` ended, and return the unit that records it.

        The unit returns whether another message of the conversation may go now.
        """
        has_changed = gate.end(attempt, conversation=item.conversation, now=now)
        if attempt.outcome is Outcome.GONE and not _is_copy(item, gate):
            gate.destination = replace(gate.destination, paused_at=now, paused_because=Paused.GONE)
        return self._record(item, attempt, gate, now=now, has_changed=has_changed)

    @unit
    def put_off(self, item: Pending, gate: Gate, *, now: Moment) -> Steps[None]:
        """Have an item tried later, as after any attempt, of which the end cannot be recorded.

        The error is ours, so nothing is learned of its URL; what has an end already keeps it.
        """
        attempt = Attempt(
            tried=item.tries + 1,
            started_at=now,
            milliseconds=0,
            outcome=Outcome.BROKE,
            detail="how it ended could not be recorded; the gateway's log says why",
        )
        due_at = self._retry_at(item, attempt, gate, now=now)
        if due_at is None:
            yield from self._deliveries.give_up(item, attempt, now=now)
        else:
            yield from self._deliveries.postpone(
                item, attempt, due_at=due_at, failing_since=item.failing_since
            )

    @unit
    def _record(
        self,
        item: Pending,
        attempt: Attempt,
        gate: Gate,
        *,
        now: Moment,
        has_changed: bool,
    ) -> Steps[bool]:
        has_next = yield from self._followed(item, attempt, gate, now)
        if _is_copy(item, gate):
            # Anybody may name any number of test URLs: nothing is kept of one for its own sake.
            if has_changed:
                yield from self._destinations.note(gate.api_key, gate.url, gate.destination)
        elif attempt.outcome is Outcome.GONE:
            yield from self._destinations.pause(
                gate.api_key, gate.url, because=Paused.GONE, now=now
            )
        elif has_changed:
            yield from self._destinations.remember(gate.api_key, gate.url, gate.destination)
        return has_next

    def _followed(self, item: Pending, attempt: Attempt, gate: Gate, now: Moment) -> Unit[bool]:
        if attempt.outcome.is_final:
            return self._deliveries.succeed(item, attempt, now=now)
        if attempt.outcome is Outcome.GONE and _is_copy(item, gate):
            return self._deliveries.give_up(item, attempt, now=now)
        if attempt.outcome is Outcome.GONE:
            # It is the first to go when the URL is resumed.
            return self._postponed(item, attempt, due_at=now, failing_since=None)
        due_at = self._retry_at(item, attempt, gate, now=now)
        if due_at is None:
            return self._deliveries.give_up(item, attempt, now=now)
        failing_since = self._failing_since(item, attempt, gate)
        if failing_since is not None and self._holds_up(failing_since, gate, now):
            return self._deliveries.set_aside(item, attempt, due_at=due_at, now=now)
        return self._postponed(item, attempt, due_at=due_at, failing_since=failing_since)

    @staticmethod
    def _retry_at(item: Pending, attempt: Attempt, gate: Gate, *, now: Moment) -> Moment | None:
        return retry_at(
            attempt,
            since=item.since,
            resumed_at=gate.destination.resumed_at,
            now=now,
            spread=random.uniform(0, SPREAD),  # noqa: S311 -- spreads a crowd, keeps no secret
        )

    @unit
    def _postponed(
        self,
        item: Pending,
        attempt: Attempt,
        *,
        due_at: Moment,
        failing_since: Moment | None,
    ) -> Steps[bool]:
        yield from self._deliveries.postpone(
            item, attempt, due_at=due_at, failing_since=failing_since
        )
        return False

    @staticmethod
    def _failing_since(item: Pending, attempt: Attempt, gate: Gate) -> Moment | None:
        """Return since when this one message is refused; None where the URL fails as a whole."""
        if attempt.outcome is Outcome.THROTTLED or not gate.destination.is_sound:
            return None
        return item.failing_since or attempt.started_at

    def _holds_up(self, failing_since: Moment, gate: Gate, now: Moment) -> bool:
        """Return whether its conversation has waited long enough for it."""
        takes_others = gate.succeeded_at is not None and gate.succeeded_at >= failing_since
        return takes_others and now >= after(failing_since, self._order_hold)


def _is_copy(item: Pending, gate: Gate) -> bool:
    """Return whether it goes to a test URL: whoever made the copy can make another."""
    return item.lane == lane(gate.api_key, gate.url)
