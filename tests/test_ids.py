"""Identifiers are what they claim to be, and never the same twice."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable

import pytest

from jackfield import ids

MANY = 2_000


@pytest.mark.parametrize("make", [ids.uuid7, ids.application_id, ids.secret, ids.signature_secret])
def test_no_two_are_the_same(make: Callable[[], str]) -> None:
    made = {make() for _ in range(MANY)}

    assert len(made) == MANY


def test_a_message_id_is_a_uuid_of_version_7() -> None:
    made = [uuid.UUID(ids.uuid7()) for _ in range(MANY)]

    assert {(each.version, each.variant) for each in made} == {(7, uuid.RFC_4122)}


def test_a_message_id_is_spelled_as_uuids_are() -> None:
    made = ids.uuid7()

    assert made == str(uuid.UUID(made))


def test_a_message_id_tells_its_millisecond() -> None:
    before = time.time_ns() // 1_000_000
    made = ids.uuid7()
    after = time.time_ns() // 1_000_000

    assert before <= uuid.UUID(made).int >> 80 <= after


def test_every_random_bit_of_a_message_id_varies() -> None:
    made = [uuid.UUID(ids.uuid7()).int for _ in range(MANY)]

    seen_set, seen_clear = 0, 0
    for value in made:
        seen_set |= value
        seen_clear |= ~value

    random_bits = (1 << 80) - 1 & ~(0xF << 76) & ~(0x3 << 62)
    assert seen_set & random_bits == random_bits
    assert seen_clear & random_bits == random_bits


def test_an_application_id_is_a_uuid_of_version_4() -> None:
    assert uuid.UUID(ids.application_id()).version == 4


@pytest.mark.parametrize(
    ("make", "characters"), [(ids.api_key, 8), (ids.secret, 32), (ids.signature_secret, 64)]
)
def test_keys_and_secrets_are_lower_case_hexadecimal(
    make: Callable[[], str], characters: int
) -> None:
    assert re.fullmatch(f"[0-9a-f]{{{characters}}}", make())
