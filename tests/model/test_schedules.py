"""The dispatcher under schedules: in whatever order things end, each conversation keeps its own.

Whatever is asked of the store waits twice, before it is done and before it is answered, and each
attempt waits for its answer. Hypothesis draws who goes on next, so that a schedule is the same
each time.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.processors import format_exc_info
from structlog.testing import capture_logs

from jackfield.clock import Moment, after
from jackfield.delivery.retries import FIRST_DELAY
from jackfield.inbound import accept
from jackfield.messages import Reading
from jackfield.sealing import Keyring
from jackfield.storage import arrivals, destinations
from model.drawing import Answer
from model.grounds import Grounds, on_postgres, on_sqlite
from model.plain_model import Model
from model.plain_values import State
from model.playing import NIGHTLY_STEPS
from model.process import Flight, Parts, Process
from model.scene import START, Scene, event, furnish
from model.sight import Line, look
from world import MASTER_KEY, Clock

SCHEDULES = NIGHTLY_STEPS // 10
MOST_TURNS = 3_000
ANSWERS = [Answer.TAKEN, Answer.TAKEN, Answer.BROKEN, Answer.NONE, Answer.REFUSED]

SAID = st.lists(
    st.lists(
        st.tuples(st.sampled_from(["2001", "3001"]), st.sampled_from(["ann", "bob", "cyd"])),
        min_size=1,
        max_size=3,
    ),
    min_size=1,
    max_size=6,
)
CHOICES = st.lists(st.integers(0, 99), max_size=150)


def schedules(least: int) -> settings:
    return settings(
        max_examples=max(least, SCHEDULES),
        derandomize=not SCHEDULES,
        print_blob=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@dataclass
class Ear:
    """Every application: what it heard of whom, and whether it took it."""

    said: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    taken: set[str] = field(default_factory=set)
    refused: dict[str, Moment] = field(default_factory=dict)
    under_way: dict[Flight, str] = field(default_factory=dict)

    def begin(self, flight: Flight, body: bytes, *, now: Moment) -> None:
        text = msgspec.json.decode(body)["text"]
        assert text not in self.taken, f"{text!r} was taken before"
        if text in self.refused:
            assert now >= after(self.refused[text], FIRST_DELAY), f"{text!r} is sent early"
        conversation = next(texts for texts in self.said.values() if text in texts)
        before = conversation[: conversation.index(text)]
        assert self.taken.issuperset(before), f"{text!r} overtakes one of {before}"
        at_once = [one for one in self.under_way.values() if one in conversation]
        assert not at_once, f"{text!r} is sent while {at_once} is under way"
        self.under_way[flight] = text

    def end(self, flight: Flight, answer: Answer, *, now: Moment) -> None:
        text = self.under_way.pop(flight)
        if answer is Answer.TAKEN:
            self.taken.add(text)
        else:
            self.refused[text] = now
        flight.answer(answer.reply)


@dataclass
class Stage:
    """One schedule: who waits, and who goes on next."""

    process: Process
    clock: Clock
    choices: list[int]
    ear: Ear = field(default_factory=Ear)

    def choose(self) -> int:
        return self.choices.pop() if self.choices else 0

    async def go_on(self) -> bool:
        """Let one of those who wait go on; return False when nobody waits."""
        turns, flights = self.process.store.turns, self.process.flights
        waiting: list[asyncio.Event | Flight] = [
            *turns,
            *[one for one in flights if one not in self.ear.under_way],
        ]
        waiting += [one for one in flights if one in self.ear.under_way]
        if not waiting:
            return False
        choice = self.choose()
        self._release(waiting[choice % len(waiting)], ANSWERS[choice % len(ANSWERS)])
        await self.process.settle()
        for flight in flights:
            if flight.request is not None and flight not in self.ear.under_way:
                self.ear.begin(flight, flight.request.body, now=self.clock())
        return True

    def _release(self, one: asyncio.Event | Flight, answer: Answer) -> None:
        if isinstance(one, asyncio.Event):
            self.process.store.turns.remove(one)
            one.set()
        elif one in self.ear.under_way:
            self.ear.end(one, answer if self.choices else Answer.TAKEN, now=self.clock())
        else:
            one.is_let_go.set()


async def followed(
    grounds: Grounds, said: Sequence[Sequence[tuple[str, str]]], choices: list[int]
) -> None:
    """Play one schedule to its end, and see that everything was taken in order."""
    store, clock, keys = await grounds.fresh(), Clock(START), Keyring([MASTER_KEY])
    scene, model = Scene(Parts()), Model()
    await store.commit(furnish(scene, model, keys))
    process = Process(
        store,
        Parts(),
        clock=clock,
        keys=keys,
        is_alone=grounds.is_alone,
        is_paced=True,
        order_hold=timedelta(days=1),  # nothing goes out of order here
    )
    stage = Stage(process, clock, choices)
    await process.live()
    hearing = asyncio.create_task(_hear(stage, scene, said))
    for _ in range(MOST_TURNS):
        if not await stage.go_on():
            sight = await store.read(look())
            if hearing.done() and not sight.to_do:
                break
            sparing = await store.read(destinations.known())
            idle = [line.text for line in sight.lines if _might_go(line, now=clock())]
            assert sparing or not idle, f"nobody sends {idle}, which are due"
            clock.advance(timedelta(seconds=10))
            process.dispatcher.arrived(())
            await process.settle()
    await process.die()
    assert not process.store.errors
    assert hearing.done(), "what was said was never accepted"
    everything = {text for texts in stage.ear.said.values() for text in texts}
    assert everything - stage.ear.taken == set(), "something is lost"
    assert {line.state for line in sight.lines} == {State.DELIVERED}


def _might_go(line: Line, *, now: Moment) -> bool:
    """Return whether nothing keeps it from being sent; what waits behind another has no time."""
    due_at = None if line.work is None else line.work.due_at
    return due_at is not None and due_at <= now


async def _hear(stage: Stage, scene: Scene, said: Sequence[Sequence[tuple[str, str]]]) -> None:
    """Let one webhook after the other arrive, each once the one before is acknowledged."""
    for webhook in said:
        new = [scene.says(account, (person,)) for account, person in webhook]
        for one in new:
            stage.ear.said[one.account, one.people[0]].append(one.text)
        work = accept(
            Reading(events=[event(one) for one in new]),
            provider_app_id=scene.provider_app_id,
            now=stage.clock(),
            arrivals=arrivals,
        )
        accepted = await stage.process.store.commit(work)
        stage.process.dispatcher.arrived(accepted.lanes)


def play_all(grounds: Grounds, least: int) -> int:
    played = 0

    @schedules(least)
    @given(said=SAID, choices=CHOICES)
    def follow(said: list[list[tuple[str, str]]], choices: list[int]) -> None:
        nonlocal played
        played += 1
        grounds.runner.run(followed(grounds, said, choices))

    with capture_logs([format_exc_info]) as log:
        follow()
    bugs = [line for line in log if line["log_level"] in {"error", "critical"}]
    assert bugs == []
    return played


def test_schedules_keep_every_conversation_in_order_on_sqlite(sqlite_template: Path) -> None:
    with on_sqlite(sqlite_template) as grounds:
        assert play_all(grounds, least=200) >= 200


def test_schedules_keep_every_conversation_in_order_on_postgres(postgres_url: str) -> None:
    with on_postgres(postgres_url) as grounds:
        assert play_all(grounds, least=30) >= 30
