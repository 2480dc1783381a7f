"""What was held goes out once somebody may hear it, or is given up: in slices, oldest first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import structlog

from jackfield.clock import Clock, Moment, after
from jackfield.deliveries import Binding, Deliveries, Receiver, bind
from jackfield.delivery.destinations import Destinations
from jackfield.delivery.overdue import Overdue
from jackfield.delivery.withdrawing import Withdrawals, Withdrawer
from jackfield.messages import decode, render
from jackfield.problems import Unavailable
from jackfield.units import Steps, Store, Unit, alone, unit

log = structlog.get_logger()

SLICE = 200
"""Messages per transaction: few enough that the hot path never waits long behind one."""

LOOK_AGAIN = 2.0
"""Seconds after which it looks without being woken: another process may have linked or vouched."""

EXPIRY_PAUSE = timedelta(minutes=10)
"""How often it is looked for what was held too long; it is days old, so minutes do not matter."""

SWEEP_PAUSE = timedelta(minutes=1)
"""How often it is looked for what another process left held, where there may be one."""

_AFTER_TROUBLE = 1.0


@dataclass(frozen=True, slots=True)
class HeldMessage:
    """A message that waits for somebody; `content` is as `messages.encode` made it."""

    delivery_id: str
    message_id: str
    provider: str
    address: str
    person: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Release:
    """A held message on its way: whom it is bound to and the body that will be sent."""

    held: HeldMessage
    body: bytes


class HeldMessages(Protocol):
    """What releasing asks of the store."""

    def releasing(self) -> Unit[list[int]]:
        """Return the accounts whose held messages are on their way, but for who `must_wait`."""
        ...

    def must_wait(self, api_key: str) -> Unit[bool]:
        """Return whether older messages of the tenant are still being taken back."""
        ...

    def receiver(self, account_id: int) -> Unit[Receiver | None]:
        """Return the account as an arriving message would find it; None when it is gone."""
        ...

    def oldest(self, account_id: int, limit: int) -> Unit[list[HeldMessage]]:
        """Return the account's held messages, oldest first."""
        ...

    def release(
        self,
        releases: Sequence[Release],
        *,
        receiver: Receiver,
        binding: Binding,
        now: Moment,
    ) -> Unit[None]:
        """Bind them, in this order; they are due now and their 24 hours begin."""
        ...

    def stranded(self) -> Unit[list[int]]:
        """Return the accounts whose held messages somebody may hear and nobody releases.

        They are left where one process accepted a message while another finished releasing.
        """
        ...

    def release_stranded(self, account_ids: Sequence[int]) -> Unit[int]:
        """Mark those of them that somebody may still hear as releasing; return how many."""
        ...

    def expire(self, *, accepted_before: Moment, now: Moment, limit: int) -> Unit[int]:
        """Keep at most `limit` messages that were held for too long as dead; return how many."""
        ...

    def finish(self, account_id: int) -> Unit[None]:
        """Let new messages of the account go out directly again."""
        ...


@unit
def release_slice(account_id: int, *, now: Moment, held: HeldMessages) -> Steps[int]:
    """Bind the account's oldest held messages; return how many, fewer than `SLICE` at the end.

    While the account is marked as releasing, what arrives is held too, so that it cannot
    overtake; the mark goes in the transaction that finds nothing more to release.
    """
    receiver = yield from held.receiver(account_id)
    binding = None if receiver is None else bind(receiver)
    if receiver is None or not isinstance(binding, Binding):
        yield from held.finish(account_id)
        return 0
    if (yield from held.must_wait(receiver.api_key)):
        return 0
    waiting = yield from held.oldest(account_id, SLICE)
    releases = [
        Release(
            one,
            render(
                decode(one.content),
                message_uuid=one.message_id,
                provider=one.provider,
                account=receiver.external_id,
                person=one.address,
                webhook_version=binding.webhook_version,
            ),
        )
        for one in waiting
    ]
    if releases:
        yield from held.release(releases, receiver=receiver, binding=binding, now=now)
    if len(releases) < SLICE:
        yield from held.finish(account_id)
    return len(releases)


class Releaser:
    """Releases account after account, one slice at a time."""

    def __init__(
        self,
        store: Store,
        held: HeldMessages,
        deliveries: Deliveries,
        destinations: Destinations,
        withdrawals: Withdrawals,
        *,
        clock: Clock,
        retention: timedelta,
        released: Callable[[], None],
        is_alone: bool = True,
    ) -> None:
        """Take `retention`, after which a held message is dead, and `released` to call.

        Where this process is not alone, what others left held is looked for now and then.
        """
        self._store = store
        self._held = held
        self._overdue = Overdue(store, deliveries, destinations)
        self._withdrawer = Withdrawer(store, withdrawals, clock=clock, ended=released)
        self._clock = clock
        self._retention = retention
        self._released = released
        self._expiry_due = clock()
        self._sweep_due = None if is_alone else clock()
        self._news = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, first with what an earlier process left half released."""
        self._news.set()
        self._running = asyncio.create_task(self._run(), name="releaser")

    def wake(self) -> None:
        """Say that an account was linked or vouched for."""
        self._news.set()

    async def stop(self) -> None:
        """Stop between two slices."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN):
                    await self._news.wait()
            self._news.clear()
            try:
                await self._sweep()
                await self._take_back()
                for account_id in await self._store.read(self._held.releasing()):
                    await self._release_or_log(account_id)
                if self._clock() >= self._expiry_due:
                    await self._expire()
            except Unavailable:
                log.warning("releaser.store_unavailable")
                await asyncio.sleep(_AFTER_TROUBLE)
                self._news.set()
            except Exception:
                log.exception("releaser.broke")
                await asyncio.sleep(_AFTER_TROUBLE)

    async def _take_back(self) -> None:
        """Take a slice of what is taken back, by turns with what is released."""
        if await self._withdrawer.take_slices():
            self._news.set()

    async def _release_or_log(self, account_id: int) -> None:
        try:
            await self._release(account_id)
        except Unavailable:
            raise
        except Exception:
            # A bug met with one account must not keep every other one waiting for ever.
            log.exception("releaser.account_broke", account=account_id)

    async def _release(self, account_id: int) -> None:
        count = SLICE
        while count == SLICE:
            work = release_slice(account_id, now=self._clock(), held=self._held)
            count = await self._store.commit(alone(work))
            if count:
                log.info("held.released", account=account_id, messages=count)
                self._released()
                await self._take_back()

    async def _sweep(self) -> None:
        now = self._clock()
        if self._sweep_due is not None and now >= self._sweep_due:
            found = await self._store.read(self._held.stranded())
            if found:
                work = self._held.release_stranded(found)
                marked = await self._store.commit(alone(work))
                if marked:
                    log.warning("held.stranded", accounts=marked)
            self._sweep_due = after(now, SWEEP_PAUSE)

    async def _expire(self) -> None:
        now = self._clock()
        before = after(now, -self._retention)
        while True:
            work = self._held.expire(accepted_before=before, now=now, limit=SLICE)
            count = await self._store.commit(work)
            if not count:
                break
            log.warning("held.expired", messages=count)
        if await self._overdue.give_up(before=before, now=now):
            self._expiry_due = after(now, EXPIRY_PAUSE)
        else:
            self._news.set()  # it goes on after what is to be released by then
