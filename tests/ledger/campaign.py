"""Many runs in a row on one database, each with a fault and a seed, and one account of all."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from signal import SIGKILL, SIGTERM
from typing import Final

import aiohttp

from ledger import account, final_store, manners
from ledger.account import Account, Logs
from ledger.applications import Applications
from ledger.engines import Engine
from ledger.final_store import FinalStore
from ledger.installation import Gateway, Installation
from ledger.logs import End, Generation, Ticks, wall
from ledger.manners import Manners
from ledger.programs import Program
from ledger.provider import Provider
from ledger.traffic import PAGES, Post, Traffic

IN_FLIGHT: Final = 256
"""The gateway's own default for what may be in flight at once."""

_LATER = next(page for page in PAGES if page.is_linked_later)
_GOOD = frozenset({0, -SIGKILL})
"""How a gateway may end: told to, or killed. Anything else is a fault of its own."""


class Fault(ABC):
    """What happens to the gateway while people write; what is random comes from the run's seed."""

    name: str
    """What it is called in the results and on the command line."""
    engines: Sequence[str] = ("sqlite", "postgres")
    chunk: int = 25
    """How many runs one account covers."""
    posts: int = 16
    """How many POSTs of news one run has, at most."""
    pace: float = 0
    """Seconds that each of the provider's workers waits between two POSTs."""
    needs_power_cuts: bool = False
    needs_small_disk: bool = False
    is_reader_broken: bool = False
    defect: str | None = None
    """What is broken in the gateway on purpose, where that is part of the fault."""

    def environ(self, random: Random) -> Mapping[str, str]:
        """Return what the gateway is started with."""
        del random
        return {}

    def manners(self, seed: int) -> Manners:
        """Return how the applications behave."""
        return manners.at_ease(seed)

    async def prepare(self, engine: Engine) -> Installation:
        """Return the installation it happens to."""
        return await engine.copy()

    async def before(self, campaign: Campaign) -> None:  # noqa: B027 -- most have nothing to do
        """Do what has to be done before the gateway of a run begins."""

    @abstractmethod
    async def strike(self, run: Run) -> None:
        """Do it, and return when it is done; set `run.has_struck` if it came to that."""

    async def afterwards(self, campaign: Campaign) -> None:  # noqa: B027 -- as above
        """Do what has to be done when the gateway has ended, before the next one begins."""

    async def at_last(self, campaign: Campaign) -> None:  # noqa: B027 -- as above
        """Do what has to be done before everything shall be well."""

    async def drop(self, engine: Engine, installation: Installation) -> None:
        """Delete the installation when its account is closed."""
        await engine.drop(installation)


@dataclass(eq=False)
class Run:
    """One life of a gateway under one fault, as the fault sees it."""

    campaign: Campaign
    random: Random
    generation: Generation
    gateway: Gateway
    sending: asyncio.Task[None]
    has_struck: bool = False

    @property
    def program(self) -> Program:
        """The gateway's process."""
        return self.gateway.program


