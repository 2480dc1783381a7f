"""A load of prepared HTTP requests over kept connections, as cheap as a client can be."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import uvloop


@dataclass(frozen=True, slots=True)
class Load:
    """What a load measured: how long it took, each request's seconds, and the answers."""

    seconds: float
    latencies: Sequence[float]
    statuses: Counter[int]

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Return the latency, in milliseconds, that `share` of the requests stayed within."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1_000


def request(
    method: str,
    target: str,
    *,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
) -> bytes:
    """Return one HTTP/1.1 request as it goes over the wire."""
    lines = [f"{method} {target} HTTP/1.1", "Host: gateway.example"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    lines += [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([*lines, "", ""]).encode() + body


def run(port: int, requests: Sequence[bytes], *, in_flight: int, rate: float = 0) -> Load:
    """Send `requests` to loopback, `in_flight` at once, or at `rate` a second where given."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(port, requests, in_flight=in_flight, rate=rate))


def run_beside(
    port: int, requests: Sequence[bytes], flood: Iterator[bytes], *, in_flight: int, rate: float
) -> tuple[Load, Load]:
    """Send `requests` as `run` does, and as much of `flood` beside them as is answered."""

    async def both() -> tuple[Load, Load]:
        asked = asyncio.create_task(_run(port, requests, in_flight=in_flight, rate=rate))
        wrong = iter(lambda: next(flood) if not asked.done() else b"", b"")
        flooded = asyncio.create_task(_run(port, wrong, in_flight=in_flight, rate=0))
        return await asked, await flooded

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(both())


async def _run(port: int, requests: Iterable[bytes], *, in_flight: int, rate: float) -> Load:
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    statuses: Counter[int] = Counter()
    started = loop.time()
    source = _Source(iter(requests), started=started, rate=rate)
    connections = [_Connection(source, latencies, statuses) for _ in range(in_flight)]
    for connection in connections:
        await loop.create_connection(lambda c=connection: c, "127.0.0.1", port)  # type: ignore[misc] # the loop variable is bound at once
    began = time.perf_counter()
    source.started = loop.time()
    for connection in connections:
        connection.send_next()
    await asyncio.gather(*[connection.done for connection in connections])
    return Load(time.perf_counter() - began, latencies, statuses)


@dataclass(slots=True)
class _Source:
    """Hands out requests; with a rate, each has its moment, whoever is late."""

    requests: Iterator[bytes]
    started: float
    rate: float
    handed: int = 0

    def next(self) -> tuple[bytes, float] | None:
        sending = next(self.requests, None)
        if sending is None:
            return None
        moment = self.started + self.handed / self.rate if self.rate else 0.0
        self.handed += 1
        return sending, moment


class _Connection(asyncio.Protocol):
    def __init__(self, source: _Source, latencies: list[float], statuses: Counter[int]) -> None:
        self._loop = asyncio.get_running_loop()
        self._source = source
        self._latencies = latencies
        self._statuses = statuses
        self._buffer = b""
        self._sent_at = 0.0
        self.done: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 -- uvloop's has no base
        self._transport = transport

    def send_next(self) -> None:
        """Send the next request when its moment has come; end when there is none."""
        following = self._source.next()
        if following is None:
            self._transport.close()
            self.done.set_result(None)
            return
        sending, moment = following
        if moment > self._loop.time():
            self._loop.call_at(moment, self._send, sending, moment)
        else:
            self._send(sending, moment)

    def _send(self, sending: bytes, moment: float) -> None:
        # From the moment it was due, so that a stalled server cannot hide what had to wait.
        self._sent_at = moment or self._loop.time()
        self._transport.write(sending)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0 or len(self._buffer) < head + 4 + _length(self._buffer[:head]):
            return
        self._latencies.append(self._loop.time() - self._sent_at)
        self._statuses[int(self._buffer[9:12])] += 1
        self._buffer = b""
        self.send_next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionResetError("closed before the end"))


def _length(head: bytes) -> int:
    at = head.lower().find(b"content-length:")
    if at < 0:
        return 0
    return int(head[at + 15 :].split(b"\r\n", 1)[0])
