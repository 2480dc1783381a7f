"""What must hold of lanes, turns and gates, whatever happens in whichever order."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from delivery.test_lanes import NOW, waiting
from jackfield.clock import Moment
from jackfield.deliveries import Attempt, Outcome
from jackfield.delivery.destinations import Destination, Limits
from jackfield.delivery.gates import NEVER, Gate
from jackfield.delivery.lanes import Lanes, Start

TENANTS = 3
GATES = 6
LANES = 8
OUTCOMES = [Outcome.DELIVERED, Outcome.FAILED, Outcome.THROTTLED, Outcome.TIMED_OUT]


class Dispatching(RuleBasedStateMachine):
    """Lanes as the dispatcher uses them; lane and gate n belong to tenant n modulo three."""

    @initialize(
        slots=st.sampled_from([1, 2, 5, 32]),
        limits=st.lists(
            st.builds(Limits, st.sampled_from([1, 2, 64]), st.sampled_from([1, 5, 1000])),
            min_size=GATES,
            max_size=GATES,
        ),
    )
    def begin(self, slots: int, limits: list[Limits]) -> None:
        self.now = NOW
        self.lanes = Lanes(slots)
        self.gates = [
            Gate(f"tenant{n % TENANTS}", f"https://{n}.example", each, Destination())
            for n, each in enumerate(limits)
        ]
        self.flying: list[Start] = []

    @rule(
        number=st.integers(0, LANES - 1),
        second=st.booleans(),
        tries=st.lists(st.integers(0, 1), max_size=4),
        is_all=st.booleans(),
    )
    def bring(self, number: int, second: bool, tries: list[int], is_all: bool) -> None:  # noqa: FBT001 -- drawn
        self.lanes.heard(number)
        lane = self.lanes.find(number)
        assert lane is not None
        if lane.gate is None:
            lane.gate = self.gates[number % TENANTS + TENANTS * second]
        self.lanes.looking(lane)
        self.lanes.fill(lane, [waiting(number, tries=each) for each in tries], is_all=is_all)

    @rule()
    def start(self) -> None:
        while (start := self.lanes.next(self.now)) is not None:
            self.flying.append(start)

    @precondition(lambda self: self.flying)
    @rule(draw=st.data(), outcome=st.sampled_from([None, *OUTCOMES]), took=st.integers(0, 15_000))
    def end(self, draw: st.DataObject, outcome: Outcome | None, took: int) -> None:
        start = self.flying.pop(draw.draw(st.integers(0, len(self.flying) - 1)))
        start.lane.learn(took)
        if outcome is None:
            start.gate.abandon()
        else:
            attempt = Attempt(1, self.now, took, outcome)
            start.gate.end(attempt, conversation=start.item.conversation, now=self.now)
        self.lanes.ended(start)

    @rule(number=st.integers(0, GATES - 1))
    def pause_or_resume(self, number: int) -> None:
        gate = self.gates[number]
        paused_at = None if gate.destination.paused_at else self.now
        gate.destination = replace(gate.destination, paused_at=paused_at)
        for lane in self.lanes.known():
            if paused_at is None and lane.gate is gate:
                self.lanes.offer(lane)

    @rule(number=st.integers(0, LANES - 1), second=st.booleans())
    def move(self, number: int, second: bool) -> None:  # noqa: FBT001 -- drawn
        lane = self.lanes.find(number)
        if lane is not None and lane.gate is not None:
            self.lanes.move(lane, self.gates[number % TENANTS + TENANTS * second])

    @rule(later=st.sampled_from([1, 100, 5_000, 60_000]))
    def wait(self, later: int) -> None:
        self.now = Moment(self.now + later)
        self.lanes.wakes_at(self.now)

    @rule()
    def forget_idle(self) -> None:
        self.lanes.forget_idle()

    @invariant()
    def every_count_is_what_is_in_flight(self) -> None:
        by_tenant = Counter(start.gate.api_key for start in self.flying)
        tenants = self.lanes._tenants  # noqa: SLF001 -- a count that drifts is seen much later
        assert {
            key: each.in_flight for key, each in tenants.items() if each.in_flight
        } == by_tenant
        by_lane = Counter(start.lane.number for start in self.flying)
        known = {lane.number: lane.in_flight for lane in self.lanes.known() if lane.in_flight}
        assert known == by_lane
        by_gate = Counter(start.gate.url for start in self.flying)
        assert {gate.url: gate.in_flight for gate in self.gates if gate.in_flight} == by_gate
        assert self.lanes.free >= 0

    @invariant()
    def what_is_at_hand_has_its_turn_or_a_time_or_a_pause(self) -> None:
        tenants, timers = self.lanes._tenants, self.lanes._timers  # noqa: SLF001 -- as above
        timed = {number for _, number in timers}
        for lane in self.lanes.known():
            if lane.is_empty or lane.gate is None or lane.number in timed:
                continue
            if lane.gate.closed_until(self.now) is NEVER:
                continue
            assert lane in tenants[lane.gate.api_key].lanes
            assert lane.gate.api_key in self.lanes._turns  # noqa: SLF001 -- as above


TestDispatching = Dispatching.TestCase
TestDispatching.settings = settings(
    max_examples=60,
    stateful_step_count=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
