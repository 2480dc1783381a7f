"""API secrets: how they are kept, and how a key and a secret are checked."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import os
import re
import sys
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol, TypeAlias

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from jackfield.clock import Moment
from jackfield.problems import Unavailable
from jackfield.units import Unit


class SecretKind(StrEnum):
    """How a secret is kept: a keyed hash of one we generated, argon2id of one somebody chose."""

    KEYED = "keyed"
    ARGON2 = "argon2"


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A live secret's row; a chosen one's salt makes `digest` new whenever the secret is."""

    id: int
    kind: SecretKind
    digest: bytes


class ApiSecrets(Protocol):
    """What is asked of the table of API secrets."""

    def add_api_secret(
        self,
        api_key: str,
        kind: SecretKind,
        digest: bytes,
        *,
        now: Moment,
    ) -> Unit[bool]:
        """Store one more secret; False when the tenant holds two already."""
        ...

    def live_api_secrets(self, api_key: str) -> Unit[Sequence[StoredSecret]]:
        """Return those that open the tenant's door; none for an unknown or disabled one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much work strangers may cause with wrong secrets."""

    waiting: int = 32
    waiting_per_secret: int = 4
    remembered: int = 4_096
    remember_right: timedelta = timedelta(minutes=5)
    remember_wrong: timedelta = timedelta(minutes=1)
    turned_away_after: timedelta = timedelta(milliseconds=200)
    """How long it takes to be told that the line is full: who guesses cannot guess faster."""


# One thread and 46 MiB for about 50 ms: the first of the settings OWASP holds equal. More
# lanes would let a flood of wrong secrets take every core.
ARGON2 = PasswordHasher(time_cost=1, memory_cost=47_104, parallelism=1)

PRIORITY = 10
"""Of the thread that checks chosen secrets: a tenth of the loop's share where both want all."""

_NO_DIGEST = bytes(32)
"""Compared with where there is nothing to compare with; no HMAC looks like this."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

_BUSY = "Too many secrets are being checked; try again shortly."

_Attempt: TypeAlias = tuple[int, bytes, bytes]
"""A secret's row, the row's digest (it changes with the secret), the candidate's digest."""


