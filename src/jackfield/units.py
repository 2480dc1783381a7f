"""A unit of work: what a rule asks of the store, in one place.

A unit is a generator that yields statements and receives their rows. It awaits nothing, so
one text runs on sqlite3 and on asyncpg. `await store.commit(unit)` answers
after COMMIT; `await store.read(unit)` runs one that only looks.

    @unit
    def rename(key: str, name: str, accounts: Accounts) -> Steps[Account]:
        account = yield from accounts.find(key)
        if account is None:
            raise NotFound
        return (yield from accounts.rename(account.id, name))

Calling a function marked `@unit` runs nothing: it gives a `Unit`, which the store may start
more than once (a deadlock, a neighbour that failed). So a unit changes nothing but rows.

What is only to be counted is tallied: `yield tally(Tally.ACCEPTED, 3)` costs no statement. The
store adds up what a batch tallied and stores the sums with it; a unit that fails takes its own
along. What there is to tally, and when, is said in `balance.Tally`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from functools import partial, wraps
from typing import Any, Generic, NamedTuple, ParamSpec, Protocol, TypeAlias, TypeVar

from jackfield.clock import Moment

Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)
Arguments = ParamSpec("Arguments")

Row: TypeAlias = Sequence[Any]
Rows: TypeAlias = Sequence[Row]


class Statement(NamedTuple):
    """One prepared statement and the values of each run of it; only the store looks inside."""

    prepared: object
    values: Sequence[Mapping[str, Any]]


class Counted(NamedTuple):
    """So many more of something, to be stored with the batch; see `tally`."""

    name: str
    by: int


Steps: TypeAlias = Generator[Statement | Counted, Rows, Result]
"""What the body of a unit is: statements and tallies out, rows in, a result at the end."""


def tally(name: str, by: int = 1) -> Counted:
    """Return what a unit yields to count `by` more under `name`; it gets no rows back.

    The count is stored in the transaction that stores the unit, or not at all.
    """
    return Counted(name, by)


class Unit(Generic[Result_co]):
    """Work that can be started afresh. `yield from` it inside another unit.

    `is_alone` keeps it from running between the statements of its neighbours in a batch;
    `is_quick` says that all its statements take no longer than a thread's turn.
    """

    __slots__ = ("_start", "is_alone", "is_quick")

    def __init__(
        self,
        start: Callable[[], Steps[Result_co]],
        *,
        is_alone: bool = False,
        is_quick: bool = False,
    ) -> None:
        self._start = start
        self.is_alone = is_alone
        self.is_quick = is_quick

    @property
    def question(self) -> Hashable:
        """What tells it from others: its function and what that was given; None if nothing can."""
        start = self._start
        if not isinstance(start, partial):
            return None
        return (start.func, start.args, *start.keywords.items())

    def __iter__(self) -> Steps[Result_co]:
        return self._start()


def unit(
    function: Callable[Arguments, Steps[Result]],
) -> Callable[Arguments, Unit[Result]]:
    """Make `function`, a generator of statements, give a `Unit` that can be started afresh."""

    @wraps(function)
    def bind(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Unit[Result]:
        return Unit(partial(function, *args, **kwargs))

    return bind


def alone(work: Unit[Result]) -> Unit[Result]:
    """Return `work` to be run in a transaction of its own.

    For a rule that reads a set and then writes what must hold for the whole of it.
    """
    return Unit(work.__iter__, is_alone=True)


def quick(work: Unit[Result]) -> Unit[Result]:
    """Return `work`, of which it is known that it is a few rows by their keys, and nothing more.

    Who runs it may hold up everybody else meanwhile: for what is asked all the time.
    """
    return Unit(work.__iter__, is_quick=True)


class Store(Protocol):
    """Where units run."""

    async def commit(self, work: Unit[Result]) -> Result:
        """Run `work` in a transaction and return its result once it is durable.

        Raises what `work` raises (nothing of it is then stored), `Unavailable` when the store
        cannot be reached, and `OutcomeUnknown` when COMMIT itself gave no clear answer.
        """
        ...

    async def read(self, work: Unit[Result]) -> Result:
        """Run `work`, which must only look, and return its result."""
        ...

    async def recall(self, work: Unit[Result]) -> Result:
        """Return what `read` would; from memory, where that is known to be the same.

        What `work` is given must be hashable, and what it returns must not be changed.
        """
        ...


class Surveyed(Protocol):
    """Where what takes long to count is counted without holding anybody up."""

    async def survey(self, work: Unit[Result]) -> Result:
        """Run `work`, which must only look, on one snapshot of the whole database.

        However long it takes, the event loop and the writer do not wait for it. Raises
        `Unavailable` when the database cannot be read.
        """
        ...


class Committing(Protocol):
    """Where it is known how long what is being stored has been waiting for that."""

    @property
    def committing_since(self) -> Moment | None:
        """When the oldest unit was handed in whose commit has not ended; None where all have.

        A look that begins now may miss what was handed in then, and nothing older.
        """
        ...
