"""Where a sealed value lives: what binds it to its row."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value lives; it opens nowhere else."""

    table: str
    row: int | str
    field: str

    def __str__(self) -> str:
        return f"{self.table} {self.row} {self.field}"

    def associated(self, head: bytes) -> bytes:
        """Return what is authenticated with the value: each part after its length."""
        return b"".join((head, *_sized(self.table), *_sized(str(self.row)), *_sized(self.field)))


def _sized(part: str) -> tuple[bytes, bytes]:
    encoded = part.encode()
    return len(encoded).to_bytes(4), encoded
