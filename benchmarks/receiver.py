"""An application that counts webhooks as cheaply as can be, or one that never answers."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvloop


class _Hearing(asyncio.Protocol):
    """One connection; GET answers with what was heard, anything else is heard."""

    answers = True
    heard = 0
    ids: set[bytes] = set()  # noqa: RUF012 -- one for all connections, on purpose

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 -- a transport of sockets
        self._transport = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (head := self._buffer.find(b"\r\n\r\n")) >= 0:
            fields = self._buffer[:head]
            length = _field(fields, b"content-length")
            end = head + 4 + int(length or 0)
            if len(self._buffer) < end:
                return
            self._answer(fields)
            self._buffer = self._buffer[end:]

    def _answer(self, fields: bytes) -> None:
        body = b""
        if fields.startswith(b"GET"):
            body = b"%d %d" % (_Hearing.heard, len(_Hearing.ids))
        elif not _Hearing.answers:
            return
        else:
            _Hearing.heard += 1
            _Hearing.ids.add(_field(fields, b"webhook-id"))
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )


def _field(fields: bytes, name: bytes) -> bytes:
    at = fields.lower().find(b"\r\n" + name + b":")
    if at < 0:
        return b""
    return fields[at + len(name) + 3 :].split(b"\r\n", 1)[0].strip()


async def _main() -> None:
    _Hearing.answers = sys.argv[2:] != ["silent"]
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Hearing, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main())