@dataclass(eq=False)
class Campaign:
    """One installation, its people, and what is written down until its account is closed."""

    engine: Engine
    installation: Installation
    receivers: Applications
    ticks: Ticks
    link_at: int = 1
    """The run in which the page is linked that was linked to nobody before."""
    last_news: int | None = None
    """The seed of what is said when everything is well, where nobody could hear before."""
    drain: float = 60
    """Seconds that the end may take until nothing is owed any more."""
    is_reader_broken: bool = False
    generations: dict[int, Generation] = field(default_factory=dict)
    struck: set[int] = field(default_factory=set)
    gone: FinalStore = field(default_factory=FinalStore)
    """What was in the store once and may rightly be gone at the end, where days passed."""
    provider: Provider = field(init=False)
    _is_linked: bool = False

    def __post_init__(self) -> None:
        self.provider = Provider(self.ticks)
        self.receivers.forget()
        self.receivers.secrets = self.installation.secrets()

    async def run(self, fault: Fault, seed: int) -> Run:
        """Let one gateway live under one fault, and end."""
        assert all(life.seed != seed for life in self.generations.values()), "a seed is used once"
        random = Random(f"{fault.name} {seed}")
        await fault.before(self)
        self.receivers.manners = fault.manners(seed)
        self.is_reader_broken |= fault.is_reader_broken
        generation = self._next(seed, fault.name)
        defect = fault.defect or self.installation.defect
        gateway = await self.installation.serve(defect=defect, **fault.environ(random))
        posts = Traffic(seed).posts(fault.posts)
        sending = asyncio.create_task(self._send(gateway, posts, random, pace=fault.pace))
        linking = asyncio.create_task(self._link(gateway))
        run = Run(self, random, generation, gateway, sending)
        try:
            await fault.strike(run)
            ended = await self._end(run)
        finally:
            gateway.program.signal(SIGKILL)
            await asyncio.gather(sending, linking)
        assert ended in _GOOD, self._log_of(ended)
        generation.end = End.STOPPED if ended == 0 else End.KILLED
        if run.has_struck:
            self.struck.add(generation.number)
        await self._settle(generation)
        await fault.afterwards(self)
        return run

    async def close(self) -> Account:
        """Let everything be well until nothing is owed any more, and make the account."""
        self.receivers.manners = manners.well
        self.link_at = 0
        generation = self._next(0, "none")
        gateway = await self.installation.serve(defect=self.installation.defect)
        try:
            await self._link(gateway)
            news = () if self.last_news is None else Traffic(self.last_news).posts(Fault.posts)
            await self._send(gateway, news, Random(0))
            while self.provider.outstanding:
                await self._send(gateway, (), Random(0))
            await self.drained(self.drain)
            gateway.program.signal(SIGTERM)
            ended = await gateway.program.ended()
        finally:
            gateway.program.signal(SIGKILL)
        assert ended == 0, self._log_of(ended)
        await self._settle(generation)
        store = await final_store.read(self.installation.database_url)
        store.remember(self.gone)
        return account.close(
            Logs(
                self.provider.log,
                self.receivers.requests,
                store,
                self.generations,
                in_flight=IN_FLIGHT,
                is_reader_broken=self.is_reader_broken,
            )
        )

    async def drained(self, seconds: float) -> None:
        """Wait until nothing is to be done, so long at most; what is left, the account finds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while await final_store.waiting(self.installation.database_url):
                    await asyncio.sleep(0.1)

    def _next(self, seed: int, fault: str) -> Generation:
        number = len(self.generations) + 1
        self.receivers.generation = number
        self.generations[number] = Generation(number, seed, fault, began=wall())
        return self.generations[number]

    async def _send(
        self, gateway: Gateway, news: Iterable[Post], random: Random, *, pace: float = 0
    ) -> None:
        if not gateway.url:
            return  # it died before it could hear anybody
        await self.provider.say(
            news,
            url=gateway.url,
            random=random,
            is_over=lambda: gateway.program.is_over,
            pace=pace,
        )

    async def _link(self, gateway: Gateway) -> None:
        """Link the page that is linked later, once it is time and for as long as it takes."""
        if gateway.url and len(self.generations) > self.link_at and not self._is_linked:
            with suppress(aiohttp.ClientError, OSError):  # the gateway died meanwhile
                self._is_linked = await self.installation.link(gateway, _LATER)

    async def _end(self, run: Run) -> int:
        program = run.gateway.program
        if not program.is_over:
            async with asyncio.timeout(120):
                await run.sending
            program.signal(SIGTERM)
        return await program.ended()

    async def _settle(self, generation: Generation) -> None:
        generation.ended = wall()
        await self.receivers.settled()

    def _log_of(self, ended: int) -> str:
        log = self.installation.log.read_text(encoding="utf-8")[-3000:]
        return f"the gateway ended by itself ({ended}):\n{log}"
