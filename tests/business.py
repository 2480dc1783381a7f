"""A small business that goes through all that may become of a message, one act at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

from sqlalchemy import select

from dispatching import rows_of
from due import due
from jackfield import links
from jackfield.accounts import Account
from jackfield.applications import Application
from jackfield.balance import Balance
from jackfield.clock import Clock as ClockDoor
from jackfield.clock import after, now
from jackfield.deliveries import Attempt, Outcome, Pending
from jackfield.delivery.copying import Copy
from jackfield.delivery.release import release_slice
from jackfield.ids import uuid7
from jackfield.inbound import Kept, accept
from jackfield.keeping.erasure import Erasure
from jackfield.keeping.retention import Retention, Spans
from jackfield.messages import Reading, Unread
from jackfield.storage import (
    accounts,
    applications,
    arrivals,
    books,
    deliveries,
    discarding,
    held,
    kept_pieces,
    people,
    replaying,
)
from jackfield.storage.dialects import Prepared
from jackfield.storage.opening import OpenStore
from jackfield.storage.shelves import SHELVES
from jackfield.storage.tables import deliveries as table
from jackfield.storage.traces import TRAILS
from jackfield.units import alone
from world import Clock, World, said

URL = "https://desk.example/in"

_FINISHED = Prepared(
    select(table.c.id)
    .where((table.c.state == "delivered") | (table.c.state == "dead"))
    .order_by(table.c.number)
)

Act = Callable[["Business"], Awaitable[None]]


async def erase(
    store: OpenStore,
    account: Account,
    address: str,
    *,
    clock: ClockDoor = now,
    is_rehearsal: bool = False,
) -> Counter[str]:
    """Erase a person at an account to the end; return how much of each trail there was."""
    person = await store.survey(people.find(account.provider, account.external_id, address))
    erasure = Erasure(store, TRAILS, clock=clock)
    found: Counter[str] = Counter()
    place: str | None = ""
    while place is not None:
        done = await erasure.slice(person, place=place, is_rehearsal=is_rehearsal)
        found.update({done.trail: done.number, "elsewhere": len(done.elsewhere)})
        found.update({"undelivered": done.undelivered, "messages": done.messages})
        place = done.place
    return +found


@dataclass
class Business:
    """Two Pages, one of them heard, and a clock that is moved by some acts."""

    world: World
    store: OpenStore
    clock: Clock = field(default_factory=Clock)
    heard: Account = field(init=False)
    unheard: Account = field(init=False)
    application: Application = field(init=False)
    numbers: count[int] = field(default_factory=count)

    async def open(self) -> Business:
        await self.world.tenant()
        await self.link_anew()
        self.unheard = await self.world.page(str(next(self.numbers)))
        return self

    async def balance(self) -> Balance:
        return await self.store.survey(books.balance())

    async def link_anew(self) -> None:
        """Make an application and a Page that it hears."""
        self.application = await self.world.application(URL)
        number = str(next(self.numbers))
        self.heard = await self.world.page(number, application=self.application)

    async def hear_two(self) -> None:
        """Hear two people, each on both Pages."""
        for page in (self.heard, self.unheard):
            await self.world.hear(
                said("hi", to=page), said("ho", to=page, by="8"), at=self.clock()
            )

    async def hear_again(self) -> None:
        """Hear the same again, then with another content, and that once more."""
        for text in ("one", "one", "another", "another"):
            await self.world.hear(said(text, to=self.heard, key="same"), at=self.clock())

    async def hear_strange_things(self) -> None:
        """Hear for nobody's account, and what cannot be read; some of it again and again."""
        nobody = f"{self.unheard.routing_key}0"
        stranger = said("to nobody", to=self.unheard)
        event = type(stranger)(
            provider=stranger.provider,
            routing_key=nobody,
            key=stranger.key,
            people=stranger.people,
            message=stranger.message,
            digest=stranger.digest,
        )
        unread = Unread(reason="no words for it", body=b"%d" % (next(self.numbers) % 3))
        reading = Reading(events=[event], unread=[unread])
        await self.world.store.commit(
            accept(
                reading,
                provider_app_id=self.world.provider_app_id,
                now=self.clock(),
                arrivals=arrivals,
            ),
        )

    async def deliver(self) -> None:
        """End what is due first as delivered, and once more, as after a lost answer."""
        for item in (await due(self.store, self.clock()))[:1]:
            for _ in range(2):
                work = deliveries.succeed(item, self._attempt(item), now=self.clock())
                await self.store.commit(work)

    async def give_up(self) -> None:
        """Give up what is due first, and once more."""
        for item in (await due(self.store, self.clock()))[:1]:
            attempt = self._attempt(item, Outcome.FAILED)
            for _ in range(2):
                await self.store.commit(deliveries.give_up(item, attempt, now=self.clock()))

    async def set_aside(self) -> None:
        """Let what is due first go out of order, at once."""
        for item in (await due(self.store, self.clock()))[:1]:
            attempt, now = self._attempt(item, Outcome.REJECTED), self.clock()
            work = deliveries.set_aside(item, attempt, due_at=now, now=now)
            await self.store.commit(work)

    async def replay(self) -> None:
        """Put back among what is to be done all that was delivered or given up."""
        await self.store.commit(replaying.put_back(await self._finished(), now=self.clock()))

    async def copy(self) -> None:
        """Send copies of what is finished to another URL."""
        originals = await self.store.read(replaying.originals(await self._finished()))
        copies = [Copy(uuid7(), one, b"{}") for one in originals]
        work = replaying.add(copies, url="https://elsewhere.example", now=self.clock())
        await self.store.commit(work)

    async def read_again(self) -> None:
        """Take the oldest piece that was kept, as if it could be read by now."""
        pieces = await self.store.read(kept_pieces.page(list(Kept), after=0, limit=1))
        await self.store.commit(kept_pieces.take([piece.id for piece in pieces]))

    async def discard(self) -> None:
        """Discard what could not be read, and what was written to nobody, all of it twice."""
        bounds = {"after": 0, "up_to": await self.store.read(discarding.newest()), "limit": 100}
        nobody = f"{self.unheard.routing_key}0"
        for found in (
            discarding.of_kinds([Kept.UNREAD], **bounds),
            discarding.of_unknown(self.unheard.provider, nobody, **bounds),
        ):
            for _ in range(2):
                await self.store.commit(alone(discarding.discard(found)))

    async def _finished(self) -> list[str]:
        rows = await self.store.read(rows_of(_FINISHED))
        return [delivery_id for (delivery_id,) in rows]

    async def outlive(self) -> None:
        """Give up what waits for more than a day, two at a time."""
        now = self.clock()
        for lane in await self.store.read(deliveries.lanes()):
            before = after(now, timedelta(days=-1))
            work = deliveries.expire(lane, begun_before=before, now=now, limit=2)
            await self.store.commit(work)

    async def deliver_late(self) -> None:
        """Lose the application while it is being called, and hear that it has the message."""
        items = (await due(self.store, self.clock()))[:1]
        await self.store.commit(alone(applications.unbind(self.application.id)))
        for item in items:
            work = deliveries.succeed(item, self._attempt(item), now=self.clock())
            await self.store.commit(work)
        await self.link_anew()

    async def link_the_unheard(self) -> None:
        """Let what was held go out, and have another Page that nobody hears."""
        await self.world.link(self.unheard, self.application)
        work = release_slice(self.unheard.id, now=self.clock(), held=held)
        await self.store.commit(alone(work))
        self.unheard = await self.world.page(str(next(self.numbers)))

    async def let_time_pass(self) -> None:
        """Move the clock by four days, and give up what was held for a week."""
        self.clock.advance(timedelta(days=4))
        now = self.clock()
        before = after(now, timedelta(days=-7))
        await self.store.commit(held.expire(accepted_before=before, now=now, limit=3))

    async def let_go(self) -> None:
        """Let go what is older than a few days."""
        spans = Spans(
            messages=timedelta(days=6), dead=timedelta(days=5), attempts=timedelta(days=2)
        )
        retention = Retention(
            self.store, SHELVES, spans=spans, clock=self.clock, pause=timedelta()
        )
        for shelf in SHELVES:
            await retention.walk(shelf)

    async def erase_somebody(self) -> None:
        """Erase what the second person wrote to the Page that is heard."""
        await erase(self.store, self.heard, "8", clock=self.clock)

    async def delete_both(self) -> None:
        """Delete both Pages, and make two others."""
        for page in (self.heard, self.unheard):
            work = links.delete(
                page.provider,
                page.external_id,
                api_key=page.api_key,
                now=self.clock(),
                accounts=accounts,
            )
            await self.store.commit(alone(work))
        await self.link_anew()
        self.unheard = await self.world.page(str(next(self.numbers)))

    def _attempt(self, item: Pending, outcome: Outcome = Outcome.DELIVERED) -> Attempt:
        return Attempt(item.tries + 1, self.clock(), 5, outcome)


ACTS: Mapping[str, Act] = {
    "hear two": Business.hear_two,
    "hear again": Business.hear_again,
    "hear strange things": Business.hear_strange_things,
    "deliver": Business.deliver,
    "give up": Business.give_up,
    "set aside": Business.set_aside,
    "replay": Business.replay,
    "copy": Business.copy,
    "read again": Business.read_again,
    "discard": Business.discard,
    "outlive": Business.outlive,
    "deliver late": Business.deliver_late,
    "link the unheard": Business.link_the_unheard,
    "let time pass": Business.let_time_pass,
    "let go": Business.let_go,
    "erase somebody": Business.erase_somebody,
    "delete both": Business.delete_both,
}
