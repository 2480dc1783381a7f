"""How an application answers: well, or in one of the ways in which applications misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from enum import StrEnum
from random import Random
from typing import Final


class Manner(StrEnum):
    """One way to answer a request."""

    OK = "ok"
    SLOWLY = "slowly"  # well, after a while, bit by bit
    ENDLESS = "endless"  # 200, and a body that never ends
    SERVER_ERROR = "500"
    THROTTLED = "429"
    GONE = "410"
    REDIRECT = "307"
    HANG = "hang"  # not a word
    RESET = "reset"  # hangs up in the middle of the body of a 200

    @property
    def is_acceptance(self) -> bool:
        """Whether the application has said that it has the message."""
        return self in {Manner.OK, Manner.SLOWLY, Manner.ENDLESS}


Manners = Callable[[str, int], tuple[Manner, float]]
"""What to do with the n-th request (from 1) for a webhook-id, and after how many seconds."""

TRAP: Final = "trap"
"""Where redirects lead, and nobody may come."""

_MORE: Final = {
    Manner.THROTTLED: "retry-after: 1\r\n",
    Manner.REDIRECT: f"location: /{TRAP}\r\n",
}
_HEAD: Final = "HTTP/1.1 {} Answered\r\ncontent-length: {}\r\n{}\r\n"


def well(_: str, __: int) -> tuple[Manner, float]:
    """Accept everything at once."""
    return Manner.OK, 0


def at_ease(seed: int, *, longest: float = 0.03) -> Manners:
    """Accept everything, each after a time of its own."""

    def decide(webhook_id: str, ordinal: int) -> tuple[Manner, float]:
        return Manner.OK, longest * Random(f"{seed} {webhook_id} {ordinal}").random() ** 3

    return decide


def badly(seed: int, *manners: Manner, share: float, times: int = 1) -> Manners:
    """Answer a share of the messages in one of `manners`, so many times, and then well."""

    def decide(webhook_id: str, ordinal: int) -> tuple[Manner, float]:
        random = Random(f"{seed} {webhook_id}")
        is_bad = random.random() < share and ordinal <= times
        return (random.choice(manners) if is_bad else Manner.OK), 0.01 * random.random()

    return decide


async def answer(manner: Manner) -> AsyncGenerator[bytes | None, None]:
    """Yield what is written, piece by piece, and None to hang up."""
    match manner:
        case Manner.SLOWLY:
            yield _HEAD.format(200, 8, "").encode()
            async for piece in _bit_by_bit():
                yield piece
        case Manner.ENDLESS:
            yield b"HTTP/1.1 200 OK\r\n\r\n"
            async for piece in _without_end():
                yield piece
        case Manner.HANG:
            await asyncio.Event().wait()
        case Manner.RESET:
            yield _HEAD.format(200, 100, "").encode() + b"." * 50
            await asyncio.sleep(0.01)
            yield None
        case _:
            status = 200 if manner is Manner.OK else int(manner)
            yield _HEAD.format(status, 0, _MORE.get(manner, "")).encode()


async def _bit_by_bit() -> AsyncGenerator[bytes, None]:
    for _ in range(8):
        await asyncio.sleep(0.1)
        yield b"."


async def _without_end() -> AsyncGenerator[bytes, None]:
    while True:
        yield b"." * 4096
        await asyncio.sleep(0.001)
