"""The lowest number that may be left in a lane: never above one that is, and a minute behind."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from jackfield.clock import Moment, after
from jackfield.deliveries import Pending
from jackfield.delivery.numbers import MATURITY, Numbers

NOON = Moment(1_700_000_000_000)
LANE = 7


def waiting(*numbers: int) -> list[Pending]:
    return [
        Pending(number, "deliver", str(number), LANE, number, NOON, NOON, None, 0, is_head=True)
        for number in numbers
    ]


def test_what_was_lowest_a_minute_ago_still_is() -> None:
    numbers = Numbers()

    numbers.looked(LANE, waiting(12, 10), is_all=True, now=NOON)

    almost = after(NOON, MATURITY - timedelta(milliseconds=1))
    assert numbers.lowest(LANE, almost) == 0
    assert numbers.lowest(LANE, after(NOON, MATURITY)) == 10


def test_a_lane_that_is_empty_has_nothing_below_what_was_there() -> None:
    numbers = Numbers()
    numbers.looked(LANE, waiting(10, 12), is_all=False, now=NOON)

    numbers.looked(LANE, [], is_all=True, now=NOON)

    assert numbers.lowest(LANE, after(NOON, MATURITY)) == 12


def test_a_look_at_a_part_does_not_say_what_is_lowest() -> None:
    numbers = Numbers()

    numbers.looked(LANE, waiting(10, 12), is_all=False, now=NOON)

    assert numbers.lowest(LANE, after(NOON, MATURITY)) == 0


def test_nothing_is_known_of_a_lane_that_was_forgotten() -> None:
    numbers = Numbers()
    numbers.looked(LANE, waiting(10), is_all=True, now=NOON)

    numbers.forget_lane(LANE)

    assert numbers.lowest(LANE, after(NOON, MATURITY)) == 0


def test_a_clock_that_is_put_back_makes_nothing_higher_and_does_not_stop_it() -> None:
    numbers = Numbers()
    numbers.looked(LANE, waiting(10), is_all=True, now=NOON)
    earlier = after(NOON, timedelta(hours=-1))

    numbers.looked(LANE, waiting(20), is_all=True, now=earlier)

    assert numbers.lowest(LANE, earlier) == 0
    assert numbers.lowest(LANE, after(earlier, MATURITY)) == 20


@given(
    st.lists(
        st.tuples(
            st.integers(0, 90_000),  # milliseconds until the next look
            st.integers(0, 5),  # how many came until then
            st.integers(0, 59_999),  # how long one of them took to be stored
            st.integers(0, 5),  # of how many it is the turn
            st.booleans(),  # whether a look finds all of them, or only the first
        ),
        max_size=40,
    )
)
def test_it_is_never_above_what_is_left(turns: list[tuple[int, int, int, int, bool]]) -> None:
    numbers, last, now = Numbers(), 0, NOON
    left: list[int] = []
    coming: list[tuple[Moment, int]] = []
    for pause, came, late, went, is_all in turns:
        stored = after(now, timedelta(milliseconds=late))
        coming += [(stored if n == 1 else now, last + n) for n in range(1, came + 1)]
        last += came
        now = after(now, timedelta(milliseconds=pause))
        left = sorted(left + [number for at, number in coming if at <= now])
        coming = [(at, number) for at, number in coming if at > now]
        del left[:went]
        found = left if is_all else left[:1]
        numbers.looked(LANE, waiting(*found), is_all=len(found) == len(left), now=now)
        assert all(numbers.lowest(LANE, now) <= number for number in left)
