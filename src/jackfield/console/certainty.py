"""How a command learns what became of it where COMMIT gave no answer."""

from __future__ import annotations

from collections.abc import Callable

from jackfield.api.writes import commit_surely
from jackfield.app import Gateway
from jackfield.units import Result, Unit

_NOTHING = "Nothing was stored: do it again."


async def commit(
    gateway: Gateway, work: Unit[Result], *, stands: Callable[[Result], Unit[bool]], see: str
) -> Result:
    """Do `work` as the API does its writes: `stands` looks whether a result is what is stored.

    Where that can be said no more, whoever commanded it is told what to look at: `see` is the
    command. Raises what `work` raises, Unavailable, and OutcomeUnknown.
    """
    unknown = f"It is not known whether this was stored: `{see}` shows what is there."
    return await commit_surely(
        gateway.store, work, stands=stands, nothing=_NOTHING, unknown=unknown
    )
