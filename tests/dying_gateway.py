"""A process whose gateway hears one signed webhook and is killed at a named point meanwhile."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from gateway import opened, signature
from jackfield import crashpoints


async def main(point: str, database_url: str, body: bytes) -> None:
    async with opened(database_url) as doors:
        crashpoints.arm(point)
        await doors.anybody().post(
            "/webhooks/meta/main", body, x_hub_signature_256=signature(body)
        )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]).read_bytes()))
