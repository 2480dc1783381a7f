"""The duty to deliver where the database has one process only: it is ours, and stays so."""

from __future__ import annotations

import asyncio


class SoleDuty:
    """See `PostgresDuty`, beside which there may be others."""

    is_on_duty = True

    async def taken(self) -> None:
        """Return at once."""

    async def lost(self) -> None:
        """Never return: there is nobody to lose it to."""
        await asyncio.Event().wait()

    def call(self) -> None:
        """Do nothing: whoever is on duty knows."""

    async def close(self) -> None:
        """Do nothing."""
