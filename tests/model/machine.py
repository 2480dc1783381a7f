"""A state machine: people, operators and deaths at random, the real gateway beside the model."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from structlog.typing import EventDict

from jackfield.delivery.release import release_slice
from jackfield.inbound import Accepted
from jackfield.problems import Problem
from jackfield.sealing import Keyring
from jackfield.storage.opening import OpenStore
from jackfield.units import alone
from model.acts import Act, Ready
from model.drawing import (
    A_WHILE,
    ACCOUNT,
    ANOTHER_ACT,
    ANSWER,
    HEAR,
    PEOPLE_ACT,
    REBIND,
    REPLAY,
    URL,
    Answer,
)
from model.grounds import Grounds
from model.hearing import Hearings, Picked
from model.judging import differences, take_over_order, take_over_release
from model.operating import Resume
from model.plain_model import Model
from model.plain_values import State
from model.process import SLOTS, Flight, Parts, Process
from model.scene import START, Scene, furnish
from model.sight import Sight, look
from world import MASTER_KEY, Clock

A_MOMENT = timedelta(milliseconds=20)
MOST_ROUNDS = 200

T = TypeVar("T")


class Gateway(RuleBasedStateMachine):
    """Plays on `grounds`; `parts` are the real ones, unless the machine itself is tested."""

    def __init__(self, grounds: Grounds, log: list[EventDict], parts: Parts | None = None) -> None:
        super().__init__()
        self.grounds = grounds
        self.log = log
        self.clock = Clock(START)
        self.keys = Keyring([MASTER_KEY])
        self.scene = Scene(parts or Parts())
        self.model = Model()
        self.hearings = Hearings()
        self.is_sound = True
        self.down: set[str] = set()
        self.disliked: set[str] = set()
        self.picked: dict[Flight, Picked] = {}
        self.rows: dict[int, int] = {}  # the binding that a row of what is to be done stands for
        self.store: OpenStore
        self.process: Process
        self.log.clear()  # what a play left there that failed is told with that failure
        self.run(self._begin())

    # What arrives, and what people do ----------------------------------------------------

    @rule(act=HEAR)
    def hear(self, act: Act) -> None:
        self.run(self._happen(act))

    @rule(act=HEAR)
    def hear_and_serve(self, act: Act) -> None:
        self.run(self._happen(act))
        self.run(self._serve([None]))

    @rule(act=PEOPLE_ACT)
    def act(self, act: Act) -> None:
        self.run(self._happen(act))

    @rule(act=PEOPLE_ACT)
    def act_and_release(self, act: Act) -> None:
        self.run(self._happen(act))
        self.run(self._release())

    @precondition(lambda self: self.model.paused)
    @rule(which=st.integers(0, 3))
    def resume(self, which: int) -> None:
        self.run(self._happen(Resume(*_one_of(sorted(self.model.paused), which))))

    @precondition(lambda self: self.scene.delivery_ids)
    @rule(act=REPLAY)
    def replay(self, act: Act) -> None:
        self.run(self._happen(act))

    @rule(act=REBIND)
    def rebind(self, act: Act) -> None:
        self.run(self._happen(act))

    @rule(url=URL)
    def go_up_or_down(self, url: str) -> None:
        """Let all calls to a URL fail from now on, or no more."""
        self.down ^= {url}

    @precondition(lambda self: self.model.messages)
    @rule(which=st.integers(0, 3))
    def dislike(self, which: int) -> None:
        """Let one of the newest messages be refused wherever it goes."""
        self.disliked.add(_one_of([*self.model.messages][-4:], which))

    @rule(one=HEAR, other=ANOTHER_ACT)
    def at_once(self, one: Act, other: Act) -> None:
        self.run(self._happen(one, other))

    # What the gateway does ---------------------------------------------------------------

    @precondition(lambda self: self.unsent())
    @rule(which=st.integers(0, SLOTS - 1))
    def send(self, which: int) -> None:
        self.run(self._send(_one_of(self.unsent(), which)))

    @precondition(lambda self: self.unanswered())
    @rule(which=st.integers(0, SLOTS - 1), answer=ANSWER)
    def answer(self, which: int, answer: Answer | None) -> None:
        flight = _one_of(self.unanswered(), which)
        self.run(self._answer({flight: answer or self.usual(flight)}))

    @precondition(lambda self: self.process.flights)
    @rule(answers=st.lists(ANSWER, min_size=1, max_size=SLOTS))
    def serve(self, answers: list[Answer | None]) -> None:
        """Let all that is picked go, and answer all of it at once."""
        self.run(self._serve(answers))

    @rule()
    def release(self) -> None:
        self.run(self._release())

    @rule(account=ACCOUNT)
    def release_some(self, account: str) -> None:
        self.run(self._release_some(account))

    @rule(delay=A_WHILE)
    def wait(self, delay: timedelta) -> None:
        self.run(self._wait(delay))

    @rule(delay=A_WHILE)
    def wait_and_serve(self, delay: timedelta) -> None:
        self.run(self._wait(delay))
        self.run(self._serve([None]))

    # Deaths ------------------------------------------------------------------------------

    @rule()
    def crash(self) -> None:
        self.run(self._die([self.model]))

    @precondition(lambda self: self.unanswered())
    @rule(which=st.integers(0, SLOTS - 1), answer=ANSWER, is_kept=st.booleans())
    def crash_recording(self, which: int, answer: Answer | None, *, is_kept: bool) -> None:
        """Die just before or just after the outcome of an attempt is durable."""
        flight = _one_of(self.unanswered(), which)
        self.process.store.die_at_commit(1, is_kept=is_kept)
        self.run(self._answer({flight: answer or self.usual(flight)}, dies=True))

    @rule(commit=st.integers(1, 3), is_kept=st.booleans())
    def crash_releasing(self, commit: int, *, is_kept: bool) -> None:
        self.process.store.die_at_commit(commit, is_kept=is_kept)
        self.run(self._release(dies=True))

    # How -----------------------------------------------------------------------------------

    def unsent(self) -> list[Flight]:
        return [one for one in self.process.flights if not one.is_let_go.is_set()]

    def unanswered(self) -> list[Flight]:
        return [one for one in self.process.flights if one.request is not None]

    def usual(self, flight: Flight) -> Answer:
        """Return what an application says when nothing else was drawn."""
        hearing = self.hearings.of(flight)
        if hearing.url[1] in self.down:
            return Answer.BROKEN
        return Answer.REFUSED if hearing.text in self.disliked else Answer.TAKEN

    def run(self, steps: Coroutine[Any, Any, None]) -> None:
        self.grounds.steps += 1
        self.clock.advance(A_MOMENT)
        try:
            self.grounds.runner.run(steps)
        except BaseException:
            self.is_sound = False
            raise

    async def _begin(self) -> None:
        self.store = await self.grounds.fresh()
        await self.store.commit(furnish(self.scene, self.model, self.keys))
        await self._live()
        await self._observe()

    async def _live(self) -> None:
        self.process = Process(
            self.store,
            self.scene.parts,
            clock=self.clock,
            keys=self.keys,
            is_alone=self.grounds.is_alone,
        )
        await self.process.live()

    async def _happen(self, *chosen: Act) -> None:
        ready = [one.ready(self.scene, self.clock()) for one in chosen]
        told = list(await asyncio.gather(*[self._told(one) for one in ready]))
        await self.process.settle()
        worlds, said = [], []
        for order in (ready, ready[::-1])[: len(ready)]:
            world = self.model.copy()
            expected = {id(one): one.happen(world) for one in order}
            said.append([expected[id(one)] for one in ready])
            if said[-1] == told:
                worlds.append(world)
        assert worlds, f"it was told {told}, and not {said}"
        if len(chosen) > 1:
            sight = await self.store.read(look())
            for world in worlds:
                take_over_order(world, sight, [*world.messages.keys() - self.model.messages])
        await self._observe(*worlds)

    async def _told(self, one: Ready) -> object:
        """Do it, and return what the caller is told."""
        try:
            result = await self.store.commit(one.work)
        except Problem as problem:
            return type(problem)
        if isinstance(result, Accepted):
            self.process.dispatcher.arrived(result.lanes)
        elif one.is_news:
            self.process.dispatcher.wake()
        return one.told(result)

    async def _send(self, *flights: Flight) -> None:
        for flight in flights:
            flight.is_let_go.set()
        await self.process.settle()
        for flight in flights:
            if flight.request is not None:
                picked = self.picked[flight]
                self.hearings.hear(flight, flight.request, picked, self.model, now=self.clock())
        await self._observe()

    async def _serve(self, answers: Sequence[Answer | None]) -> None:
        await self._send(*self.unsent())
        flights = self.unanswered()
        await self._answer(
            {one: answers[n % len(answers)] or self.usual(one) for n, one in enumerate(flights)}
        )

    async def _answer(self, answers: dict[Flight, Answer], *, dies: bool = False) -> None:
        before = self.model.copy()
        hearings = [self.hearings.of(flight) for flight in answers]
        for hearing, answer in zip(hearings, answers.values(), strict=True):
            hearing.is_open = False
            self.model.answered(
                hearing.text,
                hearing.binding,
                answer.outcome,
                url=hearing.url,
                begun_at=hearing.begun_at,
                now=self.clock(),
            )
            hearing.flight.answer(answer.reply)
        aside = [
            hearing.text
            for hearing in hearings
            if self.model.may_go_aside(hearing.text, hearing.url, now=self.clock())
        ]
        await self.process.settle()
        if dies:
            await self._die([before, self.model], may_go_aside=aside)
        else:
            await self._observe(self.model, may_go_aside=aside)

    async def _release(self, *, dies: bool = False) -> None:
        await self.process.release()
        is_complete = not self.process.store.is_dead
        if dies:
            await self.process.die()
        await self._released(is_complete=is_complete)
        if dies:
            await self._reborn()

    async def _release_some(self, account: str) -> None:
        there = self.model.accounts.get(account)
        if there is None or not there.is_marked:
            return
        held = self.scene.parts.held
        await self.store.commit(alone(release_slice(there.number, now=self.clock(), held=held)))
        self.process.dispatcher.wake()
        await self.process.settle()
        await self._released(is_complete=False)

    async def _released(self, *, is_complete: bool) -> None:
        sight = await self.store.read(look())
        faults = take_over_release(self.model, sight, now=self.clock(), is_complete=is_complete)
        assert not faults, "\n".join(faults)
        await self._observe()

    async def _wait(self, delay: timedelta) -> None:
        self.clock.advance(delay)
        self.process.dispatcher.arrived(())
        await self.process.settle()
        await self._observe()

    async def _die(self, worlds: list[Model], *, may_go_aside: Collection[str] = ()) -> None:
        await self.process.die()
        await self._observe(*worlds, may_go_aside=may_go_aside)
        await self._reborn()

    async def _reborn(self) -> None:
        self.hearings.close_all()
        self.picked.clear()
        await self._live()
        await self._observe()

    async def _observe(self, *worlds: Model, may_go_aside: Collection[str] = ()) -> None:
        """Look at the store, which must be as one of `worlds`; without any, as the model is."""
        assert not self.process.store.errors, self.process.store.errors
        bugs = [line for line in self.log if line["log_level"] in {"error", "critical"}]
        self.log.clear()
        assert not bugs, bugs
        sight = await self.store.read(look())
        faults = []
        for world in worlds or (self.model,):
            found = differences(world, sight, may_go_aside=may_go_aside)
            if not found:
                self._learn(world, sight)
                return
            faults += [*found, "or else"]
        raise AssertionError("\n".join(faults[:-1]))

    def _learn(self, world: Model, sight: Sight) -> None:
        self.model = world
        self.scene.delivery_ids = {line.text: line.delivery_id for line in sight.lines}
        for line in sight.lines:
            if line.work is not None:
                self.rows[line.work.number] = world.messages[line.text].binding
        for flight in self.process.flights:
            if flight not in self.picked:
                binding = self.rows.get(flight.item.number)
                self.picked[flight] = Picked(binding, frozenset(world.paused))

    # The end --------------------------------------------------------------------------------

    def teardown(self) -> None:
        if self.is_sound:
            self.run(self._drain())
        self.grounds.runner.run(self.process.die())

    async def _drain(self) -> None:
        """Let every application take everything, and see that nothing waits for ever."""
        self.down.clear()
        self.disliked.clear()
        for url in sorted(self.model.paused):
            await self._happen(Resume(*url))
        pause = A_MOMENT
        for _ in range(MOST_ROUNDS):
            await self._serve([None])
            await self._release()
            if not self.model.pending() and not self.process.flights:
                break
            if not self.process.flights:
                pause = min(2 * pause, timedelta(hours=1))
                await self._wait(pause)
        left = [message.text for message in self.model.pending()]
        assert not left, f"{left} can be delivered, and never are"
        unheard = {m.text for m in self.model.messages.values() if m.state is State.DELIVERED}
        assert unheard <= self.hearings.texts(), "something counts as delivered that nobody heard"


def _one_of(some: Sequence[T], which: int) -> T:
    return some[which % len(some)]
