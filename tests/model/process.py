"""One process of the gateway as the machine drives it: real parts, waiting attempts, a death.

The dispatcher, the sender and the releaser are the real ones. What they would ask of a stranger's
server waits until the machine answers; what they ask of the store goes through `Mortal`, so that
a process can die before or after any commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from jackfield.accounts import Accounts
from jackfield.applications import Applications
from jackfield.clock import Moment
from jackfield.deliveries import Attempt, Deliveries, Elsewhere, Pending
from jackfield.delivery.destinations import Destinations, Limits
from jackfield.delivery.dispatcher import Dispatcher
from jackfield.delivery.rebinding import Rebinds
from jackfield.delivery.recording import ORDER_HOLD, Recorder
from jackfield.delivery.release import HeldMessages, Releaser
from jackfield.delivery.replaying import Replays
from jackfield.delivery.sender import Sender
from jackfield.delivery.supply import Supply
from jackfield.delivery.withdrawing import Withdrawals
from jackfield.egress import Reply, Unreached
from jackfield.inbound import Arrivals
from jackfield.metrics import Metrics
from jackfield.sealing import Keyring
from jackfield.storage import (
    accounts,
    applications,
    arrivals,
    deliveries,
    destinations,
    held,
    rebinding,
    replaying,
    withdrawing,
)
from jackfield.units import Result, Store, Unit
from model.plain_values import RETENTION
from world import Clock

SLOTS = 6
LIMITS = Limits(at_once=4, per_second=1000)

_QUIET = 12
"""So many turns of the loop without a step of anybody's mean that everybody waits."""

_PATIENCE = 20.0
"""Seconds; who is not calm by then never will be."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the gateway asks of the store; a test of the machine itself replaces one."""

    accounts: Accounts = accounts
    applications: Applications = applications
    arrivals: Arrivals = arrivals
    deliveries: Deliveries = deliveries
    destinations: Destinations = destinations
    held: HeldMessages = held
    rebinds: Rebinds = rebinding
    replays: Replays = replaying
    withdrawals: Withdrawals = withdrawing


class Mortal:
    """The store as one process has it. Nothing that a dead process asks is ever answered.

    When `is_paced`, whatever is asked waits for its turn twice: before it is done, and before it
    is answered. Who sets an event of `turns` lets it go on.
    """

    def __init__(self, store: Store, *, clock: Clock, is_paced: bool = False) -> None:
        self._store = store
        self._clock = clock
        self._is_paced = is_paced
        self._committing: dict[object, Moment] = {}
        self.turns: list[asyncio.Event] = []
        self.is_dead = False
        self.begun = 0
        self.errors: list[Exception] = []
        self._under_way = 0
        self._news = asyncio.Event()
        self._commits_left: int | None = None
        self._is_last_one_kept = False

    def die_at_commit(self, number: int, *, is_kept: bool) -> None:
        """Let the process die at that commit from now on: just before it, or just after."""
        self._commits_left = number
        self._is_last_one_kept = is_kept

    @property
    def committing_since(self) -> Moment | None:
        return min(self._committing.values(), default=None)

    async def commit(self, work: Unit[Result]) -> Result:
        this = object()
        self._committing[this] = self._clock()
        try:
            return await self._committed(work)
        finally:
            del self._committing[this]

    async def _committed(self, work: Unit[Result]) -> Result:
        if not self.is_dead and self._commits_left is not None:
            self._commits_left -= 1
            if not self._commits_left:
                self.is_dead = True
                if self._is_last_one_kept:
                    await self._counted(self._store.commit, work)
        return await self._asked(self._store.commit, work)

    async def read(self, work: Unit[Result]) -> Result:
        return await self._asked(self._store.read, work)

    async def recall(self, work: Unit[Result]) -> Result:
        return await self._asked(self._store.recall, work)

    async def calm(self) -> None:
        """Wait until all that was asked is answered."""
        while self._under_way:
            self._news.clear()
            await self._news.wait()

    async def _asked(
        self, ask: Callable[[Unit[Result]], Awaitable[Result]], work: Unit[Result]
    ) -> Result:
        if self.is_dead:
            await asyncio.get_running_loop().create_future()
        await self._turn()
        result = await self._counted(ask, work)
        await self._turn()
        return result

    async def _counted(
        self, ask: Callable[[Unit[Result]], Awaitable[Result]], work: Unit[Result]
    ) -> Result:
        self.begun += 1
        self._under_way += 1
        try:
            return await ask(work)
        except Exception as error:
            self.errors.append(error)
            raise
        finally:
            self._under_way -= 1
            self._news.set()

    async def _turn(self) -> None:
        if self._is_paced:
            turn = asyncio.Event()
            self.turns.append(turn)
            await turn.wait()


