"""Days that pass while no gateway runs: rows get old enough for retention to let them go."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from databases import change
from jackfield.inbound import known_by
from ledger import final_store
from ledger.final_store import FinalStore
from ledger.logs import wall
from ledger.traffic import Post

DAYS: Final = 16
"""Attempts are kept for 7, messages and pieces for 30, keys for 31: so attempts go after one
night of so many days, and the others after two. Every walk finds something on every shelf."""

_MILLISECOND: Final = timedelta(milliseconds=1)
_PASSED: Final = timedelta(days=DAYS) // _MILLISECOND
_PIECES: Final = timedelta(days=30) // _MILLISECOND
_MOMENTS: Final = {
    "messages": ("sent_at", "received_at"),
    "deliveries": ("accepted_at", "bound_at", "finished_at"),
    "attempts": ("started_at",),
    "inbound_bodies": ("received_at",),
}


async def pass_days(database_url: str, *, outstanding: Iterable[Post]) -> FinalStore:
    """Move every time back, as if days had passed; return what may rightly be gone after that.

    The attempts among it have their own times still, by which repeats are explained. What is
    `outstanding` will be repeated, and providers repeat for a week only: its keys stay young.
    So does what is in `pending`, whose 24 hours are not retention's.
    """
    seen = await final_store.attempts(database_url)
    for table, columns in _MOMENTS.items():
        await _move(database_url, table, columns)
    young = {known_by(event.key) for post in outstanding for event in post.events}
    is_old = f"event_key NOT IN ({_listed({'', *young})})"
    await _move(database_url, "provider_message_ids", ("received_at",), only=is_old)
    old = await final_store.old_pieces(database_url, before=wall() - _PIECES)
    return FinalStore(kept=old, attempts=seen)


async def _move(url: str, table: str, columns: Iterable[str], *, only: str = "1 = 1") -> None:
    moved = ", ".join(f"{column} = {column} - {_PASSED}" for column in columns)
    await change(url, f"UPDATE {table} SET {moved} WHERE {only}")  # noqa: S608 -- our own


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(f"'{text}'" for text in texts)
