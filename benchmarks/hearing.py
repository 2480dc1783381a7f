"""An application that notes when it hears each message, and how long after it was accepted.

The gateway numbers messages with UUIDv7, whose first 48 bits are the millisecond in which it
accepted them: so the time from there to here needs no clock but this machine's.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvloop

from benchmarks.servers import LOAD_CPU, Server, free_port, started

SILENT = 0
"""In place of a status: it never answers."""

_UUID = b'"message_uuid":"'
_FROM = b'"from":"'


@dataclass(frozen=True, slots=True)
class Hearing:
    """The running application, as the benchmark sees it."""

    server: Server

    @property
    def url(self) -> str:
        """Where it hears messages."""
        return f"http://127.0.0.1:{self.server.port}/in"

    def become(self, status: int) -> None:
        """Let it answer with `status` from now on."""
        self._ask(f"become/{status}")

    def lags(self) -> list[int]:
        """Return the milliseconds from accepted to heard, of everything it took, in order."""
        return [lag for lag, _ in self._ask("taken")]

    def moments(self) -> list[float]:
        """Return when it took each, by the machine's monotonic clock."""
        return [moment for _, moment in self._ask("taken")]

    def counts(self) -> tuple[int, int, int]:
        """Return how many it took, how many different ones, and how many it refused."""
        taken, different, refused, _ = self._ask("counts")
        return taken, different, refused

    def inversions(self) -> int:
        """Return how many it took for the first time after a younger one of the same person."""
        return int(self._ask("counts")[3])

    def until(self, different: int, *, seconds: float = 120) -> None:
        """Wait until it took so many different messages; end the benchmark if it does not."""
        give_up = time.monotonic() + seconds
        while self.counts()[1] < different:
            if time.monotonic() > give_up:
                raise SystemExit(f"{self.counts()[1]} of {different} were delivered in time")
            time.sleep(0.05)

    def _ask(self, path: str) -> Any:  # noqa: ANN401 -- whatever JSON it says
        url = f"http://127.0.0.1:{self.server.port}/{path}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)


@contextmanager
def hearing(*, status: int = 200, seconds: float = 0.0) -> Iterator[Hearing]:
    """Run such an application, which answers with `status` after so many seconds."""
    port = free_port()
    arguments = [str(port), str(status), str(seconds)]
    command = [sys.executable, "-m", "benchmarks.hearing", *arguments]
    with started(command, port=port, cpu=LOAD_CPU) as server:
        yield Hearing(server)


class _Application:
    """What it heard so far, and how it answers."""

    def __init__(self, status: int, seconds: float) -> None:
        self.status = status
        self.seconds = seconds
        self.taken: list[tuple[int, float]] = []
        self.different: set[bytes] = set()
        self.latest: dict[bytes, bytes] = {}
        self.inversions = 0
        self.refused = 0

    def hear(self, body: bytes) -> int:
        """Note one webhook, and return the status of its answer."""
        if self.status == SILENT or self.status >= 300:
            self.refused += 1
            return self.status
        at = body.find(_UUID) + len(_UUID)
        uuid = body[at : at + 36]
        accepted = int(uuid[:8] + uuid[9:13], 16)
        self.taken.append((time.time_ns() // 1_000_000 - accepted, time.monotonic()))
        if uuid not in self.different:
            self.different.add(uuid)
            self._compare(body, uuid)
        return self.status

    def _compare(self, body: bytes, uuid: bytes) -> None:
        """Note whether it is older than what the same person's last one was; ids sort by age."""
        at = body.find(_FROM) + len(_FROM)
        person = body[at : body.find(b'"', at)]
        # Within a millisecond the rest of an id is random, and tells nothing.
        self.inversions += uuid[:13] < self.latest.get(person, b"")
        self.latest[person] = max(uuid[:13], self.latest.get(person, b""))

    def tell(self, path: bytes) -> bytes:
        """Answer the benchmark's own questions."""
        if path.startswith(b"/become/"):
            self.status = int(path.removeprefix(b"/become/"))
        if path == b"/taken":
            return json.dumps(self.taken).encode()
        counts = len(self.taken), len(self.different), self.refused, self.inversions
        return json.dumps(counts).encode()


class _Connection(asyncio.Protocol):
    def __init__(self, application: _Application) -> None:
        self._application = application
        self._buffer = b""

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 -- a transport of sockets
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (head := self._buffer.find(b"\r\n\r\n")) >= 0:
            fields = self._buffer[:head]
            at = fields.lower().find(b"content-length:")
            length = int(fields[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._buffer) < head + 4 + length:
                return
            body = self._buffer[head + 4 : head + 4 + length]
            self._buffer = self._buffer[head + 4 + length :]
            self._answer(fields.split(b" ", 2), body)

    def _answer(self, line: list[bytes], body: bytes) -> None:
        if line[0] == b"GET":
            self._send(200, self._application.tell(line[1]))
            return
        status = self._application.hear(body)
        if status != SILENT:
            loop = asyncio.get_running_loop()
            loop.call_later(self._application.seconds, self._send, status, b"")

    def _send(self, status: int, body: bytes) -> None:
        self._transport.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)))
        self._transport.write(body)


async def _main() -> None:
    port, status, seconds = sys.argv[1:]
    application = _Application(int(status), float(seconds))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(application), "127.0.0.1", int(port))
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main())
