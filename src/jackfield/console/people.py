"""The operator's command that erases what is kept of one person at one account."""

from __future__ import annotations

import time
from collections import Counter

import structlog

from jackfield.app import Gateway
from jackfield.console.checks import check_text
from jackfield.console.people_orders import ErasePerson, PersonErased
from jackfield.keeping.erasure import Erasure
from jackfield.storage import people
from jackfield.storage.traces import TRAILS

log = structlog.get_logger()

A_MOMENT = 1.0
"""Seconds after which it answers, so that nobody waits in silence and no answer comes too late."""


async def erase_person(
    gateway: Gateway, order: ErasePerson, *, moment: float = A_MOMENT
) -> PersonErased:
    """Erase for a moment what is kept of a person, or count it; see `ErasePerson`.

    Whoever they are under other ids at this account is looked up anew each time, and forgotten
    last. Raises Invalid.
    """
    check_text("external_id", order.external_id)
    check_text("person", order.person)
    person = await gateway.store.survey(
        people.find(order.provider, order.external_id, order.person),
    )
    erasure = Erasure(gateway.store, TRAILS, clock=gateway.clock)
    place: str | None = order.place
    erased: Counter[str] = Counter()
    elsewhere: list[int] = []
    until = time.monotonic() + moment
    while place is not None:
        done = await erasure.slice(person, place=place, is_rehearsal=order.rehearse)
        erased.update({done.trail: done.number})
        erased.update({"undelivered": done.undelivered, "messages": done.messages})
        elsewhere += done.elsewhere
        place = done.place
        if time.monotonic() >= until:
            break
    if not order.rehearse:
        # Who it was is what must not be kept, so the log does not have it either.
        log.info("person.erased", provider=order.provider, **erased, is_all=place is None)
    return PersonErased(
        deliveries=erased["deliveries"],
        undelivered=erased["undelivered"],
        messages=erased["messages"],
        pieces=erased["pieces"],
        elsewhere=elsewhere,
        place=place,
    )
