"""What a host name means, also while name servers of others hang."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from threading import Event

import pytest

from jackfield.egress.names import LOOKUPS_AT_ONCE, Names


class Servers:
    """Name servers: those below `hang.example` say nothing until they are let go."""

    def __init__(self) -> None:
        self.let_go = Event()
        self.known = {"good.example": "192.0.2.1"}

    def look_up(self, host: str, *_: object, **__: object) -> Sequence[tuple[object, ...]]:
        if host.endswith("hang.example"):
            self.let_go.wait(60)
        if host not in self.known:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (self.known[host], 0))]


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Servers:
    made = Servers()
    monkeypatch.setattr(socket, "getaddrinfo", made.look_up)
    return made


@pytest.fixture
async def system(servers: Servers) -> AsyncIterator[Names]:
    made = Names(None)
    yield made
    servers.let_go.set()
    await made.close()


async def meaning(system: Names, host: str) -> list[str]:
    async with asyncio.timeout(20):
        return [found["host"] for found in await system.resolve(host)]


def hanging(system: Names) -> list[asyncio.Task[list[str]]]:
    return [
        asyncio.create_task(meaning(system, f"{number}.hang.example"))
        for number in range(LOOKUPS_AT_ONCE)
    ]


async def test_a_name_is_looked_up_each_time_it_is_needed(servers: Servers, system: Names) -> None:
    before = await meaning(system, "good.example")
    servers.known["good.example"] = "192.0.2.2"

    assert (before, await meaning(system, "good.example")) == (["192.0.2.1"], ["192.0.2.2"])


async def test_while_all_lookups_hang_a_name_means_what_it_last_meant(
    servers: Servers, system: Names
) -> None:
    await meaning(system, "good.example")
    waiting = hanging(system)
    await asyncio.sleep(0)

    during = await meaning(system, "good.example")
    for each in waiting:  # whoever gives up leaves a thread that hangs
        each.cancel()
    await asyncio.wait(waiting)
    afterwards = await meaning(system, "good.example")

    assert during == afterwards == ["192.0.2.1"]


async def test_once_they_hang_no_longer_it_is_asked_again(servers: Servers, system: Names) -> None:
    await meaning(system, "good.example")
    waiting = hanging(system)
    await asyncio.sleep(0)
    servers.known["good.example"] = "192.0.2.2"

    servers.let_go.set()
    await asyncio.wait(waiting)

    assert await meaning(system, "good.example") == ["192.0.2.2"]


async def test_a_name_that_is_not_known_is_an_error(system: Names) -> None:
    with pytest.raises(OSError, match="no such name"):
        await meaning(system, "nowhere.example")
