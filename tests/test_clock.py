"""Moments are whole milliseconds, and move and print as such."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from jackfield.clock import Moment, after, iso, now

moments = st.integers(0, 253_402_300_799_999).map(Moment)  # to the end of the year 9999
delays = st.integers(-(10**12), 10**12)


def test_now_is_the_wall_clocks_millisecond() -> None:
    before = time.time_ns() // 1_000_000
    moment = now()
    later = time.time_ns() // 1_000_000

    assert before <= moment <= later


@given(moments, delays)
def test_a_moment_moves_by_whole_milliseconds_both_ways(moment: Moment, delay: int) -> None:
    moved = after(moment, timedelta(milliseconds=delay))

    assert moved - moment == delay


@given(moments)
def test_a_printed_moment_reads_back_as_itself(moment: Moment) -> None:
    read = datetime.fromisoformat(iso(moment))

    assert read.utcoffset() == timedelta(0)
    assert (read - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1) == moment


@given(moments, moments)
def test_printed_moments_sort_as_moments_do(one: Moment, other: Moment) -> None:
    assert (iso(one) < iso(other)) == (one < other)


def test_a_moment_prints_as_the_contract_has_it() -> None:
    assert iso(Moment(1_767_323_045_678)) == "2026-01-02T03:04:05.678Z"
