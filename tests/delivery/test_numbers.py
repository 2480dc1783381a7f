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
        Pending(number, "deliver", str(number), LANE, number, NOON, NOON, None, 0, head=number)
        for number in numbers
    ]


def look(numbers: Numbers, *found: int, at: Moment, is_all: bool = True) -> int:
    numbers.looked(LANE, waiting(*found), is_all=is_all, now=at)
    return numbers.lowest(LANE)


A_MINUTE_LATER = after(NOON, MATURITY)
TWO_MINUTES_LATER = after(A_MINUTE_LATER, MATURITY)


def test_what_was_lowest_a_minute_ago_and_still_is_is_sure() -> None:
    numbers = Numbers()
    look(numbers, 10, 12, at=NOON)
    look(numbers, 12, 11, at=A_MINUTE_LATER)

    almost = look(numbers, 13, at=after(TWO_MINUTES_LATER, timedelta(milliseconds=-1)))

    assert almost == 0
    assert look(numbers, 13, at=TWO_MINUTES_LATER) == 11


def test_what_appears_within_the_minute_makes_it_lower() -> None:
    numbers = Numbers()
    look(numbers, 10, at=NOON)
    look(numbers, 20, at=A_MINUTE_LATER)
    look(numbers, 15, 21, at=after(A_MINUTE_LATER, MATURITY / 2), is_all=False)

    assert look(numbers, 21, at=TWO_MINUTES_LATER) == 15


def test_a_lane_that_is_empty_has_nothing_below_what_was_there() -> None:
    numbers = Numbers()
    look(numbers, 10, 12, at=NOON)
    look(numbers, at=A_MINUTE_LATER)

    assert look(numbers, at=TWO_MINUTES_LATER) == 12


def test_a_look_at_a_part_does_not_say_what_is_lowest() -> None:
    numbers = Numbers()
    look(numbers, 10, at=NOON)
    look(numbers, 20, at=A_MINUTE_LATER)

    assert look(numbers, 20, at=TWO_MINUTES_LATER, is_all=False) == 0


def test_nothing_is_known_of_a_lane_that_was_forgotten() -> None:
    numbers = Numbers()
    for at in (NOON, A_MINUTE_LATER, TWO_MINUTES_LATER):
        look(numbers, 10, at=at)

    numbers.forget_lane(LANE)

    assert numbers.lowest(LANE) == 0


def test_a_clock_that_is_put_back_lets_the_minute_begin_again() -> None:
    numbers = Numbers()
    for at in (NOON, A_MINUTE_LATER, TWO_MINUTES_LATER):
        look(numbers, 10, at=at)
    earlier = after(NOON, timedelta(hours=-1))

    assert look(numbers, 20, at=earlier) == 10
    look(numbers, 20, at=after(earlier, MATURITY))
    assert look(numbers, 20, at=after(earlier, 2 * MATURITY)) == 20


@given(
    st.lists(
        st.tuples(
            st.sampled_from([1, 10_000, 25_000, 61_000]),  # milliseconds until the next look
            st.integers(0, 3),  # how many come now
            st.sampled_from([0, 30_000, 59_999]),  # how long one of them took to be stored
            st.integers(0, 3),  # how many are done with until the next look
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
        assert all(numbers.lowest(LANE) <= number for number in left)
        found = left if is_all else left[:1]
        numbers.looked(LANE, waiting(*found), is_all=len(found) == len(left), now=now)
        assert all(numbers.lowest(LANE) <= number for number in left)
