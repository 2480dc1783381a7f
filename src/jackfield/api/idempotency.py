"""The Idempotency-Key of a request, and the answer that is kept under it (ruling R24)."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

import msgspec

from jackfield.api.http import KeyReused, Request, Response, StillRunning
from jackfield.auth import Caller
from jackfield.clock import Clock, Moment, after
from jackfield.problems import Invalid, InvalidParameter
from jackfield.sealing import Keyring, Place
from jackfield.units import Steps, Unit, unit

KEPT_FOR: Final = timedelta(hours=24)
LONGEST_KEY: Final = 255

SLICE: Final = 10
"""How many keys of yesterday each new one sweeps out."""

_VISIBLE = re.compile(rf"[\x21-\x7e]{{1,{LONGEST_KEY}}}")


class IdempotencyKeys(Protocol):
    """What is asked of the table of keys; a key counts per tenant, method and path."""

    def find(
        self, api_key: str, method: str, path: str, key: str, *, since: Moment
    ) -> Unit[tuple[bytes, bytes] | None]:
        """Return the digest of the body and the sealed answer of what came after `since`."""
        ...

    def add(
        self,
        api_key: str,
        method: str,
        path: str,
        key: str,
        *,
        digest: bytes,
        status: int,
        answer: bytes,
        now: Moment,
        since: Moment,
    ) -> Unit[bool]:
        """Keep a sealed answer; False when one is there that came after `since`."""
        ...

    def expire(self, *, until: Moment, limit: int) -> Unit[int]:
        """Remove at most `limit` of those kept at `until` or before, and return how many."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to have one effect: a key of one tenant's on one method and path, and its body."""

    key: tuple[str, str, str, str]
    digest: bytes

    @property
    def place(self) -> Place:
        """Where its sealed answer lives, and opens."""
        return Place("idempotency_keys", " ".join(self.key), "answer")


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Kept)


class KeptAnswers:
    """Keeps answers for a day, sealed whole: one may hold a private key or an access token."""

    def __init__(self, keys: IdempotencyKeys, *, keyring: Keyring, clock: Clock) -> None:
        self._keys = keys
        self._keyring = keyring
        self._clock = clock

    @unit
    def find(self, asked: Asked) -> Steps[Response | None]:
        """Return the answer that is kept, or None; raise `KeyReused` for one to another body."""
        found = yield from self._keys.find(*asked.key, since=after(self._clock(), -KEPT_FOR))
        if found is None:
            return None
        digest, sealed = found
        if not hmac.compare_digest(digest, asked.digest):
            raise KeyReused
        kept = _decoder.decode(self._keyring.unseal(sealed, place=asked.place))
        return Response(status=kept.status, body=kept.body, headers=kept.headers)

    @unit
    def keep(self, asked: Asked, response: Response) -> Steps[None]:
        """Keep an answer in the transaction of its effect, and sweep out a few of yesterday's.

        Raises `StillRunning` when another process was quicker: then nothing of this one stays.
        """
        kept = _Kept(response.status, tuple(response.headers), response.body)
        now = self._clock()
        is_first = yield from self._keys.add(
            *asked.key,
            digest=asked.digest,
            status=response.status,
            answer=self._keyring.seal(_encoder.encode(kept), place=asked.place),
            now=now,
            since=after(now, -KEPT_FOR),
        )
        if not is_first:
            raise StillRunning
        yield from self._keys.expire(until=after(now, -KEPT_FOR), limit=SLICE)


def refuse_key(request: Request, *, look: str) -> None:
    """Raise `Invalid` for a request with a key, where no answer is kept that a repeat could get.

    What sends messages again does so in many transactions, so that none holds its effect and
    its answer. Ignored, a key would promise that nothing goes out twice; `look` shows what did.
    """
    if request.headers("idempotency-key"):
        reason = (
            "`Idempotency-Key` is not taken here, as no answer is kept: leave it out, and where "
            f"none came, look at {look} before you send it again"
        )
        raise Invalid(InvalidParameter("Idempotency-Key", reason))


async def asked_once(request: Request, caller: Caller) -> Asked | None:
    """Return what a request asks to have one effect, or None when it does not ask for that.

    Raises `Invalid` for a key that is none, and what reading the body raises.
    """
    given = request.headers("idempotency-key")
    if not given:
        return None
    if len(given) > 1 or not _VISIBLE.fullmatch(given[0]):
        reason = (
            f"`Idempotency-Key` must be one header of 1 to {LONGEST_KEY} visible ASCII characters"
        )
        raise Invalid(InvalidParameter("Idempotency-Key", reason))
    # A collection is the same with and without the slash at its end.
    path = request.path.removesuffix("/")
    digest = hashlib.sha256(await request.body()).digest()
    return Asked((caller.api_key, request.method, path, given[0]), digest)
