"""A unit that has begun: the statement it waits on, what it tallied, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jackfield.storage.committer import Done, Ended, Failed
from jackfield.storage.dialects import Prepared
from jackfield.units import Counted, Rows, Unit


class Running:
    """One run of one unit, advanced a statement at a time by whoever holds the connection."""

    __slots__ = ("_send", "_tallies", "ended", "prepared", "values", "wrote")

    prepared: Prepared
    values: Sequence[Mapping[str, Any]]

    def __init__(self, work: Unit[Any]) -> None:
        self._send = iter(work).send
        self._tallies: list[Counted] = []
        self.ended: Ended | None = None
        self.wrote = False
        self._step(None)

    def advance(self, rows: Rows) -> None:
        """Hand the unit the rows of its statement and take the next one."""
        prepared = self.prepared
        if prepared.writes and (rows or not prepared.returns):
            self.wrote = True
        self._step(rows)

    def _step(self, rows: Rows | None) -> None:
        try:
            asked = self._send(rows)  # type: ignore[arg-type] # None starts it
            while type(asked) is Counted:
                self._tallies.append(asked)
                asked = self._send(())
        except StopIteration as stop:
            self.ended = Done(stop.value, self._tallies)
        except Exception as error:  # noqa: BLE001 -- its caller is told, and raises it
            self.ended = Failed(error)
        else:
            self.prepared, self.values = asked  # type: ignore[assignment] # units yield no other
