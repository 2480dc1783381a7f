"""Makes the writes of the API, each as often as it is meant, and answers what became of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeAlias

from jackfield.api.http import Header, Request, Response, StillRunning
from jackfield.api.idempotency import Asked, KeptAnswers, asked_once
from jackfield.auth import Caller
from jackfield.problems import Problem
from jackfield.units import Result, Steps, Store, Unit, alone, unit

REPLAYED: Final[Header] = (b"idempotent-replayed", b"true")


@dataclass(frozen=True, slots=True, kw_only=True)
class Write(Generic[Result]):
    """One write: what it changes, and how its result is answered, which is always a 2xx.

    `shown` runs inside the unit where the answer is kept: it touches nothing.
    """

    work: Unit[Result]
    shown: Callable[[Result], Response]


Prepare: TypeAlias = Callable[[Request, Caller], Awaitable[Write[Result]]]


class Writes:
    """Where the API's writes are made; one of these for each process."""

    def __init__(self, store: Store, *, kept: KeptAnswers) -> None:
        self._store = store
        self._kept = kept
        self._running: set[tuple[str, str, str, str]] = set()

    async def make(self, write: Write[Result]) -> Response:
        """Make a write and answer it; raises what its work raises."""
        return write.shown(await self._store.commit(write.work))

    async def make_once(
        self, request: Request, caller: Caller, prepare: Prepare[Result]
    ) -> Response:
        """Make the write that `prepare` reads from a request, once for each Idempotency-Key.

        A repeat within a day gets the answer that the first one got, if that was a 2xx; nothing
        of it is prepared. Without the header this is `make`. Raises `Invalid` for a key that is
        none, `StillRunning` while the first one runs, and `KeyReused` for another body.
        """
        asked = await asked_once(request, caller)
        if asked is None:
            return await self.make(await prepare(request, caller))
        # What another process runs is not known here; that is found out when both commit.
        if asked.key in self._running:
            raise StillRunning
        self._running.add(asked.key)
        try:
            kept = await self._store.read(self._kept.find(asked))
            if kept is None:
                return await self._first(asked, await prepare(request, caller))
            return _replayed(kept)
        finally:
            self._running.discard(asked.key)

    async def _first(self, asked: Asked, write: Write[Result]) -> Response:
        try:
            return await self._store.commit(self._keeping(asked, write))
        except Problem:
            # Another process may have been quicker: then this one failed because of that.
            kept = await self._store.read(self._kept.find(asked))
            if kept is None:
                raise
            return _replayed(kept)

    def _keeping(self, asked: Asked, write: Write[Result]) -> Unit[Response]:
        work = _kept_with(write, lambda response: self._kept.keep(asked, response))
        return alone(work) if write.work.is_alone else work


@unit
def _kept_with(write: Write[Result], keep: Callable[[Response], Unit[None]]) -> Steps[Response]:
    response = write.shown((yield from write.work))
    yield from keep(response)
    return response


def _replayed(kept: Response) -> Response:
    return replace(kept, headers=(*kept.headers, REPLAYED))
