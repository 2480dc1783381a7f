"""Brings what is due from the database to the lanes, a windowful of each at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

import structlog

from jackfield.clock import Clock, Moment, after
from jackfield.deliveries import Deliveries, Pending, Target
from jackfield.delivery.destinations import Destinations, Limits
from jackfield.delivery.finding import Finder
from jackfield.delivery.floors import CommittingStore, Floors, seen_until
from jackfield.delivery.gates import Gate, Gates
from jackfield.delivery.lanes import Lane, Lanes
from jackfield.delivery.numbers import Numbers
from jackfield.delivery.remembered import pages_of
from jackfield.problems import Unavailable
from jackfield.units import Unit, quick

log = structlog.get_logger()

WINDOW = 64
"""Of a lane, so many are at hand at once in each of its queues."""

LANES_AT_ONCE = 64
"""Of so many lanes is asked at once, so that a crowd of them does not hold up the loop."""

SURVEY_PAUSE = timedelta(seconds=5)
"""How often all lanes are looked for without being asked: another process may have filled one."""

HURRY_SLICE = 500


class Supply:
    """What the dispatcher knows of the database."""

    def __init__(
        self,
        store: CommittingStore,
        deliveries: Deliveries,
        destinations: Destinations,
        *,
        limits: Limits,
        clock: Clock,
    ) -> None:
        """Take `limits`, which each URL of each tenant has."""
        self._store = store
        self._deliveries = deliveries
        self._destinations = destinations
        self._clock = clock
        self._gates = Gates(limits)
        self._survey_due = Moment(0)
        self._surveyed_at = Moment(0)
        self._finder = Finder(store, deliveries, clock=clock)
        self._floors = Floors()
        self._numbers = Numbers()
        self._resumed: set[Gate] = set()  # whose waiting items are not all let go yet
        self._ended: set[int] = set()  # numbers, since the last look at what is due began

    def begin(self, news: Callable[[], None]) -> None:
        """Begin anew: another process may have delivered meanwhile.

        `news` is called when there is something to bring that nobody waited for.
        """
        self.forget()
        self._finder.tell(news)

    def forget(self) -> None:
        """Know nothing, and look for nothing until something is to be brought."""
        self._gates.forget()
        self._finder.forget()
        self._floors.forget()
        self._numbers.forget()
        self._resumed.clear()
        self._ended.clear()
        self.restock()

    def restock(self) -> None:
        """Look for all lanes the next time something is brought, and at where they go."""
        self._survey_due = Moment(0)
        self._finder.call()

    @property
    def is_searching(self) -> bool:
        """Whether a search for lanes goes on, so that not all that is due may be known."""
        return self._finder.is_searching

    def ended(self, item: Pending) -> None:
        """Note an end: a look that began before it shows the item as still to be done."""
        self._ended.add(item.number)

    def gate(self, api_key: str, url: str) -> Gate:
        """Return the gate of a URL of a tenant."""
        return self._gates.of(api_key, url)

    async def take_back(
        self, item: Pending, commit: Callable[[Unit[bool]], Awaitable[bool]]
    ) -> None:
        """Hold everything in the lane of `item`, which goes nowhere."""
        if await commit(self._deliveries.take_back(item, now=self._clock())):
            log.warning("lane.goes_nowhere", lane=item.lane)

    def buried(self, item: Pending) -> Unit[bool]:
        """Return the unit that ends what is no longer to be done, where nobody else has."""
        return quick(self._deliveries.bury(item, now=self._clock()))

    async def bring(self, lanes: Lanes, *, busy: Collection[int]) -> None:
        """Fill the lanes that have run dry. `busy` are the conversations with one in flight."""
        now = self._clock()
        if not self._surveyed_at <= now < self._survey_due:  # or the clock was put back
            self._survey_due = after(now, SURVEY_PAUSE)
            await self._survey(lanes, now)
            self._surveyed_at = now
        elif self._finder.is_wanted:
            await self._find(lanes, now)
        lanes.wakes_at(now)
        dry = lanes.dry()[:LANES_AT_ONCE]
        if not dry:
            return
        self._ended.clear()
        until = seen_until(self._store, now)
        for lane in dry:
            lanes.looking(lane)
        wanted = {lane.number: WINDOW + lane.in_flight for lane in dry}
        try:
            found = await self._look(wanted)
            for lane in dry:
                self._note(lane, found[lane.number], until=until, now=now)
                await self._fill(lanes, lane, found[lane.number], busy=busy, now=now)
        except BaseException:
            for lane in dry:
                lanes.heard(lane.number)
            raise

    async def _look(self, wanted: Mapping[int, int]) -> dict[int, list[Pending]]:
        """Return what is due of each lane, so many at most, from where something may be."""
        floors = {number: self._floors.of(number) for number in wanted}
        lowest = {number: self._numbers.lowest(number) for number in wanted}
        read, due = self._store.read, self._deliveries.due
        found = await read(due(wanted, floors=floors, lowest=lowest))
        # What was stored more than a minute late has a number that was thought to be done with.
        late = [
            number
            for number, items in found.items()
            if any(item.number < lowest[number] for item in items)
        ]
        if late:
            for number in late:
                self._numbers.forget_lane(number)
            again = {number: wanted[number] for number in late}
            found |= await read(due(again, floors=floors, lowest={}))
        return found

    async def let_all_go(self, lanes: Lanes, gate: Gate) -> None:
        """Let what waits because of a URL's own trouble be tried now: gently, but all of it.

        Where the database cannot be asked, it is done with the next survey.
        """
        self._resumed.add(gate)
        with suppress(Unavailable):
            await self._hurry_all(lanes, gate)
            self._resumed.discard(gate)

    async def _hurry_all(self, lanes: Lanes, gate: Gate) -> None:
        numbers = await self._store.read(self._destinations.lanes(gate.api_key, gate.url))
        for number in numbers:
            await self._hurry(number)
            lanes.heard(number)
            lane = lanes.find(number)
            if lane is not None:
                lanes.offer(lane)

    async def _hurry(self, lane: int) -> None:
        count = HURRY_SLICE
        while count == HURRY_SLICE:
            work = self._deliveries.hurry(lane, now=self._clock(), limit=HURRY_SLICE)
            count = await self._store.commit(work)

    async def _fill(
        self,
        lanes: Lanes,
        lane: Lane,
        items: Sequence[Pending],
        *,
        busy: Collection[int],
        now: Moment,
    ) -> None:
        window = WINDOW + lane.in_flight
        due = [item for item in items if item.due_at <= now]
        firsts = sum(not item.tries for item in due)
        is_all = firsts < window and len(due) - firsts < window
        later = min((item.due_at for item in items if item.due_at > now), default=None)
        if later is not None:
            lanes.remind(lane.number, later)
        ready, behind = self._sorted(due, busy=busy, is_all=is_all)
        if lane.gate is None:
            there = await self._target(ready)
            ready = [] if there is None else ready
            if there is not None and not await self._has_gate(lane, *there):
                # What is taken back slice by slice is still there; whoever ends that wakes us.
                ready, is_all = [], True
        lanes.fill(lane, ready, is_all=is_all)
        await asyncio.gather(
            *[self._store.commit(self._deliveries.wait_behind(item)) for item in behind]
        )

    def _note(self, lane: Lane, items: Sequence[Pending], *, until: Moment, now: Moment) -> None:
        """Remember of a look what spares the next one reading what is done with."""
        earliest = min((item.due_at for item in items), default=None)
        self._floors.looked(lane.number, earliest, until)
        window = WINDOW + lane.in_flight
        firsts = sum(not item.tries for item in items)
        is_all = firsts < window and len(items) - firsts < window
        self._numbers.looked(lane.number, items, is_all=is_all, now=now)

    def _sorted(
        self, due: Sequence[Pending], *, busy: Collection[int], is_all: bool
    ) -> tuple[list[Pending], list[Pending]]:
        """Return what may go, and what is to wait behind the head of its conversation."""
        ready: list[Pending] = []
        behind: list[Pending] = []
        for item in due:
            if item.number in self._ended or item.conversation in busy:
                # Its turn comes with the end of the one before; but a crowd must not hide others.
                behind += [item] if not (is_all or item.is_head) else []
            else:
                (ready if item.is_head else behind).append(item)
        return ready, behind

    async def _target(self, ready: Sequence[Pending]) -> tuple[Pending, Target] | None:
        """Return where a lane goes, by the first of it that is still there."""
        for item in ready:
            target = await self._store.read(self._deliveries.target(item.subject))
            if target is not None:
                return item, target
        return None  # all were erased since they were looked for, which says nothing of the others

    async def _has_gate(self, lane: Lane, item: Pending, target: Target) -> bool:
        """Give a lane its gate; hold all of it where it goes nowhere."""
        if target.url is None:
            await self.take_back(item, self._store.commit)
            return False
        lane.gate = self._gates.of(target.api_key, target.url)
        return True

    async def _survey(self, lanes: Lanes, now: Moment) -> None:
        """Find every lane with something to do, learn how URLs are doing, and where lanes go."""
        kept: set[tuple[str, str]] = set()
        async for page in pages_of(self._store, self._destinations):
            self._resumed.update(self._gates.learn(page))
            kept.update(page)
        self._gates.forgotten(kept, now)
        await self._find(lanes, now)
        for gate in tuple(self._resumed):
            await self.let_all_go(lanes, gate)
        for count, lane in enumerate(lanes.known()):
            await self._look_again(lanes, lane, now)
            if count % LANES_AT_ONCE == 0:
                await asyncio.sleep(0)  # a read of SQLite's does not give way by itself
        lanes.forget_idle()
        used = {lane.gate for lane in lanes.known() if lane.gate is not None}
        self._gates.forget_idle(used, kept, since=now)

    async def _find(self, lanes: Lanes, now: Moment) -> None:
        """Take up what was found of lanes with something to do, when it is known."""
        if not self._finder.is_searching:
            self._floors.surveying()
        found = await self._finder.find(now)
        if found is None:
            return
        self._floors.surveyed(found.earliest, found.until)
        for number, earliest in found.earliest.items():
            lane = lanes.find(number)
            if earliest > now:
                lanes.remind(number, earliest)
            elif lane is None or lane.is_empty:
                lanes.heard(number)

    async def _look_again(self, lanes: Lanes, lane: Lane, now: Moment) -> None:
        """Follow a lane that waits for its URL to where it goes now, which may be another."""
        at_hand = lane.first or lane.again
        if lane.gate is None or not at_hand:
            return
        if lane.gate.closed_until(now) is not None:
            target = await self._store.read(self._deliveries.target(at_hand[0].subject))
            if target is None or target.url is None:
                # Held or erased meanwhile; whatever is left of the lane is asked, and taken back.
                lanes.goes_nowhere(lane)
                lanes.heard(lane.number)
            elif target.url != lane.gate.url:
                lanes.move(lane, self._gates.of(target.api_key, target.url))
        lanes.offer(lane)
