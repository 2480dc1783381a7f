"""Sends again what was given up or delivered, or copies of it to a URL where somebody tests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import structlog

from jackfield.clock import Clock, Moment
from jackfield.deliveries import lane
from jackfield.delivery.copying import Copies, copy
from jackfield.delivery.records import DeliveryDetails, DeliveryRecords, Selection, State
from jackfield.problems import Conflict, Invalid, InvalidParameter, NotFound
from jackfield.units import Store, Unit, alone

log = structlog.get_logger()

SLICE: Final = 200
"""Deliveries per transaction: few enough that the hot path never waits long behind one."""


@dataclass(frozen=True, slots=True)
class PutBack:
    """How many go to where they were bound, and how many to whoever hears their account now.

    `lanes` have something to do because of that.
    """

    pending: int
    held: int
    lanes: frozenset[int] = field(default=frozenset(), compare=False)


@dataclass(frozen=True, slots=True)
class Place:
    """How far a long replay has come: behind the place `after`, and not beyond `until`.

    The end is where the newest delivery was when it began: else it would replay what it sent.
    """

    after: int
    until: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """What one step of a replay did.

    `chosen` deliveries were meant; of them `pending` go to where they were bound and `held` to
    whoever hears their account now. The rest could not be replayed: somebody was quicker, or
    nobody is there who would hear them. `goes_on_at` is None when there are no more.
    """

    chosen: int
    pending: int
    held: int
    goes_on_at: Place | None


class Replays(Protocol):
    """What replaying asks of the store."""

    def put_back(self, delivery_ids: Sequence[str], *, now: Moment) -> Unit[PutBack]:
        """Let those that are dead or delivered go out again, in this order, and call it new.

        With the bytes they have, where the one they are bound to is there. Else those that
        somebody hears are held again, and their account lets them go in its old order.
        """
        ...


class Replaying:
    """Replays one delivery, or many in slices; `arrived` and `released` wake who brings them."""

    def __init__(
        self,
        store: Store,
        *,
        records: DeliveryRecords,
        replays: Replays,
        copies: Copies,
        clock: Clock,
        arrived: Callable[[Collection[int]], None],
        released: Callable[[], None],
    ) -> None:
        self._store = store
        self._records = records
        self._replays = replays
        self._copies = copies
        self._clock = clock
        self._arrived = arrived
        self._released = released

    async def one(
        self, delivery_id: str, *, among: Selection, to: str | None = None
    ) -> DeliveryDetails:
        """Replay one delivery, or copy it `to` a test URL; return what is now on its way.

        Raises NotFound for one that is not the tenant's or application's in `among`, and
        Conflict for one that is still on its way or that nobody would hear.
        """
        there = await self._found(delivery_id, among=among)
        if to is not None:
            return await self._copy_of(there, to=to, among=among)
        _check_done(there)
        put = await self._put_back([delivery_id])
        # Held again, it is its application's no more.
        now_there = await self._found(delivery_id, among=Selection())
        if put == PutBack(0, 0):
            _check_done(now_there)  # somebody else was quicker
            raise _unheard(now_there)
        return now_there

    async def some(
        self, selection: Selection, *, place: Place | None, slices: int, to: str | None = None
    ) -> Replayed:
        """Replay what is selected, oldest first, in so many transactions at most.

        Begins where `place` says, or at the oldest. Tests are replayed one by one only. Raises
        Invalid where only what goes out by itself is meant, and no URL for copies.
        """
        _check_state(selection, to=to)
        done = await self._begun(place)
        for _ in range(slices):
            if done.goes_on_at is None:
                break
            done = await self._slice(selection, done, done.goes_on_at, to=to)
        if done.chosen:
            log.info("deliveries.replayed", chosen=done.chosen, is_test=to is not None)
        return done

    async def count(
        self, selection: Selection, *, place: Place | None, looks: int, to: str | None = None
    ) -> Replayed:
        """Count what `some` would do, in so many looks at most; nothing is changed.

        Raises Invalid as `some` does.
        """
        _check_state(selection, to=to)
        done = await self._begun(place)
        for _ in range(looks):
            at = done.goes_on_at
            if at is None:
                break
            work = self._records.count(_real(selection), after=at.after, until=at.until)
            counted = await self._store.read(work)
            done = Replayed(
                done.chosen + counted.count,
                done.pending + (counted.again if to is None else counted.copied),
                done.held + (counted.held if to is None else 0),
                _moved(at, counted.goes_on_at),
            )
        return done

    async def _begun(self, place: Place | None) -> Replayed:
        begin = place or Place(0, await self._store.read(self._records.last()))
        return Replayed(0, 0, 0, begin)

    async def _slice(
        self, selection: Selection, done: Replayed, at: Place, *, to: str | None
    ) -> Replayed:
        work = self._records.oldest(_real(selection), after=at.after, until=at.until, limit=SLICE)
        chosen = await self._store.read(work)
        put = PutBack(0, 0)
        if chosen.lines and to is None:
            put = await self._put_back([line.id for line in chosen.lines])
        elif chosen.lines and to is not None:
            put = PutBack(len(await self._copy([line.id for line in chosen.lines], to=to)), 0)
        return Replayed(
            done.chosen + len(chosen.lines),
            done.pending + put.pending,
            done.held + put.held,
            _moved(at, chosen.goes_on_at),
        )

    async def _put_back(self, delivery_ids: Sequence[str]) -> PutBack:
        work = self._replays.put_back(delivery_ids, now=self._clock())
        # Alone: what is held again and the mark on its account must be seen together.
        put = await self._store.commit(alone(work))
        if put.pending:
            self._arrived(put.lanes)
        if put.held:
            self._released()
        return put

    async def _copy(self, delivery_ids: Sequence[str], *, to: str) -> list[str]:
        work = copy(delivery_ids, to=to, now=self._clock(), copies=self._copies)
        copies = await self._store.commit(work)
        self._arrived({lane(each.original.api_key, to) for each in copies})
        return [each.id for each in copies]

    async def _copy_of(
        self, there: DeliveryDetails, *, to: str, among: Selection
    ) -> DeliveryDetails:
        for copy_id in await self._copy([there.line.id], to=to):
            return await self._found(copy_id, among=among)
        raise _uncopied(there)

    async def _found(self, delivery_id: str, *, among: Selection) -> DeliveryDetails:
        found = await self._store.read(self._records.find(delivery_id))
        if found is None or not is_among(found, among):
            raise NotFound
        return found


def is_among(details: DeliveryDetails, selection: Selection) -> bool:
    """Return whether a delivery is the tenant's and application's that are selected, if any."""
    line = details.line
    is_tenants = selection.api_key in {None, line.api_key}
    return is_tenants and selection.application_id in {None, line.application_id}


def _check_state(selection: Selection, *, to: str | None) -> None:
    if to is None and selection.state in {State.PENDING, State.HELD}:
        reason = "`state`: what is held or pending goes out by itself; `to` sends copies of it"
        raise Invalid(InvalidParameter("state", reason))


def _check_done(details: DeliveryDetails) -> None:
    """Raise Conflict for what is still on its way."""
    if details.line.state is State.PENDING:
        raise Conflict(
            "It is still on its way, so there is nothing to replay.", title="Delivery conflict"
        )
    if details.line.state is State.HELD:
        raise Conflict(
            f"It is held ({details.line.reason}) and goes out by itself once somebody hears it.",
            title="Delivery conflict",
        )


def _unheard(details: DeliveryDetails) -> Conflict:
    if details.has_account:
        sentence = (
            "Nobody would hear it: the application it went to is gone or has no URL, and its "
            "account is linked to no other. Link the account first."
        )
    else:
        sentence = (
            "Nobody would hear it: its account was deleted. Where something is left of it, a copy "
            "can be sent `to` a URL of yours."
        )
    return Conflict(sentence, title="Delivery conflict")


def _uncopied(details: DeliveryDetails) -> Conflict:
    if details.is_told:
        sentence = (
            "There is nothing left of it to send: it was never bound, and its message is gone."
        )
    elif details.has_account:
        sentence = (
            "What was written to an account that is only claimed is sent to nobody, nor is a "
            "copy, until the operator of this gateway vouches for the account."
        )
    else:
        sentence = (
            "It was held when its account was deleted, and nobody can tell any more whether that "
            "was its tenant's, so no copy of it is sent."
        )
    return Conflict(sentence, title="Delivery conflict")


def _real(selection: Selection) -> Selection:
    return replace(selection, without_tests=True)


def _moved(place: Place, after: int | None) -> Place | None:
    return None if after is None else replace(place, after=after)
