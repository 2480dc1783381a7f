"""Whose turn it is: deficit round robin among members whose work costs differently."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Member = TypeVar("Member", bound=Hashable)

QUANTUM = 50.0
"""What every member gets at least in a round; milliseconds, where work costs a slot's time."""


class Turns(Generic[Member]):
    """Gives members turns, so that over time each that could work spent the same.

    A member whose piece costs more than it has saved up lets the others go first. When nobody
    can pay, all that could work get at least what the one lacks that lacks least, so there are no
    rounds in which nothing happens (deficit round robin: Shreedhar and Varghese, 1995).
    """

    def __init__(self) -> None:
        self._ring: deque[Member] = deque()
        self._saved: dict[Member, float] = {}

    def __len__(self) -> int:
        return len(self._ring)

    def __contains__(self, member: object) -> bool:
        return member in self._saved

    def add(self, member: Member) -> None:
        """Let it take turns, behind everybody; nothing happens when it does already."""
        if member not in self._saved:
            self._saved[member] = 0.0
            self._ring.append(member)

    def remove(self, member: Member) -> None:
        """Give it no more turns; what it saved up is gone."""
        if self._saved.pop(member, None) is not None:
            self._ring.remove(member)

    def peek(self, price: Callable[[Member], float | None]) -> Member | None:
        """Return whose turn it is, or None when no member could work now.

        `price` says what a member's next piece costs, or None when nothing of it may begin now;
        it may remove the member it is asked about. Asked again before anybody paid, it answers
        the same.
        """
        while True:
            lacking: dict[Member, float] = {}
            for _ in range(len(self._ring)):
                member = self._ring[0]
                cost = price(member)
                if cost is not None and self._saved[member] >= cost:
                    return member
                if cost is not None:
                    lacking[member] = cost - self._saved[member]
                if member in self._saved:
                    self._ring.rotate(-1)
            if not lacking:
                return None
            gain = max(QUANTUM, min(lacking.values()))
            for member in lacking:
                self._saved[member] += gain

    def pay(self, member: Member, cost: float) -> None:
        """Take `cost` from what `peek` just returned, and let the next come to the front."""
        self._saved[member] -= cost
        self._ring.rotate(-1)
