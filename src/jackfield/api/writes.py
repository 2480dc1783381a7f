"""Makes the writes of the API, each as often as it is meant, and answers what became of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeAlias

from jackfield.api.http import Header, Request, Response, StillRunning
from jackfield.api.idempotency import Asked, KeptAnswers, asked_once
from jackfield.auth import Caller
from jackfield.problems import OutcomeUnknown, Problem, Unavailable
from jackfield.units import Result, Steps, Store, Unit, alone, unit

REPLAYED: Final[Header] = (b"idempotent-replayed", b"true")

_NOTHING = "Nothing was stored: send it again."
_UNKNOWN = "It is not known whether this was stored: look what is there before you send it again."
_KEYED = "It is not known whether this was stored: send it again with the same Idempotency-Key."


@dataclass(frozen=True, slots=True, kw_only=True)
class Write(Generic[Result]):
    """One write: what it changes, how its result is answered, and how to see whether it stands.

    `shown` always gives a 2xx; it runs inside the unit where the answer is kept, and touches
    nothing. `stands` looks whether a result is what is stored; it raises `OutcomeUnknown` where
    that can be said no more.
    """

    work: Unit[Result]
    shown: Callable[[Result], Response]
    stands: Callable[[Result], Unit[bool]]


Prepare: TypeAlias = Callable[[Request, Caller], Awaitable[Write[Result]]]


class Writes:
    """Where the API's writes are made; one of these for each process."""

    def __init__(self, store: Store, *, kept: KeptAnswers) -> None:
        self._store = store
        self._kept = kept
        self._running: set[tuple[str, str, str, str]] = set()

    async def make(self, write: Write[Result]) -> Response:
        """Make a write and answer it; raises what its work raises.

        Where COMMIT gave no answer, look whether the result stands, and answer what is so.
        Raises `Unavailable` when nothing was stored, and `OutcomeUnknown` when nobody can look.
        """
        return write.shown(await commit_surely(self._store, write.work, stands=write.stands))

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
        except OutcomeUnknown as unknown:
            kept = await _look(self._store, self._kept.find(asked), otherwise=_KEYED)
            if kept is None:
                raise Unavailable(_NOTHING) from unknown
            return kept
        except Unavailable:
            raise
        except Problem:
            # Another process may have been quicker: then this one failed because of that.
            kept = await self._store.read(self._kept.find(asked))
            if kept is None:
                raise
            return _replayed(kept)

    def _keeping(self, asked: Asked, write: Write[Result]) -> Unit[Response]:
        work = _kept_with(write, lambda response: self._kept.keep(asked, response))
        return alone(work) if write.work.is_alone else work


async def commit_surely(
    store: Store,
    work: Unit[Result],
    *,
    stands: Callable[[Result], Unit[bool]],
    nothing: str = _NOTHING,
    unknown: str = _UNKNOWN,
) -> Result:
    """Commit `work` and return its result; where COMMIT gave no answer, if it is what stands.

    Raises what `work` raises, `Unavailable` with `nothing` when nothing was stored, and
    `OutcomeUnknown` with `unknown` when nobody can look, or it can be said no more.
    """
    results: list[Result] = []
    try:
        return await store.commit(_noted(work, results))
    except OutcomeUnknown as lost:
        for result in results:
            if await _look(store, stands(result), otherwise=unknown):
                return result
        raise Unavailable(nothing) from lost


async def _look(store: Store, looking: Unit[Result], *, otherwise: str) -> Result:
    try:
        return await store.read(looking)
    except Unavailable as unavailable:
        raise OutcomeUnknown(otherwise) from unavailable


def _noted(work: Unit[Result], results: list[Result]) -> Unit[Result]:
    """Return `work`, which leaves its result in `results`; none if it raises.

    A unit changes nothing but rows; this one's note is wiped whenever it is started afresh.
    """

    @unit
    def run() -> Steps[Result]:
        results.clear()
        result = yield from work
        results.append(result)
        return result

    return alone(run()) if work.is_alone else run()


@unit
def _kept_with(write: Write[Result], keep: Callable[[Response], Unit[None]]) -> Steps[Response]:
    response = write.shown((yield from write.work))
    yield from keep(response)
    return response


def _replayed(kept: Response) -> Response:
    return replace(kept, headers=(*kept.headers, REPLAYED))
