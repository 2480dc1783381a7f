"""What applications heard, whoever died meanwhile; each hearing is judged when it happens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from jackfield.clock import Moment
from model.plain_model import Model
from model.plain_values import Message, State, Target, Url
from model.process import Flight, Request


@dataclass(frozen=True, slots=True)
class Picked:
    """What was true of a flight when it was picked; no binding: it was overtaken by then."""

    binding: int | None
    paused: frozenset[Url]


@dataclass(eq=False, slots=True)
class Hearing:
    """One request at an application; `is_open` until it is answered or its sender is dead."""

    flight: Flight
    text: str
    binding: int
    url: Url
    begun_at: Moment
    conversation: tuple[object, ...] | None
    is_open: bool = True


class Hearings:
    """All of them, in order."""

    def __init__(self) -> None:
        self.all: list[Hearing] = []
        self._bodies: dict[tuple[str, Target], bytes] = {}
        self._ids: dict[str, str] = {}
        self._last_place: dict[tuple[object, ...], int] = {}

    def hear(
        self, flight: Flight, request: Request, picked: Picked, model: Model, *, now: Moment
    ) -> Hearing:
        """Add one; raises AssertionError when the application must not hear this now."""
        text = _text(request.body)
        message = model.messages.get(text)
        assert message is not None, f"{text!r} is heard and was never accepted"
        url = (message.api_key, request.url)
        faults = [
            *_unbound(message, request, picked, model),
            *_out_of_order(message, model),
            *self._at_once(message),
            *self._unlike_before(message, request),
        ]
        if url in picked.paused:
            faults.append(f"{request.url} is paused")
        assert not faults, f"{text!r} must not be heard: {'; '.join(faults)}"
        hearing = Hearing(flight, text, message.binding, url, now, _conversation(message))
        self.all.append(hearing)
        return hearing

    def of(self, flight: Flight) -> Hearing:
        return next(one for one in reversed(self.all) if one.flight is flight)

    def close_all(self) -> None:
        """Nobody waits for an answer any more."""
        for one in self.all:
            one.is_open = False

    def texts(self) -> set[str]:
        return {one.text for one in self.all}

    def _at_once(self, message: Message) -> Iterable[str]:
        for one in self.all:
            if not one.is_open:
                continue
            if (one.text, one.binding) == (message.text, message.binding):
                yield "it is being heard already"
            elif one.conversation is not None and one.conversation == _conversation(message):
                yield f"{one.text!r} of its conversation is being heard"

    def _unlike_before(self, message: Message, request: Request) -> Iterable[str]:
        assert message.target is not None
        body = self._bodies.setdefault((message.text, message.target), request.body)
        if body != request.body:
            yield "it had other bytes before"
        if self._ids.setdefault(message.text, request.webhook_id) != request.webhook_id:
            yield "it had another id before"
        place = _conversation(message)
        if place is None or message.is_displaced or message.text in self.texts():
            return
        if self._last_place.get(place, -1) > message.place:
            yield "a later one of its conversation was heard before"
        self._last_place[place] = message.place


def _text(body: bytes) -> str:
    """Return what was said, from a webhook of either version."""
    members = msgspec.json.decode(body)
    if "text" in members:
        return str(members["text"])
    return str(members["message"]["content"]["text"])


def _conversation(message: Message) -> tuple[object, ...] | None:
    """Return which conversation keeps its order; what goes aside is in none."""
    if message.is_aside:
        return None
    return (message.account, message.person, message.target)


def _unbound(message: Message, request: Request, picked: Picked, model: Model) -> Iterable[str]:
    if message.state is not State.PENDING or message.target is None:
        yield f"it is {message.state}"
        return
    if message.binding != picked.binding:
        yield "it was bound anew since it was picked"
    url = model.url_of(message.target)
    if request.url != url:
        yield f"it went to {request.url}, and is owed to {message.target} at {url}"


def _out_of_order(message: Message, model: Model) -> Iterable[str]:
    conversation = _conversation(message)
    if conversation is None:
        return
    for other in model.pending():
        if other.turn < message.turn and _conversation(other) == conversation:
            yield f"{other.text!r} comes before it"
