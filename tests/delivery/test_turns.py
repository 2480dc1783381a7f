"""Everybody who could work gets the same, whatever a piece of it costs."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from jackfield.delivery.turns import QUANTUM, Turns

costs_of_members = st.lists(st.floats(1, 15_000), min_size=2, max_size=8)


def take(turns: Turns[int], costs: dict[int, float], number: int) -> list[int]:
    """Let members work so many times, always able to go on."""
    taken = []
    for _ in range(number):
        member = turns.peek(costs.get)
        assert member is not None
        turns.pay(member, costs[member])
        taken.append(member)
    return taken


@given(costs_of_members)
def test_over_time_everybody_spends_the_same(costs: list[float]) -> None:
    turns: Turns[int] = Turns()
    by_member = dict(enumerate(costs))
    for member in by_member:
        turns.add(member)

    spent = Counter[int]()
    for member in take(turns, by_member, 2_000):
        spent[member] += by_member[member]  # type: ignore[assignment] # milliseconds

    assert max(spent.values()) - min(spent[m] for m in by_member) <= 2 * max(costs) + QUANTUM


@given(st.integers(1, 6))
def test_members_that_cost_the_same_alternate(number: int) -> None:
    turns: Turns[int] = Turns()
    for member in range(number):
        turns.add(member)

    taken = take(turns, dict.fromkeys(range(number), 10.0), 3 * number)

    assert taken == [*range(number)] * 3


def test_who_cannot_work_gets_no_turn_and_saves_nothing() -> None:
    turns: Turns[str] = Turns()
    turns.add("busy")
    turns.add("idle")
    prices: dict[str, float | None] = {"busy": 10.0, "idle": None}
    for _ in range(100):
        assert turns.peek(prices.get) == "busy"
        turns.pay("busy", 10.0)

    prices["idle"] = 10.0
    following = []
    for _ in range(20):
        member = turns.peek(prices.get)
        assert member is not None
        turns.pay(member, 10.0)
        following.append(member)

    assert abs(following.count("idle") - following.count("busy")) <= QUANTUM / 10


def test_the_answer_is_the_same_until_somebody_paid() -> None:
    turns: Turns[str] = Turns()
    turns.add("one")
    turns.add("two")
    price = {"one": 500.0, "two": 400.0}.get

    first = turns.peek(price)

    assert [turns.peek(price) for _ in range(3)] == [first] * 3


def test_who_is_removed_while_its_price_is_asked_is_passed_over() -> None:
    turns: Turns[str] = Turns()
    turns.add("leaving")
    turns.add("staying")

    def price(member: str) -> float | None:
        if member == "leaving":
            turns.remove(member)
            return None
        return 10.0

    assert turns.peek(price) == "staying"
    assert len(turns) == 1


def test_nobody_there_is_nobodys_turn() -> None:
    assert Turns[str]().peek(lambda _: 1.0) is None
