"""Runs a gateway until it is told to stop, and ends what it began in order."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias, TypeVar

import structlog
import uvloop

from jackfield.app import Gateway, build
from jackfield.cli import certificates, logs
from jackfield.cli.options import arm
from jackfield.cli.ports import bind
from jackfield.console.socket_place import held_directory
from jackfield.settings import Settings, unknown_variables
from jackfield.storage.opening import DataDirectoryLock

log = structlog.get_logger()

Shown = TypeVar("Shown")
Ready: TypeAlias = Callable[[Shown], None]

_HEAD_START = 0.25
"""Seconds at most that deliveries have the process to themselves."""

_WHILE_LOADING = 0.0005
"""Seconds that the loop waits for the interpreter at each step, where a thread imports."""


def run(
    main: Callable[[Settings, Ready[Shown], asyncio.Event], Awaitable[None]],
    settings: Settings,
    ready: Ready[Shown],
) -> None:
    """Run `main` to its end on a fast loop, logging as the settings say.

    The event that it gets is set when the process is told to stop.

    Raises SettingError for a crash point that is not there, and what `main` raises.
    """
    arm(settings)
    logs.configure(settings.log_level, settings.log_format)
    for variable, nearest in unknown_variables().items():
        # Not refused: others may have variables that begin as ours do.
        log.warning("setting.unknown", variable=variable, nearest=nearest)

    async def to_its_end() -> None:
        await main(settings, ready, _told_to_stop())

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(to_its_end())


async def serve(settings: Settings, ready: Ready[str], told: asyncio.Event) -> None:
    """Run the gateway until it is told to stop; `ready` gets its URL once it answers.

    Raises InUseError where the data directory is held, Unavailable where the port is or the
    database cannot be opened, SealingError where no key fits, SettingError where https cannot be.
    """
    with held(settings) as directory:
        https = certificates.of(settings, now=datetime.now(UTC))
        listening = bind(settings.host, settings.port)
        async with gateway_of(settings) as gateway:
            gateway.start()
            # What an earlier process left goes out before, and while, all that answers is loaded.
            with suppress(TimeoutError):
                await asyncio.wait_for(gateway.dispatcher.begun(), _HEAD_START)
            await asyncio.to_thread(_load_front)
            from jackfield.cli import front  # noqa: PLC0415 -- it was, just now

            await front.serve(gateway, directory, listening, told, https=https, ready=ready)


@contextmanager
def held(settings: Settings) -> Iterator[Path | None]:
    """Hold the data directory and give it; on PostgreSQL there is none to hold.

    Raises InUseError when another process holds it.
    """
    directory = held_directory(settings)
    lock = DataDirectoryLock(directory) if directory is not None else None
    try:
        yield directory
    finally:
        if lock is not None:
            lock.release()


@asynccontextmanager
async def gateway_of(settings: Settings) -> AsyncIterator[Gateway]:
    """Give the gateway, not yet started; on the way out what is in flight ends."""
    gateway = await build(settings)
    try:
        yield gateway
    finally:
        await gateway.close()
        log.info("gateway.stopped")


def _told_to_stop() -> asyncio.Event:
    """Return what SIGTERM and SIGINT set; a second one ends the process at once, as a crash would.

    Nothing is lost by that: what is under way goes out again after the next start.
    """
    told = asyncio.Event()

    def tell(number: int) -> None:
        if told.is_set():
            log.warning("gateway.cut_short")
            os._exit(128 + number)  # as a shell tells it
        log.info("gateway.draining")
        told.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, tell, number)
    return told


def _load_front() -> None:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_WHILE_LOADING)
    import jackfield.cli.front  # noqa: F401, PLC0415 -- see `serve`

    sys.setswitchinterval(usual)
