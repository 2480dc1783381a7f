"""When a URL counts as down, when it is let alone, and how gently it is called again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.clock import Moment, after
from jackfield.deliveries import Attempt, Outcome
from jackfield.delivery.destinations import (
    FAILURES_TO_OPEN,
    LONGEST_PROBE_DELAY,
    SLOW_START,
    Breaker,
    Destination,
    Limits,
    judged,
    limits_at,
)
from jackfield.delivery.retries import LONGEST_RETRY_AFTER

NOW = Moment(1_795_000_000_000)
SECOND = timedelta(seconds=1)
LIMITS = Limits(at_once=64, per_second=1000)


def attempt(outcome: Outcome, retry_after: timedelta | None = None) -> Attempt:
    return Attempt(1, NOW, 20, outcome, retry_after=retry_after)


def failing(times: int, *, is_news: bool = True, now: Moment = NOW) -> Destination:
    """Return a URL that failed so many conversations in a row."""
    destination = Destination()
    for _ in range(times):
        destination = judged(destination, attempt(Outcome.FAILED), is_news=is_news, now=now)
    return destination


@pytest.mark.parametrize(
    "outcome", [Outcome.FAILED, Outcome.REJECTED, Outcome.TIMED_OUT, Outcome.UNREACHABLE]
)
def test_several_conversations_in_a_row_open_the_breaker(outcome: Outcome) -> None:
    destination = Destination()
    for _ in range(FAILURES_TO_OPEN - 1):
        destination = judged(destination, attempt(outcome), is_news=True, now=NOW)
    before = destination

    destination = judged(destination, attempt(outcome), is_news=True, now=NOW)

    assert before.breaker is Breaker.CLOSED
    assert destination.breaker is Breaker.OPEN
    assert destination.not_before == after(NOW, 5 * SECOND)


def test_one_message_that_fails_for_ever_opens_nothing() -> None:
    destination = judged(Destination(), attempt(Outcome.FAILED), is_news=True, now=NOW)

    for _ in range(100):
        destination = judged(destination, attempt(Outcome.FAILED), is_news=False, now=NOW)

    assert destination.is_sound


def test_a_success_between_failures_begins_the_count_anew() -> None:
    destination = failing(FAILURES_TO_OPEN - 1)
    destination = judged(destination, attempt(Outcome.DELIVERED), is_news=True, now=NOW)

    destination = judged(destination, attempt(Outcome.FAILED), is_news=True, now=NOW)

    assert destination == Destination(failures=1)


def test_while_it_is_down_it_is_tried_ever_more_seldom_but_once_a_minute() -> None:
    destination = failing(FAILURES_TO_OPEN)
    waits = []
    for _ in range(8):
        now = destination.not_before
        assert now is not None
        destination = judged(destination, attempt(Outcome.TIMED_OUT), is_news=False, now=now)
        assert destination.not_before is not None
        waits.append((destination.not_before - now) // 1000)

    assert waits == [10, 20, 40, 60, 60, 60, 60, LONGEST_PROBE_DELAY // SECOND]


def test_what_was_under_way_when_it_went_down_says_nothing_new() -> None:
    destination = failing(FAILURES_TO_OPEN)

    later = judged(destination, attempt(Outcome.TIMED_OUT), is_news=True, now=after(NOW, SECOND))

    assert later == destination


def test_a_success_closes_the_breaker_and_begins_gently() -> None:
    destination = failing(FAILURES_TO_OPEN)

    back = judged(destination, attempt(Outcome.DELIVERED), is_news=True, now=NOW)

    assert back == Destination(slow_start_at=NOW)


def test_429_is_a_wish_of_the_whole_url() -> None:
    asked = judged(
        Destination(), attempt(Outcome.THROTTLED, timedelta(minutes=2)), is_news=True, now=NOW
    )
    unsaid = judged(Destination(), attempt(Outcome.THROTTLED), is_news=True, now=NOW)

    assert asked.not_before == asked.slow_start_at == after(NOW, timedelta(minutes=2))
    assert unsaid.not_before == after(NOW, timedelta(seconds=5))
    assert asked.is_sound


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=4000)))
def test_no_wish_keeps_it_away_for_longer_than_six_hours(wish: timedelta) -> None:
    asked = judged(Destination(), attempt(Outcome.THROTTLED, wish), is_news=True, now=NOW)

    assert asked.not_before is not None
    assert asked.not_before <= after(NOW, LONGEST_RETRY_AFTER)


def test_a_later_wish_does_not_shorten_an_earlier_one() -> None:
    long = judged(
        Destination(), attempt(Outcome.THROTTLED, timedelta(hours=1)), is_news=True, now=NOW
    )

    assert judged(long, attempt(Outcome.THROTTLED, SECOND), is_news=True, now=NOW) == long


@pytest.mark.parametrize("outcome", [Outcome.BROKE, Outcome.NOWHERE, Outcome.GONE])
def test_what_is_no_fault_of_its_answers_does_not_count(outcome: Outcome) -> None:
    assert judged(Destination(), attempt(outcome), is_news=True, now=NOW) == Destination()


def test_in_its_first_minute_back_it_gets_a_tenth() -> None:
    back = Destination(slow_start_at=NOW)

    at_once = [
        limits_at(back, LIMITS, now=after(NOW, share * SLOW_START))
        for share in (0, 0.99, 1.5, 2, 100)
    ]

    assert [round(each.per_second) for each in at_once] == [100, 100, 550, 1000, 1000]
    assert [each.at_once for each in at_once] == [6, 6, 35, 64, 64]


@given(st.floats(0, 3), st.integers(1, 64), st.integers(1, 1000))
def test_it_never_gets_nothing_and_never_more_than_it_may(
    share: float, at_once: int, per_second: int
) -> None:
    most = Limits(at_once, per_second)
    now = after(NOW, share * SLOW_START)

    limits = limits_at(replace(Destination(), slow_start_at=NOW), most, now=now)

    assert 1 <= limits.at_once <= most.at_once
    assert 1 <= limits.per_second <= most.per_second
