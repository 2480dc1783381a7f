"""Which of what is ready goes next: fair, and never so much to one that others find no room."""

from __future__ import annotations

from collections import Counter
from itertools import count

from jackfield.clock import Moment
from jackfield.deliveries import Attempt, Outcome, Pending
from jackfield.delivery.destinations import FAILURES_TO_OPEN, Destination, Limits
from jackfield.delivery.gates import LAST_CHANCES, Gate
from jackfield.delivery.lanes import Lane, Lanes, Start

NOW = Moment(1_795_000_000_000)
LIMITS = Limits(at_once=64, per_second=100_000)
FAILED = Attempt(1, NOW, 20, Outcome.FAILED)

_numbers = count(1)


def waiting(lane: int, *, tries: int = 0, since: Moment = NOW) -> Pending:
    """Return one thing to do, a conversation of its own."""
    number = next(_numbers)
    return Pending(
        number, "deliver", f"d{number}", lane, number, NOW, since, None, tries, head=number
    )


def filled(
    lanes: Lanes,
    number: int,
    items: list[Pending],
    *,
    tenant: str = "acme0001",
    limits: Limits = LIMITS,
    destination: Destination | None = None,
) -> Lane:
    """Put items at hand in a lane whose URL is its own."""
    lanes.heard(number)
    lane = lanes.find(number)
    assert lane is not None
    if lane.gate is None:
        url = f"https://{number}.example"
        lane.gate = Gate(tenant, url, limits, destination or Destination())
    lanes.looking(lane)
    lanes.fill(lane, items, is_all=True)
    return lane


def started(lanes: Lanes, now: Moment = NOW) -> list[Start]:
    """Begin all that may."""
    found = []
    while (start := lanes.next(now)) is not None:
        found.append(start)
    return found


def test_tenants_take_turns_whatever_waits_for_each() -> None:
    lanes = Lanes(slots=40)
    for number in range(5):
        filled(lanes, number, [waiting(number) for _ in range(50)])
    filled(lanes, 9, [waiting(9) for _ in range(50)], tenant="zenith01")

    begun = Counter(start.gate.api_key for start in started(lanes)[:20])

    assert begun == {"acme0001": 10, "zenith01": 10}


def test_a_lane_whose_attempts_last_longer_gets_fewer_of_them() -> None:
    lanes = Lanes(slots=1)
    slow = filled(lanes, 1, [waiting(1) for _ in range(500)])
    filled(lanes, 2, [waiting(2) for _ in range(500)], tenant="zenith01")
    for _ in range(50):
        slow.learn(1_000)

    begun: Counter[int] = Counter()
    for _ in range(202):
        (start,) = started(lanes)
        begun[start.lane.number] += 1
        start.gate.abandon()
        lanes.ended(start)

    assert begun[2] >= 90 * begun[1]


def test_one_url_that_hangs_leaves_room_for_others() -> None:
    lanes = Lanes(slots=256)
    hanging = [
        filled(lanes, number, [waiting(number) for _ in range(64)], tenant=f"tenant{number:02}")
        for number in range(10)
    ]
    started(lanes)
    filled(lanes, 99, [waiting(99)], tenant="zenith01")

    late = started(lanes)

    assert [start.lane.number for start in late] == [99]
    assert sum(lane.in_flight for lane in hanging) < 256


def test_one_tenant_with_many_urls_that_hang_leaves_room_for_others() -> None:
    lanes = Lanes(slots=256)
    for number in range(50):
        filled(lanes, number, [waiting(number) for _ in range(64)])
    started(lanes)
    filled(lanes, 99, [waiting(99) for _ in range(10)], tenant="zenith01")

    late = started(lanes)

    assert len([start for start in late if start.gate.api_key == "zenith01"]) == 10


def test_a_tenants_share_counts_what_came_one_by_one_too() -> None:
    lanes = Lanes(slots=256)

    begun = []
    for _ in range(10):
        for number in range(60):
            filled(lanes, number, [waiting(number)])  # nothing else of the tenant is at hand
            begun += started(lanes)

    assert len(begun) == 192


def test_a_lane_is_reminded_of_a_time_once() -> None:
    lanes = Lanes(slots=1)

    for _ in range(100):  # as each survey does, for as long as a URL asked to be left alone
        lanes.remind(1, Moment(NOW + 1))
    kept = len(lanes._timers)  # noqa: SLF001 -- that it grows is seen nowhere else
    at = lanes.wakes_at(NOW)
    afterwards = lanes.wakes_at(Moment(NOW + 1))

    assert (kept, at, afterwards) == (1, NOW + 1, None)
    assert len(lanes.dry()) == 1


