"""Copies deliveries for a URL where somebody tests, and leaves them as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from jackfield.clock import Moment
from jackfield.ids import uuid7
from jackfield.messages import decode, render
from jackfield.units import Steps, Unit, unit


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody said, as it is kept: `content` is as `messages.encode` made it."""

    provider: str
    external_id: str
    address: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Original:
    """A delivery to be copied; `body` is None if it was never bound.

    `told` is None if nothing is kept, or its tenant may not know it.
    """

    id: str
    message_id: str
    api_key: str
    account_id: int
    person: str
    application_id: str | None
    body: bytes | None
    told: Told | None


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of a delivery on its way to a test URL, and the bytes it will have."""

    id: str
    original: Original
    body: bytes


class Copies(Protocol):
    """What copying asks of the store."""

    def originals(self, delivery_ids: Sequence[str]) -> Unit[list[Original]]:
        """Return those that are there, in this order."""
        ...

    def add(self, copies: Sequence[Copy], *, url: str, now: Moment) -> Unit[None]:
        """Store copies that go to `url` in this order, beside everything else."""
        ...


@unit
def copy(
    delivery_ids: Sequence[str], *, to: str, now: Moment, copies: Copies
) -> Steps[list[Copy]]:
    """Store a copy of each delivery that has bytes, to go to the URL `to`.

    What was never bound gets the bytes that an application of webhook version v1 would hear.
    """
    originals = yield from copies.originals(delivery_ids)
    made = [
        Copy(uuid7(), original, body)
        for original in originals
        if (body := _body(original)) is not None
    ]
    yield from copies.add(made, url=to, now=now)
    return made


def _body(original: Original) -> bytes | None:
    told = original.told
    if original.body is not None or told is None:
        return original.body
    return render(
        decode(told.content),
        message_uuid=original.message_id,
        provider=told.provider,
        account=told.external_id,
        person=told.address,
        webhook_version="v1",
    )
