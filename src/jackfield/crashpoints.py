"""Named places in the code where crash tests kill the process, inert unless armed."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from enum import StrEnum


class Crashpoint(StrEnum):
    """Where a process may die: no acknowledged message is lost, nothing sealed stays shut."""

    BODY_HALF_READ = "body-half-read"
    VERIFIED_NOT_QUEUED = "verified-not-queued"
    INSIDE_TRANSACTION = "inside-transaction"
    COMMITTED_NOT_ANSWERED = "committed-not-answered"
    ANSWERED = "answered"
    READING_EVENTS = "reading-events"
    PICKED_NOT_CONNECTED = "picked-not-connected"
    SENT_NO_RESPONSE = "sent-no-response"
    RESPONSE_NOT_RECORDED = "response-not-recorded"
    INSIDE_OUTCOME_COMMIT = "inside-outcome-commit"
    FAILED_NOT_SCHEDULED = "failed-not-scheduled"
    LEASE_CHANGING = "lease-changing"
    DRAINING = "draining"
    SPOOL_WRITING = "spool-writing"
    SPOOL_DRAINING = "spool-draining"
    MIGRATING = "migrating"
    SWEEPING = "sweeping"
    SIGNED_NOT_SENT = "signed-not-sent"
    KEY_FILE_CHANGING = "key-file-changing"
    RESEALING = "resealing"


@dataclass(slots=True)
class _Trap:
    point: Crashpoint | None = None
    hits_left: int = 0


_trap = _Trap()


def arm(spec: str | None) -> None:
    """Set the trap: `name:n` kills this process at the n-th hit, `name` at the first.

    None or an empty text disarms. Raises ValueError, which lists the names, for anything else.
    """
    name, _, hits = (spec or "").partition(":")
    if not name and not hits:
        _trap.point = None
        return
    if name not in set(Crashpoint) or not (hits or "1").isdecimal() or int(hits or "1") < 1:
        names = ", ".join(Crashpoint)
        raise ValueError(f"{spec!r} is not NAME or NAME:N with N from 1 and NAME one of {names}")
    _trap.hits_left = int(hits or "1")
    _trap.point = Crashpoint(name)


def is_armed(point: Crashpoint) -> bool:
    """Return whether the trap is set at `point`, where watching for it costs something."""
    return _trap.point is point


def reach(point: Crashpoint) -> None:
    """Die here and now by SIGKILL if the trap is set for this hit of `point`."""
    if _trap.point is point:
        _spring()


def _spring() -> None:
    _trap.hits_left -= 1
    if _trap.hits_left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
