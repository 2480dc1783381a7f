"""What a host name means at this moment."""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeAlias

from aiohttp.abc import AbstractResolver, ResolveResult

Resolve: TypeAlias = Callable[[str], Awaitable[Sequence[str]]]
"""A door: a host name in, its addresses out. Raises `OSError` when the name is not known."""

LOOKUPS_AT_ONCE = 32

REMEMBERED = 10_000
"""Of so many names it is remembered what they meant last, for when the system cannot be asked."""


class Names(AbstractResolver):
    """Asks `resolve`, or else the system, on threads of its own.

    Slow name servers of a few must not use up the threads that everybody shares, nor keep the
    others' names from being found: while every thread hangs, a name means what it last meant.
    """

    def __init__(self, resolve: Resolve | None) -> None:
        self._resolve = resolve or self._ask_system
        self._threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE, thread_name_prefix="lookup")
        # A lookup outlives whoever gave up waiting for it.
        self._under_way: set[Future[Sequence[str]]] = set()
        self._last: OrderedDict[str, Sequence[str]] = OrderedDict()

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,
    ) -> list[ResolveResult]:
        """Return the addresses of `host` in the client's form. Raises `OSError` for none."""
        addresses = await self._resolve(host)
        if not addresses:
            raise OSError(socket.EAI_NONAME, "no address")
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in addresses
        ]

    async def close(self) -> None:
        """Forget lookups that have not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _ask_system(self, host: str) -> Sequence[str]:
        if len(self._under_way) >= LOOKUPS_AT_ONCE and host in self._last:
            return self._last[host]
        asked = self._threads.submit(_look_up, host)
        self._under_way.add(asked)
        asked.add_done_callback(self._under_way.discard)
        self._last[host] = found = await asyncio.wrap_future(asked)
        self._last.move_to_end(host)
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)
        return found


def _look_up(host: str) -> Sequence[str]:
    flags = socket.AI_ADDRCONFIG
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=flags)
    return [str(address[0]) for *_, address in found]
