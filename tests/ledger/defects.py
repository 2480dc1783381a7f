"""Planted defects, one and more for each checker: an account that never fails proves nothing.

Each is planted by name in a gateway's process before `jackfield` runs, and exists nowhere in
`src`. What it breaks is its docstring.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import aiohttp
from msgspec.structs import replace as with_other
from sqlalchemy import bindparam, delete, or_

from jackfield import inbound
from jackfield.api import provider_webhooks
from jackfield.delivery import sender
from jackfield.egress import Egress, Reply
from jackfield.inbound import Accepted
from jackfield.messages import Reading, Text
from jackfield.storage import arrivals, held, shelves, sqlite
from jackfield.storage.dialects import Prepared
from jackfield.storage.postgres import PostgresStore
from jackfield.storage.tables import deliveries
from ledger.planting import (
    Anything,
    change_after_reading,
    change_at_the_start,
    change_outgoing,
    replace_in,
)

DEFECTS: dict[str, Callable[[], None]] = {}


def plant(name: str) -> None:
    """Break this process in the named way."""
    DEFECTS[name]()


def _defect(function: Callable[[], None]) -> Callable[[], None]:
    DEFECTS[function.__name__.strip("_").replace("_", "-")] = function
    return function


# What is lost ------------------------------------------------------------------------------


@_defect
def _acknowledged_before_commit() -> None:
    """Answer 200 first, and store afterwards."""
    begun: set[asyncio.Task[None]] = set()

    def broken(store_all: Anything) -> object:
        async def later(*given: Anything) -> None:
            await asyncio.sleep(0.05)
            accepted = await store_all(*given)
            given[0]._arrived(accepted.lanes)  # noqa: SLF001 -- as the original does

        async def at_once(*given: Anything) -> Accepted:
            begun.add(asyncio.create_task(later(*given)))
            return Accepted(delivered=0, held=0, repeated=0, unknown=0, unread=0)

        return at_once

    replace_in(provider_webhooks.ProviderWebhooks, "_store_all", broken)


@_defect
def _pending_forgotten() -> None:
    """Forget at the start what an earlier process left to be done."""
    change_at_the_start("DELETE FROM pending")


@_defect
def _said_to_be_delivered() -> None:
    """Record some deliveries as done that nobody was asked to take."""

    def broken(post: Anything) -> object:
        async def unsent(self: Egress, url: str, **how: Anything) -> object:
            if random.random() < 0.1:
                return Reply(200, {}, b"", is_cut=False)
            return await post(self, url, **how)

        return unsent

    replace_in(Egress, "post", broken)


@_defect
def _unread_thrown_away() -> None:
    """Acknowledge what cannot be read, and keep nothing of it."""
    change_after_reading(lambda reading: reading.unread.clear())


@_defect
def _swept_undelivered() -> None:
    """Let go what is old enough, whatever became of it."""
    number = deliveries.c.number
    is_old = or_(
        deliveries.c.accepted_at < bindparam("messages"),
        deliveries.c.finished_at < bindparam("dead"),
    )
    gone = (deliveries.c.id, deliveries.c.kind, deliveries.c.message_id, deliveries.c.state)
    of_any_state = (
        delete(deliveries)
        .where(number > bindparam("place"), number <= bindparam("upto"), is_old)
        .returning(*gone)
    )
    replace_in(shelves, "_CLEAR_DELIVERIES", lambda _: Prepared(of_any_state))


# What is corrupted -------------------------------------------------------------------------


@_defect
def _rendered_anew() -> None:
    """Make other bytes for every attempt."""
    change_outgoing(
        lambda one: replace(one, body=one.body[:-1] + b" " * random.randint(0, 9) + b"}")
    )


@_defect
def _text_changed() -> None:
    """Tidy up what people wrote."""

    def broken(render: Anything) -> object:
        def tidy(message: Anything, **how: Anything) -> object:
            if isinstance(message.content, Text):
                text = message.content.text.strip("?")
                message = with_other(message, content=Text(text))
            return render(message, **how)

        return tidy

    replace_in(inbound, "render", broken)


@_defect
def _wrongly_signed() -> None:
    """Sign with somebody else's secret."""

    def broken(signed_headers: Anything) -> object:
        def wrong(body: bytes, **how: Anything) -> object:
            return signed_headers(body, **{**how, "secrets": ["of somebody else"]})

        return wrong

    replace_in(sender, "signed_headers", broken)


@_defect
def _sent_to_another() -> None:
    """Send to another application of the same tenant."""
    change_outgoing(lambda one: replace(one, url=(one.url or "").replace("/red", "/green")))


# What nobody sent --------------------------------------------------------------------------


@_defect
def _redirects_followed() -> None:
    """Go wherever an application's answer leads."""

    def broken(request: Anything) -> object:
        def follow(*given: Anything, **how: Anything) -> object:
            return request(*given, **{**how, "allow_redirects": True})

        return follow

    replace_in(aiohttp.ClientSession, "request", broken)


@_defect
def _invented() -> None:
    """Hear what nobody said."""

    def invent(reading: Reading) -> None:
        for event in reading.events[:1]:
            message = with_other(event.message, content=Text("never said"))
            reading.events.append(with_other(event, key=f"{event.key} again", message=message))

    change_after_reading(invent)


# Order and repeats -------------------------------------------------------------------------


@_defect
def _no_order() -> None:
    """Let every message be a conversation of its own: two of one at once."""
    for module in (arrivals, held):
        replace_in(module, "conversation", lambda _: lambda *_: random.getrandbits(62))


@_defect
def _no_repeats_known() -> None:
    """Take every repeat of the provider's for something new."""

    def rename(reading: Reading) -> None:
        reading.events[:] = [
            with_other(event, key=f"{event.key} {random.random()}") for event in reading.events
        ]

    change_after_reading(rename)


@_defect
def _sent_twice() -> None:
    """Send again what was accepted."""

    def broken(post: Anything) -> object:
        async def twice(*given: Anything, **how: Anything) -> object:
            answer = await post(*given, **how)
            return await post(*given, **how) if random.random() < 0.1 else answer

        return twice

    replace_in(Egress, "post", broken)


@_defect
def _never_called() -> None:
    """Give what an earlier process left no time at which it is due."""
    change_at_the_start("UPDATE pending SET due_at = NULL")


# Parts of faults ---------------------------------------------------------------------------


@_defect
def _reader_broken() -> None:
    """Break on some bodies, all of them well-formed (K6)."""

    def broken(read: Anything) -> object:
        def breaks(body: bytes) -> object:
            if sha256(body).digest()[0] < 60:
                raise ZeroDivisionError
            return read(body)

        return breaks

    for provider in getattr(provider_webhooks, "WEBHOOKS").values():  # noqa: B009 -- imported there
        replace_in(provider, "read", broken)


@_defect
def _not_synchronised() -> None:
    """Commit without waiting for the disk, as a setting makes either database do (K18)."""

    def on_sqlite(connect: Anything) -> object:
        def careless(*given: Anything, **how: Anything) -> sqlite3.Connection:
            connection: sqlite3.Connection = connect(*given, **how)
            connection.execute("PRAGMA synchronous = NORMAL")
            return connection

        return careless

    def on_postgres(made: Anything) -> object:
        def make(self: Anything, *given: Anything, **how: Anything) -> None:
            made(self, *given, **how)
            self._settings["synchronous_commit"] = "off"

        return make

    replace_in(sqlite, "_connect", on_sqlite)
    replace_in(PostgresStore, "__init__", on_postgres)
