"""A unit of work: nothing runs before the store starts it, and it may be started afresh."""

from __future__ import annotations

import pytest

from jackfield.units import Rows, Statement, Steps, Unit, alone, unit

ASK = Statement(prepared="ask", values=())


@unit
def ask(question: str, *, asked: list[str]) -> Steps[Rows]:
    """Ask one question."""
    asked.append(question)
    rows = yield ASK
    return rows


@unit
def ask_twice(*, asked: list[str]) -> Steps[list[Rows]]:
    first = yield from ask("first", asked=asked)
    second = yield from ask("second", asked=asked)
    return [first, second]


def run(work: Unit[object], *answers: Rows) -> object:
    """Start a unit and give it these answers; return its result."""
    steps = iter(work)
    assert next(steps) is ASK
    for answer in answers:
        try:
            assert steps.send(answer) is ASK
        except StopIteration as stop:
            return stop.value
    raise AssertionError("the unit wants more answers")


def test_calling_a_unit_runs_nothing() -> None:
    asked: list[str] = []

    ask("first", asked=asked)

    assert asked == []


def test_a_unit_returns_what_it_made_of_its_rows() -> None:
    asked: list[str] = []

    result = run(ask("first", asked=asked), [(1,)])

    assert (result, asked) == ([(1,)], ["first"])


def test_a_unit_is_started_afresh_each_time() -> None:
    asked: list[str] = []
    work = ask("first", asked=asked)

    results = [run(work, [(1,)]), run(work, [(2,)])]

    assert results == [[(1,)], [(2,)]]
    assert asked == ["first", "first"]


def test_a_unit_may_stand_inside_another() -> None:
    asked: list[str] = []

    result = run(ask_twice(asked=asked), [(1,)], [(2,)])

    assert result == [[(1,)], [(2,)]]
    assert asked == ["first", "second"]


def test_a_unit_may_be_stopped_half_way_and_started_again() -> None:
    asked: list[str] = []
    work = ask_twice(asked=asked)

    with pytest.raises(AssertionError, match="more answers"):
        run(work, [(1,)])
    result = run(work, [(3,)], [(4,)])

    assert result == [[(3,)], [(4,)]]


def test_only_a_unit_that_says_so_is_alone() -> None:
    work = ask("first", asked=[])

    apart = alone(work)

    assert (work.is_alone, apart.is_alone) == (False, True)
    assert run(apart, [(1,)]) == run(work, [(1,)])


def test_a_unit_keeps_the_name_and_the_words_of_its_function() -> None:
    assert (ask.__name__, ask.__doc__) == ("ask", "Ask one question.")
