"""Delivers while this process is the one that should, and stands by while it is not."""

from __future__ import annotations

import asyncio
from typing import Protocol

from jackfield.delivery.dispatcher import Dispatcher
from jackfield.delivery.release import Releaser


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


class Shift:
    """Runs the dispatcher and the releaser while on duty."""

    def __init__(self, duty: Duty, dispatcher: Dispatcher, releaser: Releaser) -> None:
        self._duty = duty
        self._dispatcher = dispatcher
        self._releaser = releaser
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Stand by, and deliver as soon as it is this process's turn."""
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
            self._dispatcher.start()
            self._releaser.start()
            await self._duty.lost()
            await self._end()

    async def _end(self) -> None:
        await self._releaser.stop()
        await self._dispatcher.stop()
