"""What a host name means at this moment."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

from aiohttp.abc import AbstractResolver, ResolveResult

Resolve: TypeAlias = Callable[[str], Awaitable[Sequence[str]]]
"""A door: a host name in, its addresses out. Raises `OSError` when the name is not known."""

LOOKUPS_AT_ONCE = 32


class Names(AbstractResolver):
    """Asks `resolve`, or else the system, on threads of its own.

    Slow name servers of a few must not use up the threads that everybody shares.
    """

    def __init__(self, resolve: Resolve | None) -> None:
        self._resolve = resolve or self._ask_system
        self._threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE, thread_name_prefix="lookup")

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
        return await asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host)


def _look_up(host: str) -> Sequence[str]:
    flags = socket.AI_ADDRCONFIG
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=flags)
    return [str(address[0]) for *_, address in found]
