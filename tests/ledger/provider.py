"""A provider that posts, keeps what it sent and what was acknowledged, and repeats the rest."""

from __future__ import annotations

import asyncio
import hmac
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from random import Random

import aiohttp

from ledger.logs import ProviderLog, Said, Ticks
from ledger.traffic import Post
from system.installation import APP_SECRET, WEBHOOK

_PATIENCE = aiohttp.ClientTimeout(total=30)
_AT_ONCE = 4


class Provider:
    """Posts with a few workers; what got no 200 is `outstanding` and goes first next time."""

    def __init__(self, ticks: Ticks) -> None:
        self.log = ProviderLog()
        self.outstanding: list[Post] = []
        self._ticks = ticks

    async def say(
        self,
        news: Iterable[Post],
        *,
        url: str,
        random: Random,
        is_over: Callable[[], bool],
        pace: float = 0,
    ) -> None:
        """Post what is outstanding, shuffled, and then `news`, until all is told or it is over.

        What has been begun and got no 200 is outstanding afterwards. News that nobody came to
        is forgotten: it was never said.
        """
        again, self.outstanding = self.outstanding, []
        random.shuffle(again)
        waiting = deque([*again, *news])
        begun = {post.number for post in again}
        async with aiohttp.ClientSession(timeout=_PATIENCE) as session:

            async def work() -> None:
                while waiting and not is_over():
                    post = waiting.popleft()
                    begun.add(post.number)
                    is_acknowledged = await self._post(session, url, post)
                    if not is_acknowledged:
                        waiting.append(post)
                    await asyncio.sleep(max(pace, 0 if is_acknowledged else 0.02))

            await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
        self.outstanding += [post for post in waiting if post.number in begun]

    async def _post(self, session: aiohttp.ClientSession, url: str, post: Post) -> bool:
        sent = self._ticks()
        for event in post.news:
            self.log.said.setdefault(event.id, Said(event, post.number, sent))
        for event in post.events:
            said = self.log.said[event.id]
            if said.post != post.number and said.acknowledged is None:
                said.is_place_known = False
        digest = hmac.digest(APP_SECRET.encode(), post.body, "sha256").hex()
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(post.body)),
            "X-Hub-Signature-256": f"sha256={digest}",
        }
        data = post.body if post.pause is None else _halves(post.body, post.pause)
        try:
            async with session.post(url + WEBHOOK, data=data, headers=headers) as answer:
                status = answer.status
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            self.log.answers[type(error).__name__] += 1
            return False
        self.log.answers[status] += 1
        if status != 200:
            return False
        acknowledged = self._ticks()
        for event in post.events:
            said = self.log.said[event.id]
            said.acknowledged = said.acknowledged or acknowledged
        return True


async def _halves(body: bytes, pause: float) -> AsyncIterator[bytes]:
    middle = len(body) // 2
    yield body[:middle]
    await asyncio.sleep(pause)
    yield body[middle:]
