"""A line between a store and its PostgreSQL server, which a test can cut."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit


@dataclass
class Line:
    """A line between a store and its server, which can be cut when a word passes over it."""

    server_url: str
    _word: bytes | None = None
    _is_forwarded: bool = True
    _is_answered: bool = True
    _is_forgotten: bool = False
    _directory: str = ""
    _door: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _forgotten: set[asyncio.StreamWriter] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._directory = tempfile.mkdtemp(prefix="line-")
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.hang_up()
        for writer in self._forgotten:
            writer.transport.abort()
        shutil.rmtree(self._directory)

    @property
    def url(self) -> str:
        """The server's URL by way of this line."""
        server = urlsplit(self.server_url)
        who = f"{server.username}:{server.password or ''}"
        return f"postgresql://{who}@{server.path}?host={self._directory}"

    def cut_at(
        self,
        word: bytes,
        *,
        is_forwarded: bool,
        is_answered: bool = True,
        is_forgotten: bool = False,
    ) -> None:
        """Cut the line at the next `word`: before it reaches the server, or before its answer.

        An answer that is not waited for may come later, to nobody. Where the line is forgotten,
        as by a firewall, the server is not told that it is cut.
        """
        self._word, self._is_forwarded, self._is_answered = word, is_forwarded, is_answered
        self._is_forgotten = is_forgotten

    async def listen(self) -> None:
        """Take calls."""
        path = Path(self._directory) / ".s.PGSQL.5432"
        path.unlink(missing_ok=True)
        self._door = await asyncio.start_unix_server(self._call, path)

    async def hang_up(self) -> None:
        """Cut every call and take no more."""
        assert self._door is not None
        self._door.close()
        for writer in self._open:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _call(self, near: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        far, far_out = await self._call_server()
        self._open |= {near_out, far_out}
        answers = asyncio.create_task(self._pass_on(far, near_out))
        with contextlib.suppress(ConnectionError):
            while said := await near.read(65536):
                if self._word is not None and self._word in said:
                    self._word = None
                    answers.cancel()
                    if self._is_forwarded:
                        far_out.write(said)
                        if self._is_answered:
                            await far.read(65536)
                    if self._is_forgotten:
                        self._forgotten.add(far_out)
                    break
                far_out.write(said)
        answers.cancel()
        await asyncio.gather(answers, return_exceptions=True)
        for writer in (near_out, far_out):
            self._open.discard(writer)
            if writer not in self._forgotten:
                writer.transport.abort()

    async def _call_server(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        server = urlsplit(self.server_url)
        (directory,) = parse_qs(server.query).get("host", [""])
        if directory:
            return await asyncio.open_unix_connection(f"{directory}/.s.PGSQL.5432")
        return await asyncio.open_connection(server.hostname, server.port or 5432)

    async def _pass_on(self, far: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        while said := await far.read(65536):
            near_out.write(said)
        near_out.transport.abort()
