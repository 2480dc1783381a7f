"""Who wrote: one person under every id that an account knows.

A provider may name the same person by a number today and by a user id tomorrow; an event that has
both says that they are one. What a person wrote under either is one conversation from then on.
Two ids that were each seen alone before stay two people: what waits of both has no common order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from jackfield.accounts import Provider
from jackfield.deliveries import Receiver
from jackfield.messages import Event
from jackfield.units import Steps, Unit, unit

_SEVERAL_IDS = frozenset({Provider.WHATSAPP})
"""Providers whose people may come under another id tomorrow: a number, then a user id."""

Address = tuple[int, str]
"""A person as seen by one account: the account's row and any id of the person's."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """Whom an address that was never seen stands for, unless one of those beside it is known."""

    person: str
    beside: Sequence[str]


class Contacts(Protocol):
    """What is asked of the table of those who wrote."""

    def people(self, addresses: Sequence[Address]) -> Unit[Mapping[Address, str]]:
        """Return whom these addresses stand for, as far as they were seen before."""
        ...

    def introduce(self, strangers: Mapping[Address, Stranger]) -> Unit[Mapping[Address, str]]:
        """Remember whom new addresses stand for; return whom those do that nobody else introduced.

        That is somebody else than was thought where another webhook introduced an address beside
        one at the same time.
        """
        ...

    def adopt(self, moved: Mapping[Address, str]) -> Unit[None]:
        """Let addresses stand for somebody else than before."""
        ...


@unit
def senders(
    events: Sequence[Event],
    receivers: Mapping[tuple[str, str], Receiver],
    *,
    contacts: Contacts,
) -> Steps[list[str]]:
    """Return the one id that stands for each event's sender, whatever id it came under.

    Ids that were never seen are remembered. Of several webhooks at the same time each is told what
    it would be told if it came after those before it.
    """
    addresses = [_addresses(event, receivers) for event in events]
    several = [address for group in addresses for address in group]
    if not several:
        return [event.people[0] for event in events]
    groups = [(event.people[0], group) for event, group in zip(events, addresses, strict=True)]
    known = yield from contacts.people(list(dict.fromkeys(several)))
    people, strangers = _told(groups, known)
    if strangers:
        ours = yield from contacts.introduce(strangers)
        others = [address for address in strangers if address not in ours]
        if others:
            # Somebody else introduced these since we looked, so we come after them.
            found = yield from contacts.people(others)
            people, strangers = _told(groups, {**known, **found})
        moved = {a: one.person for a, one in strangers.items() if ours.get(a) != one.person}
        if moved:
            yield from contacts.adopt(moved)
    return people


def _told(
    groups: Sequence[tuple[str, Sequence[Address]]], known: Mapping[Address, str]
) -> tuple[list[str], dict[Address, Stranger]]:
    """Return whom each event is by, and whom the addresses stand for that are not `known`.

    Each event has its first id and its addresses. It is by whom the first of them that is known
    stands for, and so are those that are not; by nobody who was seen before, it is by its id.
    """
    known = dict(known)
    people: list[str] = []
    strangers: dict[Address, Stranger] = {}
    for first_id, group in groups:
        person = next((known[a] for a in group if a in known), first_id)
        unknown = [address for address in group if address not in known]
        strangers |= {a: Stranger(person, [other for _, other in group]) for a in unknown}
        known |= dict.fromkeys(unknown, person)
        people.append(person)
    return people, strangers


def _addresses(
    event: Event,
    receivers: Mapping[tuple[str, str], Receiver],
) -> list[Address]:
    if event.provider not in _SEVERAL_IDS:
        return []
    account_id = receivers[event.provider, event.routing_key].account_id
    return [(account_id, address) for address in event.people]
