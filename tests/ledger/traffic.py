"""What people say in one run, all of it made from the run's seed: events, and POSTs of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

Json = dict[str, Any]

WORDS = (
    *("when", "will", "the", "parcel", "come", "ça", "ira", "明日", "🎈", "to-morrow"),
    *("at", "noon,", "I", "hope?", "<b>", "&amp;", '"', "\\", "\n", "\u200d"),
)
BEGINNING = 1_795_000_000_000
"""The provider's clock, in milliseconds since 1970; each event is somewhere near it."""

TOKEN = re.compile(rb"event-\d+-\d+")
"""What every event carries wherever it goes, so that it is found again in any bytes."""


class Fate(StrEnum):
    """What must become of an event."""

    HEARD = "heard"  # by the application that its page is linked to
    HELD = "held"  # its page is linked to nobody
    UNKNOWN = "unknown"  # nobody here has its page: kept for the operator
    UNREAD = "unread"  # it has a shape nobody knows: kept for the operator
    DIFFERS = "differs"  # another content under a known event's key: kept for the operator


@dataclass(frozen=True, slots=True)
class Page:
    """One account as its provider names it, and who hears it in the end."""

    provider: str
    external_id: str
    routing_key: str
    tenant: str
    application: str | None
    is_linked_later: bool = False


PAGES = (
    Page("messenger", "2001", "2001", "acme", "red"),
    Page("messenger", "2002", "2002", "acme", "green"),
    Page("messenger", "2003", "2003", "globex", "blue"),
    Page("messenger", "2004", "2004", "globex", "blue", is_linked_later=True),
    Page("messenger", "2005", "2005", "globex", None),
    Page("whatsapp", "447700900123", "106000000000001", "acme", "red"),
    Page("whatsapp", "447700900124", "106000000000002", "globex", "blue"),
)
FOREIGN = Page("messenger", "2999", "2999", "nobody", None)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that one person said to one page; `id` is a word of its text."""

    id: str
    seed: int
    page: Page
    person: str
    shown_as: str
    text: str
    key: str
    fate: Fate
    position: int
    item: Json

    @property
    def conversation(self) -> tuple[str, str]:
        """Whose order is promised: one person at one page, under whatever id."""
        return self.page.routing_key, self.person


@dataclass(frozen=True, slots=True)
class Post:
    """One webhook: `news` are said here for the first time, `events` are all that is in it.

    With a `pause`, the second half of the body comes so many seconds after the first.
    """

    number: str
    body: bytes
    events: tuple[Event, ...]
    news: tuple[Event, ...]
    pause: float | None


class Traffic:
    """Makes the POSTs of one run, one after the other, for as long as somebody asks."""

    def __init__(self, seed: int, *, pages: Sequence[Page] = PAGES, people: int = 6) -> None:
        self._seed = seed
        self._random = Random(f"traffic {seed}")
        self._pages = pages
        self._people = people
        self._count = 0
        self._told: list[Event] = []

    def posts(self, number: int) -> Iterator[Post]:
        """Yield `number` POSTs."""
        for turn in range(number):
            yield self._post(f"{self._seed}-{turn}")

    def _post(self, number: str) -> Post:
        random = self._random
        provider = random.choice(("messenger", "messenger", "whatsapp"))
        size = random.choice((1, 1, 2, 3, 5, 8, 13, 34))
        news = [self._event(provider, position) for position in range(size)]
        # A provider repeats single events too, between new ones, and within the same POST.
        repeats = [e for e in self._told + news if e.page.provider == provider]
        again = random.sample(repeats, min(len(repeats), random.choice((0, 0, 0, 1, 3))))
        told = [*news, *again]
        self._told += news
        whole = {"messenger": _messenger, "whatsapp": _whatsapp}[provider](told)
        return Post(
            number,
            json.dumps(whole).encode(),
            tuple(told),
            tuple(news),
            random.choice((None, None, 0.005, 0.02)),
        )

    def _event(self, provider: str, position: int) -> Event:
        random = self._random
        self._count += 1
        name = f"event-{self._seed}-{self._count}"
        said = " ".join(random.choices(WORDS, k=random.choice((1, 5, 20, 200))))
        text = f"{name} {said}"
        page = random.choice([page for page in self._pages if page.provider == provider])
        fate = Fate.HEARD if page.application else Fate.HELD
        key = f"m_{name}"
        if provider == "messenger":
            chance = random.random()
            if chance < 0.04:
                page, fate = FOREIGN, Fate.UNKNOWN
            elif chance < 0.08:
                fate = Fate.UNREAD
            elif chance < 0.1 and (known := self._one_heard()):
                page, key, fate = known.page, known.key, Fate.DIFFERS
        person, shown_as, item = self._item(provider, key, text, fate)
        return Event(name, self._seed, page, person, shown_as, text, key, fate, position, item)

    def _one_heard(self) -> Event | None:
        heard = [e for e in self._told if e.fate is Fate.HEARD and e.page.provider == "messenger"]
        return self._random.choice(heard) if heard else None

    def _item(self, provider: str, key: str, text: str, fate: Fate) -> tuple[str, str, Json]:
        """Return who says it, the id that is shown, and the provider's words for it."""
        random = self._random
        which = random.randrange(self._people)
        person = f"70000000000000{which}"
        sent_at = BEGINNING + random.randrange(-60_000, 60_000)
        if provider == "messenger":
            item: Json = {
                "sender": {"id": person},
                "timestamp": sent_at,
                "message": {"mid": key, "text": text},
            }
            if fate is Fate.UNREAD:
                item["sender"] = "nobody knows this shape"
            return person, person, item
        number, user = f"44770090040{which}", f"US.{person}"
        item = {
            "id": key,
            "timestamp": str(sent_at // 1000),
            "type": "text",
            "text": {"body": text},
            "from_user_id": user,
        }
        # One person under two ids: the number may be shown today and hidden to-morrow.
        if random.random() < 0.6:
            item["from"] = number
            return person, number, item
        return person, user, item


def _messenger(events: Sequence[Event]) -> Json:
    entries: list[Json] = []
    for page, together in _runs(events):
        items = [{**e.item, "recipient": {"id": page.external_id}} for e in together]
        entries.append({"id": page.routing_key, "time": BEGINNING, "messaging": items})
    return {"object": "page", "entry": entries}


def _whatsapp(events: Sequence[Event]) -> Json:
    changes: list[Json] = []
    for page, together in _runs(events):
        metadata = {
            "display_phone_number": page.external_id,
            "phone_number_id": page.routing_key,
        }
        value = {
            "messaging_product": "whatsapp",
            "metadata": metadata,
            "contacts": [_contact(e.item) for e in together],
            "messages": [e.item for e in together],
        }
        changes.append({"field": "messages", "value": value})
    entry = {"id": "102000000000001", "changes": changes}
    return {"object": "whatsapp_business_account", "entry": [entry]}


def _contact(item: Mapping[str, str]) -> Json:
    number = {"wa_id": item["from"]} if "from" in item else {}
    return {"profile": {"name": "Ann"}, "user_id": item["from_user_id"], **number}


def _runs(events: Iterable[Event]) -> Iterator[tuple[Page, list[Event]]]:
    """Yield neighbours that were said to the same page together, in their order."""
    together: list[Event] = []
    for event in events:
        if together and together[-1].page != event.page:
            yield together[-1].page, together
            together = []
        together.append(event)
    if together:
        yield together[-1].page, together
