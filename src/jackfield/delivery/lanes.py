"""What is ready to go, lane by lane, and which of it goes next: fair to tenants and applications.

A lane is all that one tenant owes to one application. Only what may begin soon is kept here, a
windowful per lane; the rest stays in the database until there is room for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple

from jackfield.clock import Moment
from jackfield.deliveries import Pending
from jackfield.delivery.gates import NEVER, Gate
from jackfield.delivery.retries import outlived
from jackfield.delivery.turns import Turns

TENANT_SHARE = 3
"""A tenant may have this many times as much in flight as is free: always room for another."""

URL_SHARE = 0.5
"""The same for one URL; ten that hang at once still leave some slots free."""

_FIRST_GUESS = 10.0
"""Milliseconds that an attempt of a lane is taken to last before one has ended."""

_FORGETTING = 0.2

_FIRSTS_IN_A_ROW = 3
"""So many that were never tried go before one that was: a backlog must not keep it for ever."""


class Lane:
    """What one tenant owes to one application, as far as it is at hand.

    `first` was never tried, `again` was. `cost` is what an attempt lasts, in milliseconds.
    """

    __slots__ = ("again", "cost", "first", "firsts_in_a_row", "gate", "in_flight", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.gate: Gate | None = None
        self.first: deque[Pending] = deque()
        self.again: deque[Pending] = deque()
        self.firsts_in_a_row = 0
        self.in_flight = 0
        self.cost = _FIRST_GUESS

    @property
    def is_empty(self) -> bool:
        """Whether nothing of it is at hand."""
        return not self.first and not self.again

    def learn(self, milliseconds: int) -> None:
        """Remember how long an attempt took."""
        self.cost += _FORGETTING * (max(milliseconds, 1) - self.cost)


class Start(NamedTuple):
    """One piece of work that begins now: whose it is, and through which gate it goes."""

    lane: Lane
    gate: Gate
    item: Pending


@dataclass(slots=True)
class _Tenant:
    lanes: Turns[Lane] = field(default_factory=Turns)
    in_flight: int = 0


class Lanes:
    """Every lane with something to do, and the turns they take.

    Two levels of turns: among tenants, then among a tenant's applications. Half of the slots are
    for what was never tried. How much one tenant or one URL may have in flight shrinks with what
    is free, so that whoever hangs finds itself waiting before everybody else does.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._least_per_url = max(2, slots // 32)
        self._in_flight = 0
        self._again_in_flight = 0
        self._by_number: dict[int, Lane] = {}
        self._tenants: dict[str, _Tenant] = {}
        self._turns: Turns[str] = Turns()
        self._heard: set[int] = set()  # lanes that may have something new
        self._cut: set[int] = set()  # lanes that have more than was taken of them
        self._timers: list[tuple[Moment, int]] = []
        self._timed: set[tuple[Moment, int]] = set()  # what is in the heap, once each

    @property
    def free(self) -> int:
        """How many slots nobody uses."""
        return self._slots - self._in_flight

    def known(self) -> Collection[Lane]:
        """Return every lane that is here."""
        return list(self._by_number.values())

    def find(self, number: int) -> Lane | None:
        """Return the lane, if it is here."""
        return self._by_number.get(number)

    def heard(self, number: int) -> None:
        """Note that the database may hold something new of a lane."""
        if number not in self._by_number:
            self._by_number[number] = Lane(number)
        self._heard.add(number)

    def remind(self, number: int, due_at: Moment) -> None:
        """Note that something of a lane will be due, or its gate open."""
        timer = (due_at, number)
        if timer not in self._timed:
            self._timed.add(timer)
            heappush(self._timers, timer)

    def dry(self) -> list[Lane]:
        """Return the lanes of which the database has what should be at hand and is not.

        New work is fetched while there is old at hand, since it goes first.
        """
        new = [lane for lane in map(self._by_number.get, self._heard) if lane and not lane.first]
        more = [lane for lane in map(self._by_number.get, self._cut) if lane and lane.is_empty]
        return [*new, *(lane for lane in more if lane.number not in self._heard)]

    def looking(self, lane: Lane) -> None:
        """Note that what the database holds is being looked at; what comes from now on is news."""
        self._heard.discard(lane.number)

    def move(self, lane: Lane, gate: Gate) -> None:
        """Send what is owed in a lane through another gate: its URL is another one now."""
        self._withdraw(lane)
        lane.gate = gate
        self.offer(lane)

    def goes_nowhere(self, lane: Lane) -> None:
        """Forget what is at hand of a lane, and where it went: that is looked up anew."""
        self.fill(lane, (), is_all=True)
        lane.gate = None

    def fill(self, lane: Lane, items: Iterable[Pending], *, is_all: bool) -> None:
        """Take what is due of a lane in place of what is at hand; say whether that is all."""
        (self._cut.discard if is_all else self._cut.add)(lane.number)
        self._withdraw(lane)
        lane.first.clear()
        lane.again.clear()
        for item in items:
            (lane.again if item.tries else lane.first).append(item)
        self.offer(lane)

    def forget_idle(self) -> None:
        """Drop every lane with nothing at hand, nothing under way and nothing to be fetched."""
        for lane in self.known():
            is_wanted = lane.number in self._heard or lane.number in self._cut
            if lane.is_empty and not lane.in_flight and not is_wanted:
                del self._by_number[lane.number]

    def offer(self, lane: Lane) -> None:
        """Let a lane take turns; it does already, or has nothing at hand, or nothing happens."""
        if lane.gate is not None and not lane.is_empty:
            self._tenant(lane.gate.api_key).lanes.add(lane)
            self._turns.add(lane.gate.api_key)

    def next(self, now: Moment) -> Start | None:
        """Take the next piece of work that may begin now, and count it as begun."""
        if self.free <= 0:
            return None
        api_key = self._turns.peek(lambda each: self._price_of_tenant(each, now))
        if api_key is None:
            return None
        tenant = self._tenants[api_key]
        lane = tenant.lanes.peek(lambda each: self._price(each, now))
        if lane is None or lane.gate is None:
            return None
        item = self._taken(lane, now)
        tenant.lanes.pay(lane, lane.cost)
        self._turns.pay(api_key, lane.cost)
        lane.gate.begin()
        lane.in_flight += 1
        tenant.in_flight += 1
        self._in_flight += 1
        self._again_in_flight += item.tries > 0
        if lane.is_empty:
            self._withdraw(lane)  # which drops a tenant that has nothing in flight
        return Start(lane, lane.gate, item)

    def ended(self, start: Start) -> None:
        """Count the end of what `next` began; its gate is told by whoever knows how it ended."""
        start.lane.in_flight -= 1
        tenant = self._tenant(start.gate.api_key)
        tenant.in_flight -= 1
        self._in_flight -= 1
        self._again_in_flight -= start.item.tries > 0
        if not tenant.in_flight and not len(tenant.lanes):
            del self._tenants[start.gate.api_key]

    def wakes_at(self, now: Moment) -> Moment | None:
        """Return when time alone may let more begin, or None; what is due by now is looked at."""
        while self._timers and self._timers[0][0] <= now:
            timer = heappop(self._timers)
            self._timed.discard(timer)
            number = timer[1]
            self.heard(number)
            self.offer(self._by_number[number])
        return self._timers[0][0] if self._timers else None

    def _tenant(self, api_key: str) -> _Tenant:
        found = self._tenants.get(api_key)
        if found is None:
            found = self._tenants[api_key] = _Tenant()
        return found

    def _withdraw(self, lane: Lane) -> None:
        """Give a lane no more turns until it is offered again."""
        if lane.gate is None:
            return
        tenant = self._tenant(lane.gate.api_key)
        tenant.lanes.remove(lane)
        if not len(tenant.lanes):
            self._turns.remove(lane.gate.api_key)
            if not tenant.in_flight:
                del self._tenants[lane.gate.api_key]

    def _price_of_tenant(self, api_key: str, now: Moment) -> float | None:
        tenant = self._tenants[api_key]
        if tenant.in_flight >= max(1, TENANT_SHARE * self.free):
            return None
        lane = tenant.lanes.peek(lambda each: self._price(each, now))
        return None if lane is None else lane.cost

    def _price(self, lane: Lane, now: Moment) -> float | None:
        queue = self._queue(lane)
        if queue is None or lane.gate is None:
            return None
        gate, since = lane.gate, queue[0].since
        if gate.grants_last_chance() and outlived(since, gate.destination.resumed_at, now=now):
            return lane.cost
        opens_at = gate.closed_until(now)
        if opens_at is not None:
            self._park(lane, opens_at)
            return None
        at_once = max(self._least_per_url, int(URL_SHARE * self.free))
        return lane.cost if gate.has_room(at_once, now) else None

    def _park(self, lane: Lane, opens_at: Moment) -> None:
        if opens_at is not NEVER:
            self.remind(lane.number, opens_at)
        self._withdraw(lane)

    def _queue(self, lane: Lane) -> deque[Pending] | None:
        """Return what of a lane comes next: what was never tried, now and then what was."""
        may_repeat = bool(lane.again) and self._again_in_flight < max(1, self._slots // 2)
        if lane.first and not (may_repeat and lane.firsts_in_a_row >= _FIRSTS_IN_A_ROW):
            return lane.first
        return lane.again if may_repeat else None

    def _taken(self, lane: Lane, now: Moment) -> Pending:
        queue = self._queue(lane)
        assert queue is not None, now  # noqa: S101 -- the lane had a price
        lane.firsts_in_a_row = lane.firsts_in_a_row + 1 if queue is lane.first else 0
        return queue.popleft()