def test_what_was_never_tried_goes_before_what_was() -> None:
    lanes = Lanes(slots=2)
    new, old = waiting(1), waiting(1, tries=3)
    filled(lanes, 1, [old, new])

    assert [start.item for start in started(lanes)] == [new, old]


def test_a_retry_gets_its_turn_however_much_is_new() -> None:
    lanes = Lanes(slots=1)
    old = waiting(1, tries=1)

    begun: list[Pending] = []
    for _ in range(10):  # there is always something new at hand
        filled(lanes, 1, [waiting(1) for _ in range(64)] + ([] if old in begun else [old]))
        (start,) = started(lanes)
        begun.append(start.item)
        start.gate.abandon()
        lanes.ended(start)

    assert begun.index(old) == 3


def test_retries_have_half_of_the_slots_at_most() -> None:
    lanes = Lanes(slots=64)
    for number in range(20):
        filled(
            lanes,
            number,
            [waiting(number, tries=1) for _ in range(64)],
            tenant=f"tenant{number:02}",
        )

    retried = len(started(lanes))
    filled(lanes, 99, [waiting(99) for _ in range(3)], tenant="zenith01")

    assert retried == 32
    assert len(started(lanes)) == 3


def test_a_url_gets_no_more_in_a_second_than_it_may() -> None:
    lanes = Lanes(slots=256)
    limits = Limits(at_once=256, per_second=100)
    filled(lanes, 1, [waiting(1) for _ in range(200)], limits=limits)

    begun = 0
    for millisecond in range(1_000):
        now = Moment(NOW + millisecond)
        lanes.wakes_at(now)
        for start in started(lanes, now):
            begun += 1
            start.gate.abandon()
            lanes.ended(start)

    assert 100 <= begun <= 111


def test_a_url_that_is_down_is_tried_by_one_at_a_time() -> None:
    lanes = Lanes(slots=64)
    lane = filled(lanes, 1, [waiting(1) for _ in range(64)])
    assert lane.gate is not None
    begun = started(lanes)
    for start in begun:
        lane.gate.end(FAILED, conversation=start.item.conversation, now=NOW)
        lanes.ended(start)
    filled(lanes, 1, [waiting(1) for _ in range(64)])

    while_it_waits = started(lanes)
    opens_at = lanes.wakes_at(NOW)
    assert opens_at is not None
    lanes.wakes_at(opens_at)
    probes = started(lanes, opens_at)

    assert len(begun) > FAILURES_TO_OPEN
    assert while_it_waits == []
    assert len(probes) == 1


def test_what_outlived_its_day_gets_its_try_while_the_url_is_down() -> None:
    lanes = Lanes(slots=64)
    yesterday = Moment(NOW - 25 * 3_600_000)
    lane = filled(lanes, 1, [waiting(1, since=yesterday) for _ in range(20)])
    assert lane.gate is not None
    for conversation in range(FAILURES_TO_OPEN):
        lane.gate.begin()
        lane.gate.end(FAILED, conversation=conversation, now=NOW)

    assert len(started(lanes)) == LAST_CHANCES


def test_a_paused_url_gets_nothing_until_it_is_resumed() -> None:
    lanes = Lanes(slots=64)
    lane = filled(lanes, 1, [waiting(1)], destination=Destination(paused_at=NOW))

    while_paused = started(lanes)
    assert lane.gate is not None
    lane.gate.learn(Destination(resumed_at=NOW))
    lanes.offer(lane)

    assert while_paused == []
    assert lanes.wakes_at(NOW) is None
    assert len(started(lanes)) == 1


def test_new_work_is_fetched_while_old_is_at_hand_but_not_the_other_way_round() -> None:
    lanes = Lanes(slots=1)
    filled(lanes, 1, [waiting(1, tries=1)])
    filled(lanes, 2, [waiting(2)])

    lanes.heard(1)
    lanes.heard(2)

    assert [lane.number for lane in lanes.dry()] == [1]


def test_a_lane_with_nothing_left_is_forgotten() -> None:
    lanes = Lanes(slots=1)
    filled(lanes, 1, [waiting(1)])
    (start,) = started(lanes)
    lanes.forget_idle()
    while_under_way = len(lanes.known())

    lanes.ended(start)
    lanes.forget_idle()

    assert (while_under_way, len(lanes.known())) == (1, 0)
