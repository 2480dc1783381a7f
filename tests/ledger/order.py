"""Order: what was acknowledged before another thing was sent, is accepted before it arrives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from math import inf
from typing import Final

from ledger.logs import ProviderLog, Request, Said

_HEARD_IN_ORDER: Final = frozenset({"delivered", "pending", "paused"})


def overtaken(
    log: ProviderLog,
    heard: Mapping[str, Sequence[Request]],
    places: Mapping[str, str],
    *,
    excluded: AbstractSet[str],
) -> Iterator[Said]:
    """Yield what arrived before something older of its conversation was done with.

    Older is what was acknowledged before the other was sent for the first time, and what stands
    before it in the same POST. Done with is what was accepted, and not sent again after that.
    What was kept for the operator once has no place in the order, nor have others `excluded`.
    """
    conversations: defaultdict[tuple[str, str], list[Said]] = defaultdict(list)
    for said in log.said.values():
        if said.event.id not in excluded and places[said.event.id] in _HEARD_IN_ORDER:
            conversations[said.event.conversation].append(said)
    for several in conversations.values():
        yield from _overtaken(several, heard)


def _overtaken(several: Sequence[Said], heard: Mapping[str, Sequence[Request]]) -> Iterator[Said]:
    acknowledged = sorted(
        (said for said in several if said.acknowledged is not None),
        key=lambda said: said.acknowledged or 0,
    )
    before_in_post: dict[str, float] = {}
    done, older = 0.0, 0
    for said in sorted(several, key=lambda said: (said.sent, said.event.position)):
        while older < len(acknowledged) and (acknowledged[older].acknowledged or 0) < said.sent:
            done = max(done, _done(acknowledged[older], heard))
            older += 1
        requests = heard.get(said.event.id, ())
        limit = max(done, before_in_post.get(said.post, 0) if said.is_place_known else 0)
        if requests and requests[0].arrived < limit:
            yield said
        mine = _done(said, heard)
        before_in_post[said.post] = max(before_in_post.get(said.post, 0), mine)


def _done(said: Said, heard: Mapping[str, Sequence[Request]]) -> float:
    requests = heard.get(said.event.id, ())
    if not any(request.is_accepted for request in requests):
        return inf
    return max(inf if request.ended is None else request.ended for request in requests)
