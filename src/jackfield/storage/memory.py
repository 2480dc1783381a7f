"""What was read lately and still holds, because none of the tables it came from was written since.

For a store that is alone on its database: there, nothing is written but what passes by here.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

from jackfield.storage.dialects import Prepared

ROOM = 4_096
"""Answers that are remembered: of secrets, keys and accounts, one to two kilobytes each."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a question was answered, from which tables, and after how many writings."""

    result: Any
    tables: frozenset[str]
    moment: int


@dataclass(slots=True)
class Memory:
    """Answers by question, the oldest forgotten first.

    Nothing that was found is not remembered: strangers decide what is asked for.
    """

    room: int = ROOM
    moment: int = 0
    """How many writings there were. An answer is as old as the moment before it was read."""
    _answers: dict[Hashable, Remembered] = field(default_factory=dict)
    _written: dict[str, int] = field(default_factory=dict)

    def recall(self, question: Hashable) -> Remembered | None:
        """Return what still holds, or None."""
        answer = self._answers.get(question)
        if answer is None:
            return None
        for table in answer.tables:
            if self._written.get(table, 0) > answer.moment:
                del self._answers[question]
                return None
        return answer

    def keep(self, question: Hashable, result: object, *, read: Iterable[Prepared]) -> None:
        """Remember what was just read with these statements; call it before the loop goes on."""
        if not result:
            return
        tables = frozenset().union(*(prepared.tables for prepared in read))
        if len(self._answers) >= self.room:
            del self._answers[next(iter(self._answers))]
        self._answers[question] = Remembered(result, tables, self.moment)

    def wrote(self, tables: Iterable[str]) -> None:
        """Note that these may hold something else now; before whoever wrote is told so."""
        self.moment += 1
        self._written.update(dict.fromkeys(tables, self.moment))
