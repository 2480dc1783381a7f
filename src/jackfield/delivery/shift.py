"""Works while this process is the one that should, and stands by while it is not."""

from __future__ import annotations

import asyncio
from typing import Protocol


class Duty(Protocol):
    """Which process of an installation delivers; one at a time does."""

    async def taken(self) -> None:
        """Wait until it is this one."""
        ...

    async def lost(self) -> None:
        """Wait until it may be another."""
        ...

    def call(self) -> None:
        """Tell whichever it is that something is due."""
        ...

    async def close(self) -> None:
        """Leave it to others."""
        ...


class Work(Protocol):
    """What one process of an installation does at a time."""

    def start(self) -> None:
        """Begin."""
        ...

    async def stop(self) -> None:
        """End, once what was begun has ended; there is nothing to end before the first start."""
        ...


class Shift:
    """Does all its work while on duty; what was begun last ends first."""

    def __init__(self, duty: Duty, *work: Work) -> None:
        self._duty = duty
        self._work = work
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Stand by, and begin as soon as it is this process's turn."""
        self._running = asyncio.create_task(self._run(), name="shift")

    async def stop(self) -> None:
        """Let what is in flight end, and leave the duty to others."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        await self._end()
        await self._duty.close()

    async def _run(self) -> None:
        while True:
            await self._duty.taken()
            for one in self._work:
                one.start()
            await self._duty.lost()
            await self._end()

    async def _end(self) -> None:
        for one in reversed(self._work):
            await one.stop()
