"""A right secret opens, a wrong one does not, and a flood of wrong ones costs little."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError
from hypothesis import given
from hypothesis import strategies as st

from jackfield import ids
from jackfield.auth import (
    Bounds,
    Caller,
    SecretKind,
    Secrets,
    StoredSecret,
    parse_basic,
)
from jackfield.auth.api_secrets import PRIORITY
from jackfield.problems import Unavailable

KEY = bytes(range(32))
RIGHT = "Correct-Horse-1"
WRONG = "Incorrect-Horse-1"


class CountingArgon2(PasswordHasher):
    """The real thing with small settings, which counts and can be held up."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.checks = 0
        self.priority = 0
        self.gate = threading.Event()
        self.gate.set()

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]  # noqa: A002 - the base's name
        self.checks += 1
        self.priority = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        self.gate.wait(timeout=30)
        return super().verify(hash, password)


class Stopwatch:
    """A monotonic clock that moves when told."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def argon2() -> Iterator[CountingArgon2]:
    hasher = CountingArgon2()
    yield hasher
    hasher.gate.set()


@pytest.fixture
def stopwatch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def secrets(argon2: CountingArgon2, stopwatch: Stopwatch) -> Iterator[Secrets]:
    bounds = Bounds(
        waiting=6,
        waiting_per_secret=4,
        remembered=8,
        remember_right=timedelta(minutes=5),
        remember_wrong=timedelta(minutes=1),
    )
    made = Secrets(KEY, argon2=argon2, bounds=bounds, monotonic=stopwatch)
    yield made
    argon2.gate.set()
    made.close()


async def chosen(secrets: Secrets, secret: str = RIGHT, *, row: int = 1) -> StoredSecret:
    kind, digest = await secrets.hash_chosen(secret)
    return StoredSecret(row, kind, digest)


def generated(secrets: Secrets, secret: str, *, row: int = 1) -> StoredSecret:
    kind, digest = secrets.hash_generated(secret)
    return StoredSecret(row, kind, digest)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_generated_secret_opens_and_no_other_does(secrets: Secrets) -> None:
    secret = ids.secret()
    stored = [generated(secrets, secret)]

    assert await secrets.verify(secret, stored)
    assert not await secrets.verify(ids.secret(), stored)


async def test_a_chosen_secret_opens_and_no_other_does(secrets: Secrets) -> None:
    stored = [await chosen(secrets)]

    assert await secrets.verify(RIGHT, stored)
    assert not await secrets.verify(WRONG, stored)


async def test_while_secrets_rotate_both_open(secrets: Secrets) -> None:
    newest, older = ids.secret(), RIGHT
    stored = [generated(secrets, newest, row=2), await chosen(secrets, older, row=1)]

    assert await secrets.verify(newest, stored)
    assert await secrets.verify(older, stored)
    assert not await secrets.verify(WRONG, stored)


@pytest.mark.parametrize("candidate", ["", "anything", "\0" * 32])
async def test_a_key_that_nobody_has_opens_with_nothing(secrets: Secrets, candidate: str) -> None:
    assert not await secrets.verify(candidate, [])


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_a_kept_generated_secret_shows_nothing_of_it_and_needs_the_key(
    secret: str, other: str
) -> None:
    kept = Secrets(KEY).hash_generated(secret)

    assert kept == Secrets(KEY).hash_generated(secret)
    assert kept != Secrets(bytes(32)).hash_generated(secret)
    assert (kept == Secrets(KEY).hash_generated(other)) == (secret == other)


async def test_two_tenants_with_the_same_chosen_secret_keep_it_differently(
    secrets: Secrets,
) -> None:
    one, other = await chosen(secrets, row=1), await chosen(secrets, row=2)

    assert one.digest != other.digest
    assert RIGHT.encode() not in one.digest


async def test_by_default_a_chosen_secret_is_kept_as_argon2id() -> None:
    secrets = Secrets(KEY)

    stored = await chosen(secrets)

    assert stored.kind is SecretKind.ARGON2
    assert stored.digest.startswith(b"$argon2id$v=19$m=47104,t=1,p=1$")
    assert await secrets.verify(RIGHT, [stored])
    secrets.close()


@pytest.mark.parametrize("candidate", [RIGHT, WRONG])
async def test_the_same_secret_is_worked_out_once(
    secrets: Secrets, argon2: CountingArgon2, candidate: str
) -> None:
    stored = [await chosen(secrets)]

    answers = {await secrets.verify(candidate, stored) for _ in range(20)}

    assert answers == {candidate == RIGHT}
    assert argon2.checks == 1


async def test_a_burst_with_the_same_secret_is_worked_out_once(
    secrets: Secrets, argon2: CountingArgon2
) -> None:
    stored = [await chosen(secrets)]

    answers = await asyncio.gather(*(secrets.verify(RIGHT, stored) for _ in range(100)))

    assert all(answers)
    assert argon2.checks == 1


async def test_a_right_secret_is_forgotten_when_it_is_not_used(
    secrets: Secrets, argon2: CountingArgon2, stopwatch: Stopwatch
) -> None:
    stored = [await chosen(secrets)]
    await secrets.verify(RIGHT, stored)

    stopwatch.seconds = 299
    await secrets.verify(RIGHT, stored)
    stopwatch.seconds = 299 + 299
    await secrets.verify(RIGHT, stored)
    checks_while_used = argon2.checks
    stopwatch.seconds += 300
    await secrets.verify(RIGHT, stored)

    assert (checks_while_used, argon2.checks) == (1, 2)


async def test_a_wrong_secret_is_forgotten_sooner(
    secrets: Secrets, argon2: CountingArgon2, stopwatch: Stopwatch
) -> None:
    stored = [await chosen(secrets)]
    await secrets.verify(WRONG, stored)

    stopwatch.seconds = 60
    await secrets.verify(WRONG, stored)

    assert argon2.checks == 2


async def test_a_revoked_secret_is_refused_at_once(secrets: Secrets) -> None:
    stored = [await chosen(secrets)]
    await secrets.verify(RIGHT, stored)

    assert not await secrets.verify(RIGHT, [])


async def test_a_row_with_another_secret_forgets_the_former_one(secrets: Secrets) -> None:
    await secrets.verify(RIGHT, [await chosen(secrets, RIGHT, row=1)])

    replaced = [await chosen(secrets, "Another-Horse-2", row=1)]

    assert not await secrets.verify(RIGHT, replaced)
    assert await secrets.verify("Another-Horse-2", replaced)


async def test_what_is_remembered_of_one_row_opens_no_other(secrets: Secrets) -> None:
    one = await chosen(secrets, row=1)
    await secrets.verify(RIGHT, [one])

    assert not await secrets.verify(RIGHT, [await chosen(secrets, WRONG, row=2)])


async def test_a_flood_of_wrong_secrets_is_turned_away_beyond_a_short_line(
    secrets: Secrets, argon2: CountingArgon2
) -> None:
    stored = [await chosen(secrets)]

    answers = await asyncio.gather(
        *(secrets.verify(f"{WRONG}{number}", stored) for number in range(100)),
        return_exceptions=True,
    )

    turned_away = [answer for answer in answers if isinstance(answer, Unavailable)]
    assert len(turned_away) == 96
    assert argon2.checks == 4


async def test_a_flood_against_one_tenant_leaves_room_for_another(
    secrets: Secrets, argon2: CountingArgon2
) -> None:
    flooded, other = await chosen(secrets, row=1), await chosen(secrets, row=2)
    argon2.gate.clear()
    flood = [
        asyncio.ensure_future(secrets.verify(f"{WRONG}{number}", [flooded]))
        for number in range(100)
    ]
    await settle()

    neighbour = asyncio.ensure_future(secrets.verify(RIGHT, [other]))
    await settle()
    argon2.gate.set()

    assert await neighbour
    await asyncio.gather(*flood, return_exceptions=True)


async def test_who_is_turned_away_hears_it_late_and_guesses_no_faster(
    argon2: CountingArgon2,
) -> None:
    bounds = Bounds(waiting_per_secret=1, turned_away_after=timedelta(hours=1))
    slow = Secrets(KEY, argon2=argon2, bounds=bounds)
    stored = [await chosen(slow)]
    argon2.gate.clear()
    first = asyncio.ensure_future(slow.verify(WRONG, stored))
    async with asyncio.timeout(20):
        while not argon2.checks:  # its thread has to begin
            await asyncio.sleep(0.01)

    second = asyncio.ensure_future(slow.verify(f"{WRONG}2", stored))
    await settle()

    assert not second.done()
    assert argon2.checks == 1
    second.cancel()
    argon2.gate.set()
    assert not await first
    slow.close()


async def test_a_client_at_work_is_answered_while_the_line_is_full(
    secrets: Secrets, argon2: CountingArgon2
) -> None:
    stored = [await chosen(secrets)]
    assert await secrets.verify(RIGHT, stored)
    argon2.gate.clear()
    flood = [
        asyncio.ensure_future(secrets.verify(f"{WRONG}{number}", stored)) for number in range(100)
    ]
    await settle()

    assert await secrets.verify(RIGHT, stored)

    assert not any(guess.done() for guess in flood)
    argon2.gate.set()
    await asyncio.gather(*flood, return_exceptions=True)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads have no priority")
async def test_chosen_secrets_are_checked_when_nobody_else_wants_the_processor(
    secrets: Secrets, argon2: CountingArgon2
) -> None:
    stored = [await chosen(secrets)]

    await secrets.verify(RIGHT, stored)

    usual = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert argon2.priority == min(usual + PRIORITY, 19)


async def test_a_flood_takes_one_core_and_no_more(
    secrets: Secrets, argon2: CountingArgon2
) -> None:
    stored = [await chosen(secrets)]
    argon2.gate.clear()
    flood = [
        asyncio.ensure_future(secrets.verify(f"{WRONG}{number}", stored)) for number in range(4)
    ]

    await asyncio.sleep(0.1)  # long enough for a second thread to begin, if there were one
    begun = argon2.checks
    argon2.gate.set()

    assert begun == 1
    assert await asyncio.gather(*flood) == [False] * 4


async def test_the_line_of_all_tenants_together_is_short(
    secrets: Secrets, argon2: CountingArgon2
) -> None:
    tenants = [await chosen(secrets, row=row) for row in range(10)]

    answers = await asyncio.gather(
        *(secrets.verify(RIGHT, [tenant]) for tenant in tenants), return_exceptions=True
    )

    assert sum(answer is True for answer in answers) == 6


async def test_after_the_flood_there_is_room_again(secrets: Secrets) -> None:
    stored = [await chosen(secrets)]
    await asyncio.gather(
        *(secrets.verify(f"{WRONG}{number}", stored) for number in range(100)),
        return_exceptions=True,
    )

    assert await secrets.verify(RIGHT, stored)


async def test_wrong_secrets_never_push_out_a_right_one(
    secrets: Secrets, argon2: CountingArgon2
) -> None:
    stored = [await chosen(secrets)]
    await secrets.verify(RIGHT, stored)
    for number in range(50):
        await secrets.verify(f"{WRONG}{number}", stored)
    checks = argon2.checks

    assert await secrets.verify(RIGHT, stored)
    assert argon2.checks == checks


async def test_only_so_many_are_remembered(secrets: Secrets, argon2: CountingArgon2) -> None:
    stored = [await chosen(secrets)]
    for number in range(9):
        await secrets.verify(f"{WRONG}{number}", stored)

    await secrets.verify(f"{WRONG}8", stored)
    checks_while_remembered = argon2.checks
    await secrets.verify(f"{WRONG}0", stored)

    assert (checks_while_remembered, argon2.checks) == (9, 10)


async def test_who_hangs_up_takes_no_answer_from_those_who_wait(
    secrets: Secrets, argon2: CountingArgon2
) -> None:
    stored = [await chosen(secrets)]
    argon2.gate.clear()
    first = asyncio.ensure_future(secrets.verify(RIGHT, stored))
    second = asyncio.ensure_future(secrets.verify(RIGHT, stored))
    await settle()

    first.cancel()
    await settle()
    argon2.gate.set()

    assert await second
    assert first.cancelled()
    assert argon2.checks == 1


async def test_a_stored_secret_that_cannot_be_read_is_a_fault_and_not_a_wrong_secret(
    secrets: Secrets,
) -> None:
    stored = replace(await chosen(secrets), digest=b"damaged")

    with pytest.raises(InvalidHashError):
        await secrets.verify(RIGHT, [stored])

    assert await secrets.verify(RIGHT, [await chosen(secrets)])


def basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


printable = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]))


@given(printable.filter(lambda user: ":" not in user), printable)
def test_any_pair_reads_back_from_a_basic_header(user: str, password: str) -> None:
    assert parse_basic(basic(f"{user}:{password}")) == (user, password)


@given(st.text())
def test_any_other_header_is_no_pair_and_no_fault(header: str) -> None:
    assert parse_basic(header) is None or header.lower().startswith("basic ")


@pytest.mark.parametrize("scheme", ["basic", "BASIC", "Basic  "])
def test_the_schemes_case_and_extra_spaces_do_not_matter(scheme: str) -> None:
    header = basic("a1b2c3d4:secret").replace("Basic", scheme)

    assert parse_basic(header) == ("a1b2c3d4", "secret")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        "Bearer YTpi",
        "Basic YTpi!",
        "Basic YTp",
        "Basic YT pi",
        "Basic é",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"a:\xff").decode(),
        basic("a\0b:c"),
        basic("a:b\nc"),
        basic("a:b\x7f"),
        basic("a:b") + ", " + basic("a:b"),
    ],
)
def test_what_is_not_a_basic_header_is_refused(header: str) -> None:
    assert parse_basic(header) is None


def test_a_caller_with_key_and_secret_speaks_for_no_application() -> None:
    assert Caller("a1b2c3d4").application_id is None
