"""What is drawn: who says what to whom, what people do, what applications answer."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum
from typing import Any

from hypothesis import strategies as st

from jackfield.deliveries import Outcome
from jackfield.egress import Failure, Reply, Unreached
from model.acts import Delete, Hear, Link, Register, Saying, Swap, Unlink, Vouch
from model.operating import Describe, Disable, OwnUrl, Pause, Rebind, Replace, Replay
from model.scene import ACCOUNTS, ACME, BETA, OWNERS, PEOPLE, URLS


class Answer(Enum):
    """What an application says, and in which word that ends an attempt."""

    TAKEN = (Reply(200, {}, b""), Outcome.DELIVERED)
    REFUSED = (Reply(404, {}, b""), Outcome.REJECTED)
    BROKEN = (Reply(500, {}, b""), Outcome.FAILED)
    BUSY = (Reply(503, {"retry-after": "40"}, b""), Outcome.FAILED)
    TOO_MANY = (Reply(429, {"retry-after": "3600"}, b""), Outcome.THROTTLED)
    GONE = (Reply(410, {}, b""), Outcome.GONE)
    NONE = (Unreached(Failure.TIMED_OUT, "No complete answer."), Outcome.TIMED_OUT)

    @property
    def reply(self) -> Reply | Unreached:
        reply: Reply | Unreached = self.value[0]
        return reply

    @property
    def outcome(self) -> Outcome:
        outcome: Outcome = self.value[1]
        return outcome


def mostly(usual: object, *others: object) -> st.SearchStrategy[Any]:
    """Return a strategy that draws `usual` as often as everything else together, twice."""
    return st.sampled_from([*[usual] * 2 * len(others), *others])


def weighted(*weights: tuple[int, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    each = [one for weight, one in weights for _ in range(weight)]
    return st.integers(0, len(each) - 1).flatmap(each.__getitem__)


ACCOUNT = st.sampled_from(sorted(ACCOUNTS))
APPLICATION = st.sampled_from(sorted(OWNERS))
URL = st.sampled_from(URLS)
API_KEY = st.sampled_from([ACME, BETA])
_SOME_IDS = st.sampled_from([ids for one in PEOPLE for ids in (one, one[:1], one[1:])])

SAYING = weighted(
    (4, st.builds(Saying, ACCOUNT, _SOME_IDS)),
    (1, st.builds(Saying, ACCOUNT, _SOME_IDS, st.integers(0, 9), st.booleans())),
)
HEAR = st.builds(Hear, st.lists(SAYING, min_size=1, max_size=6).map(tuple))
PAIR = weighted(
    (
        3,
        st.sampled_from(
            [(a, n) for a, (_, key) in ACCOUNTS.items() for n in OWNERS if OWNERS[n] == key]
        ),
    ),
    (1, st.tuples(ACCOUNT, APPLICATION)),
)
LINKING = weighted(
    (3, PAIR.map(lambda pair: Link(*pair))),
    (2, PAIR.map(lambda pair: Swap(*pair))),
    (1, PAIR.map(lambda pair: Unlink(*pair))),
    (1, st.builds(Swap, ACCOUNT, st.none())),
    (1, st.builds(Register, ACCOUNT, mostly(False, True), st.none() | APPLICATION)),
    (1, st.builds(Vouch, ACCOUNT)),
)
CHANGING = weighted(
    (3, st.builds(Describe, APPLICATION, weighted((2, URL), (1, st.none())))),
    (1, st.builds(Describe, APPLICATION, URL, st.booleans())),
    (1, st.builds(Replace, APPLICATION, URL)),
    (1, st.builds(OwnUrl, API_KEY, st.none() | URL)),
    (1, st.builds(Disable, API_KEY, mostly(False, True))),
    (1, st.builds(Delete, ACCOUNT)),
)
PEOPLE_ACT = weighted((4, LINKING), (4, CHANGING), (1, st.builds(Pause, API_KEY, URL)))
ANOTHER_ACT = weighted((2, HEAR), (3, LINKING), (2, CHANGING), (1, st.builds(Rebind, st.none())))
REPLAY = st.builds(Replay, st.lists(st.integers(0, 7), min_size=1, max_size=3).map(tuple))
REBIND = st.builds(Rebind, st.none() | API_KEY)
ANSWER = mostly(None, *Answer)

A_WHILE = weighted(
    (8, st.sampled_from([timedelta(seconds=6), timedelta(minutes=1), timedelta(minutes=16)])),
    (2, st.sampled_from([timedelta(hours=2), timedelta(hours=25)])),
    (1, st.just(timedelta(days=8))),
)
