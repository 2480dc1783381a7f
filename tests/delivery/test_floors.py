"""From where on a lane is looked at: never past what waits in it, as far as that was seen."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jackfield.clock import Moment, after
from jackfield.delivery.floors import LEAST_SLACK, MOST_SLACK, Floors

NOON = Moment(1_700_000_000_000)
MOMENTS = st.integers(min_value=NOON - 10_000_000, max_value=NOON + 10_000_000).map(Moment)


def late_by(milliseconds: int, floors: Floors, now: Moment) -> Moment:
    """Let a look and the survey after it find something that is so late."""
    floors.looked(1, None, now)
    floors.surveying()
    found = Moment(floors.of(1) - milliseconds)
    floors.surveyed({1: found}, now)
    return found


def test_what_was_done_with_during_a_survey_was_not_late() -> None:
    floors = Floors()
    floors.looked(1, NOON, NOON)
    floors.surveying()
    floors.looked(1, None, Moment(NOON + 60_000))

    floors.surveyed({1: NOON}, NOON)

    assert slack(floors) == LEAST_SLACK.total_seconds() * 1_000


def slack(floors: Floors) -> int:
    floors.looked(9, None, NOON)
    return NOON - floors.of(9)


def test_before_anything_was_seen_all_of_a_lane_is_looked_at() -> None:
    assert Floors().of(1) == 0


@given(earliest=st.none() | MOMENTS, now=MOMENTS)
def test_a_look_begins_before_what_waits_and_before_what_may_come(
    earliest: Moment | None, now: Moment
) -> None:
    floors = Floors()

    floors.looked(1, earliest, now)

    assert floors.of(1) <= after(now, -LEAST_SLACK)
    assert earliest is None or floors.of(1) <= after(earliest, -LEAST_SLACK)


@given(there=st.dictionaries(st.integers(1, 5), MOMENTS), now=MOMENTS)
def test_after_a_survey_every_lane_is_looked_at_from_what_it_found(
    there: dict[int, Moment], now: Moment
) -> None:
    floors = Floors()
    floors.surveyed(dict.fromkeys(range(1, 6), NOON), NOON)

    floors.surveyed(there, now)

    assert all(floors.of(lane) < earliest for lane, earliest in there.items())
    assert all(floors.of(lane) < now for lane in range(1, 6))


def test_what_comes_late_again_is_found_by_a_look() -> None:
    floors = Floors()

    late_by(3_000, floors, NOON)

    assert slack(floors) > LEAST_SLACK.total_seconds() * 1_000 + 3_000


def test_the_slack_has_an_end_and_goes_back_when_nothing_is_late() -> None:
    floors = Floors()

    for _ in range(5):
        late_by(3_600_000, floors, NOON)
    widest = slack(floors)
    for _ in range(60):
        floors.surveyed({}, NOON)

    assert widest == MOST_SLACK.total_seconds() * 1_000
    assert slack(floors) == LEAST_SLACK.total_seconds() * 1_000


def test_what_was_forgotten_is_looked_at_from_the_beginning() -> None:
    floors = Floors()
    late_by(3_000, floors, NOON)

    floors.forget()

    assert floors.of(1) == 0
    assert slack(floors) == LEAST_SLACK.total_seconds() * 1_000
