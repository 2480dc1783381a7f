"""What the store says of every message, read past the rules that are tested."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select

from jackfield.clock import Moment
from jackfield.messages import Text, decode
from jackfield.storage.books import balance
from jackfield.storage.dialects import Prepared
from jackfield.storage.tables import accounts, attempts, deliveries, messages, pending
from jackfield.units import Steps, unit
from model.plain_values import State

_tried = (
    select(func.count())
    .where(attempts.c.delivery_id == deliveries.c.id)
    .correlate(deliveries)
    .scalar_subquery()
)

_DELIVERIES = Prepared(
    select(
        messages.c.content,
        deliveries.c.id,
        deliveries.c.message_id,
        deliveries.c.state,
        deliveries.c.application_id,
        deliveries.c.body,
        deliveries.c.aside_at,
        _tried,
        pending.c.number,
        pending.c.due_at,
        pending.c.tries,
        pending.c.conversation,
    )
    .select_from(deliveries)
    .outerjoin(messages, messages.c.id == deliveries.c.message_id)
    .outerjoin(pending, pending.c.subject == deliveries.c.id)
    .order_by(deliveries.c.number)
)

_TO_DO = Prepared(select(func.count()).select_from(pending))
_ACCOUNTS = Prepared(
    select(accounts.c.external_id, accounts.c.application_id, accounts.c.releasing)
)


@dataclass(frozen=True, slots=True)
class Work:
    """A row of what is to be done; without a time it waits behind the head of a conversation."""

    number: int
    due_at: Moment | None
    tries: int
    conversation: int


@dataclass(frozen=True, slots=True)
class Line:
    """One delivery, and what is still to be done for it."""

    text: str
    delivery_id: str
    message_id: str
    state: State
    application: str | None
    body: bytes | None
    is_aside: bool
    attempts: int
    work: Work | None


@dataclass(frozen=True, slots=True)
class Sight:
    """Everything there is.

    `to_do` counts the rows of what is to be done, whosever they are; `missing` is by how much the
    gateway's own books differ.
    """

    lines: list[Line]
    to_do: int
    links: dict[str, str | None]
    marked: set[str]
    missing: int


@unit
def look() -> Steps[Sight]:
    """Look at the whole store."""
    rows = yield _DELIVERIES()
    ((to_do,),) = yield _TO_DO()
    there = yield _ACCOUNTS()
    books = yield from balance()
    return Sight(
        [_line(*row) for row in rows],
        to_do,
        {name: application for name, application, _ in there},
        {name for name, _, releasing in there if releasing},
        books.difference,
    )


def _line(  # noqa: PLR0917 -- a row's columns
    content: bytes | None,
    delivery_id: str,
    message_id: str,
    state: str,
    application: str | None,
    body: bytes | None,
    aside_at: int | None,
    tried: int,
    number: int | None,
    due_at: Moment | None,
    tries: int,
    conversation: int,
) -> Line:
    assert content is not None, f"the delivery {delivery_id} has no message"
    words = decode(content).content
    assert isinstance(words, Text)
    work = None if number is None else Work(number, due_at, tries, conversation)
    return Line(
        words.text,
        delivery_id,
        message_id,
        State(state),
        application,
        body,
        aside_at is not None,
        tried,
        work,
    )