class Secrets:
    """Hashes API secrets and checks them.

    A generated secret has 128 random bits, so one HMAC under the database's own key is enough
    and costs microseconds. A chosen one needs argon2id, which costs tens of milliseconds: it
    runs on one thread of its own behind a short line, and its answers are remembered briefly.
    The caller reads the rows at every use, so a revoked secret is refused at once.
    """

    def __init__(
        self,
        key: bytes,
        *,
        argon2: PasswordHasher = ARGON2,
        bounds: Bounds | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the key of the keyed hashes; `argon2` and `monotonic` (seconds) are doors."""
        self._keyed = hmac.new(key, digestmod="sha256")
        self._argon2 = argon2
        self._bounds = bounds or Bounds()
        self._thread = ThreadPoolExecutor(
            1, thread_name_prefix="argon2", initializer=_let_others_first
        )
        self._line: dict[_Attempt, asyncio.Task[bool]] = {}
        self._waiting: Counter[int] = Counter()
        # Apart from one another, so that a flood of wrong ones cannot push out a right one.
        room = self._bounds.remembered
        self._right = _Remembered(self._bounds.remember_right, room=room, monotonic=monotonic)
        self._wrong = _Remembered(self._bounds.remember_wrong, room=room, monotonic=monotonic)

    def hash_generated(self, secret: str) -> tuple[SecretKind, bytes]:
        """Return how to keep a secret that we made of 128 random bits."""
        return SecretKind.KEYED, self._digest(secret)

    async def hash_chosen(self, secret: str) -> tuple[SecretKind, bytes]:
        """Return how to keep a secret that somebody chose."""
        loop = asyncio.get_running_loop()
        digest = await loop.run_in_executor(self._thread, self._argon2.hash, secret)
        return SecretKind.ARGON2, digest.encode()

    async def verify(self, candidate: str, stored: Sequence[StoredSecret]) -> bool:
        """Say whether `candidate` is one of the live secrets in `stored`.

        `stored` is empty for a key that nobody has; that takes as long as a tenant with
        generated secrets does. Raises `Unavailable` when too many chosen secrets wait.
        """
        digest = self._digest(candidate)
        kept = [secret.digest for secret in stored if secret.kind is SecretKind.KEYED]
        matches = [hmac.compare_digest(digest, each) for each in kept or [_NO_DIGEST]]
        if any(matches):
            return True
        for secret in stored:
            if secret.kind is SecretKind.ARGON2 and await self._is_chosen(
                candidate, (secret.id, secret.digest, digest)
            ):
                return True
        return False

    def close(self) -> None:
        """Let the thread end; checks that still wait are dropped."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _is_chosen(self, candidate: str, attempt: _Attempt) -> bool:
        if self._right.has(attempt):
            # Remembered from the last use, so that a flood never sends a busy client to wait.
            self._right.add(attempt)
            return True
        if self._wrong.has(attempt):
            return False
        running = self._line.get(attempt)
        if running is None:
            if self._is_full(attempt[0]):
                await asyncio.sleep(self._bounds.turned_away_after.total_seconds())
                raise Unavailable(_BUSY)
            running = self._queue(candidate, attempt)
        # The one who asked first may hang up; the others who share the answer stay.
        return await asyncio.shield(running)

    def _is_full(self, row: int) -> bool:
        return (
            len(self._line) >= self._bounds.waiting
            or self._waiting[row] >= self._bounds.waiting_per_secret
        )

    def _queue(self, candidate: str, attempt: _Attempt) -> asyncio.Task[bool]:
        task = asyncio.get_running_loop().create_task(self._check(candidate, attempt))
        self._line[attempt] = task
        self._waiting[attempt[0]] += 1
        task.add_done_callback(lambda _: self._leave_line(attempt))
        return task

    def _leave_line(self, attempt: _Attempt) -> None:
        row = attempt[0]
        del self._line[attempt]
        self._waiting[row] -= 1
        if not self._waiting[row]:
            del self._waiting[row]

    async def _check(self, candidate: str, attempt: _Attempt) -> bool:
        loop = asyncio.get_running_loop()
        is_right = await loop.run_in_executor(
            self._thread, self._agrees, attempt[1].decode(), candidate
        )
        (self._right if is_right else self._wrong).add(attempt)
        return is_right

    def _agrees(self, kept: str, candidate: str) -> bool:
        try:
            return self._argon2.verify(kept, candidate)
        except VerifyMismatchError:
            return False

    def _digest(self, secret: str) -> bytes:
        # A copy knows the key already: that is the dearer half of so short a hash.
        keyed = self._keyed.copy()
        keyed.update(secret.encode())
        return keyed.digest()


def _let_others_first() -> None:
    """Give this thread what the loop leaves, so that guesses cost those at work little."""
    if sys.platform == "linux":  # elsewhere this would be the priority of the whole process
        thread = threading.get_native_id()
        usual = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, min(usual + PRIORITY, 19))


class _Remembered:
    """Attempts seen lately, the longest unused forgotten first."""

    def __init__(self, lasting: timedelta, *, room: int, monotonic: Callable[[], float]) -> None:
        self._lasting = lasting.total_seconds()
        self._room = room
        self._monotonic = monotonic
        self._until: OrderedDict[_Attempt, float] = OrderedDict()

    def has(self, attempt: _Attempt) -> bool:
        until = self._until.get(attempt)
        if until is None:
            return False
        if until <= self._monotonic():
            del self._until[attempt]
            return False
        return True

    def add(self, attempt: _Attempt) -> None:
        self._until[attempt] = self._monotonic() + self._lasting
        self._until.move_to_end(attempt)
        if len(self._until) > self._room:
            self._until.popitem(last=False)


def parse_basic(header: str) -> tuple[str, str] | None:
    """Return user and password of a Basic `Authorization` header, or None if it is not one.

    RFC 7617 with UTF-8: the first colon parts them, and neither holds control characters.
    """
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        pair = base64.b64decode(encoded.strip(" "), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    user, colon, password = pair.partition(":")
    if not colon or _CONTROL.search(pair):
        return None
    return user, password
