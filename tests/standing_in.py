"""What stands where a store stands: the real one, but for what a test makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jackfield.clock import Moment
from jackfield.metrics import Figure
from jackfield.storage.opening import OpenStore
from jackfield.units import Result, Unit


@dataclass
class StandIn:
    """Passes everything on; closing leaves the real store open."""

    store: OpenStore

    @property
    def committing_since(self) -> Moment | None:
        return self.store.committing_since

    async def commit(self, work: Unit[Result]) -> Result:
        return await self.store.commit(work)

    async def read(self, work: Unit[Result]) -> Result:
        return await self.store.read(work)

    async def recall(self, work: Unit[Result]) -> Result:
        return await self.store.recall(work)

    async def survey(self, work: Unit[Result]) -> Result:
        return await self.store.survey(work)

    async def condition(self) -> Mapping[Figure, Mapping[str, float]]:
        return await self.store.condition()

    async def close(self) -> None:
        """Leave the real store to whoever opened it."""
