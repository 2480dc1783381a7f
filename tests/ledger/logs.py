"""What is written down while it happens, in one order: sent, acknowledged, received, lived."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import Any

from ledger.manners import Manner
from ledger.traffic import Event


class Ticks:
    """One order for everything the ledger sees: it runs in one event loop, so this is exact."""

    def __init__(self) -> None:
        self._count = count(1)

    def __call__(self) -> int:
        return next(self._count)


def wall() -> int:
    """Return the wall clock's time as the gateway stores it: milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Said:
    """One event in the provider's logs: A when it was first sent, K when first acknowledged."""

    event: Event
    post: str
    sent: int
    acknowledged: int | None = None
    is_place_known: bool = True
    """Whether no other POST carried it before it was acknowledged: then `post` has stored it."""


@dataclass(slots=True)
class ProviderLog:
    """Everything that was sent, by the event's id, and how every POST was answered."""

    said: dict[str, Said] = field(default_factory=dict)
    answers: Counter[int | str] = field(default_factory=Counter)

    @property
    def acknowledged(self) -> list[Said]:
        """K: what some POST that carried it got 200 for."""
        return [one for one in self.said.values() if one.acknowledged is not None]


@dataclass(slots=True)
class Request:
    """One request at an application: R. Times are ticks; `faults` are what was wrong with it."""

    application: str
    generation: int
    webhook_id: str
    body: bytes
    document: dict[str, Any]
    faults: tuple[str, ...]
    arrived: int
    manner: Manner
    ended: int | None = None
    is_accepted: bool = False


class End(StrEnum):
    """How a gateway's life ended."""

    KILLED = "killed"  # at a point, by a signal, by a power cut: without a word
    STOPPED = "stopped"  # told to, and drained


@dataclass(slots=True)
class Generation:
    """One life of the gateway. Times are the wall clock's, as in the table of attempts."""

    number: int
    seed: int
    fault: str
    began: int
    ended: int = 0
    end: End = End.STOPPED
    excuse: str | None = None
    """A named cause why answers may not have been heard in time, such as `frozen`."""