@dataclass(frozen=True, slots=True)
class Request:
    """What an application heard."""

    url: str
    body: bytes
    webhook_id: str


class Flight:
    """One attempt under way: picked, then sent once it is let go, then answered.

    It is the door that the sender finds: `post` waits for the machine.
    """

    def __init__(self, item: Pending) -> None:
        self.item = item
        self.request: Request | None = None
        self.is_let_go = asyncio.Event()
        self._answer: asyncio.Future[Reply | Unreached] = (
            asyncio.get_running_loop().create_future()
        )

    def answer(self, answer: Reply | Unreached) -> None:
        self._answer.set_result(answer)

    async def post(
        self,
        url: str,
        *,
        body: bytes,
        headers: Mapping[str, str],
        **_: object,
    ) -> Reply | Unreached:
        self.request = Request(url, body, headers["webhook-id"])
        return await self._answer


class Process:
    """One process, from its start to its death."""

    def __init__(
        self,
        store: Store,
        parts: Parts,
        *,
        clock: Clock,
        keys: Keyring,
        is_alone: bool,
        is_paced: bool = False,
        order_hold: timedelta = ORDER_HOLD,
    ) -> None:
        self.store = Mortal(store, clock=clock, is_paced=is_paced)
        self.flights: list[Flight] = []
        self._parts = parts
        self._clock = clock
        self._keys = keys
        self._is_alone = is_alone
        self._metrics = Metrics()
        self.dispatcher = Dispatcher(
            self.store,
            Supply(self.store, parts.deliveries, parts.destinations, limits=LIMITS, clock=clock),
            Recorder(parts.deliveries, parts.destinations, order_hold=order_hold),
            attempt_by_kind={"deliver": self._attempt},
            in_flight=SLOTS,
            clock=clock,
            metrics=self._metrics,
        )

    async def live(self) -> None:
        """Begin to dispatch what an earlier process left."""
        self.dispatcher.start()
        await self.settle()

    async def settle(self) -> None:
        """Wait until nothing more happens by itself."""
        quiet, before = 0, (0, 0, 0)
        async with asyncio.timeout(_PATIENCE):
            while quiet < _QUIET:
                await self.store.calm()
                await asyncio.sleep(0)
                seen = (self.store.begun, len(self.store.turns), len(self.flights))
                quiet = quiet + 1 if seen == before else 0
                before = seen

    async def release(self) -> None:
        """Let the releaser look once at everything that is held."""
        releaser = Releaser(
            self.store,
            self._parts.held,
            self._parts.deliveries,
            self._parts.destinations,
            self._parts.withdrawals,
            clock=self._clock,
            retention=RETENTION,
            released=self.dispatcher.wake,
            is_alone=self._is_alone,
        )
        releaser.start()
        await self.settle()
        await releaser.stop()

    async def die(self) -> None:
        """Stop everything where it is; what was asked of the store before is done."""
        self.store.is_dead = True
        this = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not this]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _attempt(self, item: Pending, url: str) -> Attempt | Elsewhere | None:
        flight = Flight(item)
        self.flights.append(flight)
        try:
            await flight.is_let_go.wait()
            sender = Sender(
                self.store,
                self._parts.deliveries,
                egress=flight,  # type: ignore[arg-type] # the door, replaced
                keyring=self._keys,
                clock=self._clock,
                metrics=self._metrics,
            )
            return await sender.attempt(item, url)
        finally:
            self.flights.remove(flight)
