"""Planted defects, one and more for each checker: an account that never fails proves nothing.

Each is planted by name in a gateway's process before `jackfield` runs, and exists nowhere in
`src`. What it breaks is its docstring.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from typing import Any

import aiohttp
import asyncpg
from msgspec.structs import replace as with_other

from jackfield import inbound
from jackfield.api import provider_webhooks
from jackfield.deliveries import Outgoing, Pending
from jackfield.delivery import sender
from jackfield.egress import Egress, Reply
from jackfield.inbound import Accepted
from jackfield.messages import Reading, Text
from jackfield.storage import arrivals, deliveries, held, sqlite
from jackfield.storage.postgres import PostgresStore
from jackfield.units import Steps, unit

Anything = Any  # what is broken has many shapes, and none of them matters here

DEFECTS: dict[str, Callable[[], None]] = {}


def plant(name: str) -> None:
    """Break this process in the named way."""
    DEFECTS[name]()


def _defect(function: Callable[[], None]) -> Callable[[], None]:
    DEFECTS[function.__name__.strip("_").replace("_", "-")] = function
    return function


def _break(owner: object, name: str, broken: Callable[[Anything], object]) -> None:
    """Put what `broken` makes of it in the place of what `owner` calls `name`."""
    setattr(owner, name, broken(getattr(owner, name)))


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

    _break(provider_webhooks.ProviderWebhooks, "_store_all", broken)


@_defect
def _pending_forgotten() -> None:
    """Forget at the start what an earlier process left to be done."""
    _change_at_the_start("DELETE FROM pending")


@_defect
def _said_to_be_delivered() -> None:
    """Record some deliveries as done that nobody was asked to take."""

    def broken(post: Anything) -> object:
        async def unsent(self: Egress, url: str, **how: Anything) -> object:
            if random.random() < 0.1:
                return Reply(200, {}, b"", is_cut=False)
            return await post(self, url, **how)

        return unsent

    _break(Egress, "post", broken)


@_defect
def _unread_thrown_away() -> None:
    """Acknowledge what cannot be read, and keep nothing of it."""
    _change_after_reading(lambda reading: reading.unread.clear())


# What is corrupted -------------------------------------------------------------------------


@_defect
def _rendered_anew() -> None:
    """Make other bytes for every attempt."""
    _change_outgoing(
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

    _break(inbound, "render", broken)


@_defect
def _wrongly_signed() -> None:
    """Sign with somebody else's secret."""

    def broken(signed_headers: Anything) -> object:
        def wrong(body: bytes, **how: Anything) -> object:
            return signed_headers(body, **{**how, "secrets": ["of somebody else"]})

        return wrong

    _break(sender, "signed_headers", broken)


@_defect
def _sent_to_another() -> None:
    """Send to another application of the same tenant."""
    _change_outgoing(lambda one: replace(one, url=(one.url or "").replace("/red", "/green")))


# What nobody sent --------------------------------------------------------------------------


@_defect
def _redirects_followed() -> None:
    """Go wherever an application's answer leads."""

    def broken(request: Anything) -> object:
        def follow(*given: Anything, **how: Anything) -> object:
            return request(*given, **{**how, "allow_redirects": True})

        return follow

    _break(aiohttp.ClientSession, "request", broken)


@_defect
def _invented() -> None:
    """Hear what nobody said."""

    def invent(reading: Reading) -> None:
        for event in reading.events[:1]:
            message = with_other(event.message, content=Text("never said"))
            reading.events.append(with_other(event, key=f"{event.key} again", message=message))

    _change_after_reading(invent)


# Order and repeats -------------------------------------------------------------------------


@_defect
def _no_order() -> None:
    """Let every message be a conversation of its own: two of one at once."""
    for module in (arrivals, held):
        _break(module, "conversation", lambda _: lambda *_: random.getrandbits(62))


@_defect
def _no_repeats_known() -> None:
    """Take every repeat of the provider's for something new."""

    def rename(reading: Reading) -> None:
        reading.events[:] = [
            with_other(event, key=f"{event.key} {random.random()}") for event in reading.events
        ]

    _change_after_reading(rename)


@_defect
def _sent_twice() -> None:
    """Send again what was accepted."""

    def broken(post: Anything) -> object:
        async def twice(*given: Anything, **how: Anything) -> object:
            answer = await post(*given, **how)
            return await post(*given, **how) if random.random() < 0.1 else answer

        return twice

    _break(Egress, "post", broken)


@_defect
def _never_called() -> None:
    """Give what an earlier process left no time at which it is due."""
    _change_at_the_start("UPDATE pending SET due_at = NULL")


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
        _break(provider, "read", broken)


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

    _break(sqlite, "_connect", on_sqlite)
    _break(PostgresStore, "__init__", on_postgres)


def _change_at_the_start(statement: str) -> None:
    url = os.environ["JACKFIELD_DATABASE_URL"]
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.execute(statement)
            connection.commit()
        return

    async def change() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(change())


def _change_after_reading(change: Callable[[Reading], None]) -> None:
    def broken(read: Anything) -> object:
        def changed(*given: Anything, **how: Anything) -> Reading:
            reading: Reading = read(*given, **how)
            change(reading)
            return reading

        return changed

    _break(provider_webhooks, "_read", broken)


def _change_outgoing(change: Callable[[Outgoing], Outgoing]) -> None:
    def broken(outgoing: Anything) -> object:
        @unit
        def changed(item: Pending) -> Steps[Outgoing | None]:
            found = yield from outgoing(item)
            return None if found is None else change(found)

        return changed

    _break(deliveries, "outgoing", broken)
