"""Holds what the store says against the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from jackfield.clock import Moment, after
from model.plain_model import Model
from model.plain_values import RETENTION, Message, State
from model.sight import Line, Sight


def differences(model: Model, sight: Sight, *, may_go_aside: Collection[str] = ()) -> list[str]:
    """Return how the store differs from `model`, in words.

    What the gateway may decide for itself is taken over: that a lane which goes nowhere is held,
    that a message in `may_go_aside` goes out of order, and which accounts are marked.
    """
    found = [*_malformed(sight), *_links(model, sight)]
    lines = {line.text: line for line in sight.lines}
    found += [f"{text!r} was accepted and is nowhere" for text in model.messages.keys() - lines]
    found += [
        f"{text!r} is there and was never accepted" for text in lines.keys() - model.messages
    ]
    if not found and [line.text for line in sight.lines] != [*model.messages]:
        found.append(f"the order is {[line.text for line in sight.lines]}")
    for message in list(model.messages.values()):
        line = lines.get(message.text)
        if line is not None:
            _take_over(model, message, line, may_go_aside)
            found += _unlike(model.messages[message.text], line)
    for name, account in model.accounts.items():
        model.accounts[name] = replace(account, is_marked=name in sight.marked)
    return found


def take_over_order(model: Model, sight: Sight, new: Sequence[str]) -> None:
    """Let what was accepted at the same time have come in the order that the store says.

    Order is promised where the first was acknowledged before the second was received.
    """
    there = [line.text for line in sight.lines if line.text in new and line.text in model.messages]
    first = len(model.messages) - len(there)
    for place, text in enumerate(there, first):
        message = model.messages.pop(text)
        model.messages[text] = replace(message, place=place)
    turns = sorted(model.messages[text].turn for text in there if model.messages[text].turn)
    bound = [text for text in there if model.messages[text].turn]
    for turn, text in zip(turns, bound, strict=True):
        model.messages[text] = replace(model.messages[text], turn=turn)


def _malformed(sight: Sight) -> Iterable[str]:
    """Yield what may be in no store, whatever happened."""
    for delivery_id, rows in Counter(line.delivery_id for line in sight.lines).items():
        if rows > 1:
            yield f"{rows} rows are to be done for the delivery {delivery_id}"
    if sight.missing:
        yield f"the gateway's own books differ by {sight.missing}"
    works = [line.work for line in sight.lines if line.work is not None]
    if sight.to_do != len(works):
        yield f"{sight.to_do - len(works)} rows are to be done for nobody"
    for line in sight.lines:
        if (line.work is not None) != (line.state is State.PENDING):
            yield f"{line.text!r} is {line.state}, and to be done: {line.work}"
    yield from _uncalled(sight)


def _uncalled(sight: Sight) -> Iterable[str]:
    """Yield the heads of conversations that have no time: nobody would ever call them."""
    heads: dict[int, Line] = {}
    for line in sight.lines:
        if line.work is not None:
            head = heads.setdefault(line.work.conversation, line)
            if head.work is not None and line.work.number < head.work.number:
                heads[line.work.conversation] = line
    for head in heads.values():
        if head.work is not None and head.work.due_at is None:
            yield f"{head.text!r} is the head of its conversation, and nobody will call it"


def _links(model: Model, sight: Sight) -> Iterable[str]:
    links = {name: account.application for name, account in model.accounts.items()}
    if sight.links != links:
        yield f"the links are {sight.links} and not {links}"


def _take_over(model: Model, message: Message, line: Line, may_go_aside: Collection[str]) -> None:
    goes_nowhere = message.target is not None and model.url_of(message.target) is None
    if message.state is State.PENDING and line.state is State.HELD and goes_nowhere:
        model.hold(message)
    elif line.is_aside and message.text in may_go_aside:
        model.messages[message.text] = replace(message, is_aside=True)


def _unlike(message: Message, line: Line) -> Iterable[str]:
    if line.state is not message.state:
        yield f"{message.text!r} is {line.state} and not {message.state}"
        return
    if line.attempts != message.attempts:
        yield f"{message.text!r} has {line.attempts} attempts and not {message.attempts}"
    if line.state is not State.PENDING or line.work is None:
        return
    target = message.target
    if target is None or line.application != target.application or line.body is None:
        yield f"{message.text!r} is bound to {line.application} and not {target}"
    if line.work.tries != message.tries:
        yield f"{message.text!r} was tried {line.work.tries} times and not {message.tries}"
    if line.is_aside != message.is_aside:
        yield f"{message.text!r} is aside: {line.is_aside}, and not {message.is_aside}"


def take_over_release(model: Model, sight: Sight, *, now: Moment, is_complete: bool) -> list[str]:
    """Let `model` follow the releaser, and return in words what it may not have done.

    It may bind what is held to whoever hears the account, oldest first, and give up what waited
    for too long. When its round `is_complete`, nothing that is heard may be left.
    """
    lines = {line.text: line.state for line in sight.lines}
    overdue = after(now, -RETENTION)
    found: list[str] = []
    left_behind: set[int] = set()
    for message in model.held():
        state, hearer = lines.get(message.text), model.hearer_of(message)
        if state is State.PENDING and hearer is not None:
            if message.account in left_behind:
                found.append(f"{message.text!r} was released before an older one")
            model.bind(message, hearer, now=now)
            continue
        left_behind.add(message.account)
        if state is State.DEAD and message.accepted_at < overdue:
            model.end(message, State.DEAD)
        elif is_complete and (hearer is not None or message.accepted_at < overdue):
            found.append(f"{message.text!r} is still held; it is heard by {hearer}")
    for message in model.pending():
        if lines.get(message.text) is State.DEAD and _is_stuck(model, message, overdue):
            model.end(message, State.DEAD)
    return found


def _is_stuck(model: Model, message: Message, overdue: Moment) -> bool:
    """Return whether it waited for a paused URL for as long as it might wait for somebody."""
    assert message.target is not None
    url = model.url_of(message.target)
    is_paused = url is not None and (message.api_key, url) in model.paused
    return is_paused and message.since < overdue
