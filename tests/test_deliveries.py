"""When a delivery is tried again, whom it is bound to, and in which conversation it stands."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.clock import Moment, after
from jackfield.deliveries import (
    SHARDS,
    Attempt,
    Binding,
    Held,
    Outcome,
    Receiver,
    bind,
    conversation,
    shard,
)
from jackfield.delivery.retries import GIVE_UP_AFTER, LONGEST_RETRY_AFTER, SPREAD, retry_at

ROOT = Path(__file__).parent.parent
SINCE = Moment(1_700_000_000_000)
HOUR = timedelta(hours=1)

tries = st.integers(1, 5_000)
spreads = st.floats(0, SPREAD)
waits = st.integers(0, GIVE_UP_AFTER // timedelta(milliseconds=1) - 1).map(
    lambda milliseconds: timedelta(milliseconds=milliseconds)
)
outcomes = st.sampled_from([outcome for outcome in Outcome if not outcome.is_final])


def attempt(
    tried: int,
    *,
    outcome: Outcome = Outcome.FAILED,
    retry_after: timedelta | None = None,
) -> Attempt:
    return Attempt(
        tried=tried,
        started_at=SINCE,
        milliseconds=20,
        outcome=outcome,
        retry_after=retry_after,
    )


def delay(
    one: Attempt,
    *,
    waited: timedelta = timedelta(0),
    spread: float = 0.0,
) -> timedelta:
    """Return how long after its end the attempt is followed by the next."""
    now = after(SINCE, waited)
    due_at = retry_at(one, since=SINCE, now=now, spread=spread)
    assert due_at is not None
    return timedelta(milliseconds=due_at - now)


def test_only_a_delivered_message_is_done_with() -> None:
    assert [outcome for outcome in Outcome if outcome.is_final] == [Outcome.DELIVERED]


@pytest.mark.parametrize(
    ("tried", "seconds"),
    [
        (1, 5),
        (2, 10),
        (3, 20),
        (4, 40),
        (5, 80),
        (6, 160),
        (7, 320),
        (8, 640),
        (9, 900),
        (99, 900),
    ],
)
def test_delays_double_from_five_seconds_to_a_quarter_of_an_hour(tried: int, seconds: int) -> None:
    assert delay(attempt(tried)) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        (timedelta(0), timedelta(seconds=5)),
        (timedelta(seconds=4), timedelta(seconds=5)),
        (timedelta(seconds=6), timedelta(seconds=6)),
        (HOUR, HOUR),
        (6 * HOUR, 6 * HOUR),
        (7 * HOUR, 6 * HOUR),
        (timedelta(days=3_650), 6 * HOUR),
    ],
)
def test_retry_after_counts_where_it_asks_for_more_and_at_most_six_hours(
    asked: timedelta, given: timedelta
) -> None:
    assert delay(attempt(1, retry_after=asked)) == given


@pytest.mark.parametrize(
    ("waited", "is_given_up"),
    [
        (timedelta(0), False),
        (timedelta(hours=24, milliseconds=-1), False),
        (timedelta(hours=24), True),
        (timedelta(hours=30), True),
    ],
)
def test_it_is_given_up_after_24_hours_and_not_before(
    waited: timedelta, *, is_given_up: bool
) -> None:
    now = after(SINCE, waited)

    due_at = retry_at(attempt(200), since=SINCE, now=now, spread=0.0)

    assert (due_at is None) is is_given_up


def test_what_asks_for_a_rest_beyond_the_24_hours_is_still_tried_once_more() -> None:
    waited = timedelta(hours=23, minutes=59)

    rest = delay(attempt(200, retry_after=6 * HOUR), waited=waited)

    assert rest == 6 * HOUR


@given(tried=tries, spread=spreads, waited=waits, outcome=outcomes)
def test_every_delay_is_between_5_seconds_and_15_minutes_times_1_to_1_2(
    tried: int, spread: float, waited: timedelta, outcome: Outcome
) -> None:
    rest = delay(attempt(tried, outcome=outcome), waited=waited, spread=spread)

    assert timedelta(seconds=5) <= rest <= timedelta(minutes=15) * (1 + SPREAD)


@given(tried=tries, spread=spreads)
def test_a_later_attempt_is_never_followed_sooner(tried: int, spread: float) -> None:
    assert delay(attempt(tried), spread=spread) <= delay(attempt(tried + 1), spread=spread)


@given(tried=tries, spread=spreads, asked=st.timedeltas(min_value=timedelta(0)))
def test_retry_after_is_honoured_within_its_bound(
    tried: int, spread: float, asked: timedelta
) -> None:
    rest = delay(attempt(tried, retry_after=asked), spread=spread)
    plain = delay(attempt(tried), spread=spread)

    assert plain <= rest <= max(plain, LONGEST_RETRY_AFTER)
    assert rest >= min(asked, LONGEST_RETRY_AFTER) - timedelta(milliseconds=1)


@given(tried=tries, spread=spreads, waited=waits)
def test_nothing_is_given_up_within_24_hours(tried: int, spread: float, waited: timedelta) -> None:
    due_at = retry_at(attempt(tried), since=SINCE, now=after(SINCE, waited), spread=spread)

    assert due_at is not None


ACCOUNT = Receiver(
    account_id=1,
    external_id="200000000000002",
    routing_key="200000000000002",
    api_key="acme0001",
    is_claimed=False,
    is_disabled=False,
    is_releasing=False,
    application_id=None,
    link_version=3,
    webhook_version=None,
    has_own_url=False,
)


@pytest.mark.parametrize(
    ("changes", "bound"),
    [
        ({}, Held.UNLINKED),
        ({"has_own_url": True}, Binding(None, 3, "v1")),
        ({"application_id": "a", "webhook_version": "v1"}, Binding("a", 3, "v1")),
        ({"application_id": "a", "webhook_version": "v0.1"}, Binding("a", 3, "v0.1")),
        (
            {"application_id": "a", "webhook_version": "v0.1", "has_own_url": True},
            Binding("a", 3, "v0.1"),
        ),
        ({"application_id": "a"}, Held.UNLINKED),
        ({"application_id": "a", "has_own_url": True}, Binding(None, 3, "v1")),
        ({"is_claimed": True}, Held.CLAIMED),
        ({"is_claimed": True, "has_own_url": True}, Held.CLAIMED),
        ({"is_claimed": True, "application_id": "a", "webhook_version": "v1"}, Held.CLAIMED),
        ({"is_disabled": True, "is_claimed": True, "has_own_url": True}, Held.DISABLED),
        ({"is_disabled": True, "application_id": "a", "webhook_version": "v1"}, Held.DISABLED),
    ],
)
def test_whom_a_message_is_bound_to(changes: dict[str, object], bound: Binding | Held) -> None:
    receiver = replace(ACCOUNT, **changes)  # type: ignore[arg-type] # the table above is right

    assert bind(receiver) == bound


@given(st.builds(Receiver))
def test_nobody_hears_an_account_that_is_claimed_or_disabled(receiver: Receiver) -> None:
    binding = bind(receiver)

    hidden = receiver.is_claimed or receiver.is_disabled
    assert not (hidden and isinstance(binding, Binding))


@pytest.mark.parametrize(
    ("account_id", "person", "application_id", "number", "its_shard"),
    [
        (1, "700000000000007", None, -220477875858714480, 245),
        (1, "700000000000007", "0b2f8a34-1111-4222-8333-444455556666", -8141511689232022239, 245),
        (2, "447700900123", None, -1392721115632063862, 203),
        (2**53 + 1, "\u00fc", None, -5959248906378335495, 197),
    ],
)
def test_conversations_and_shards_keep_their_numbers_from_release_to_release(
    account_id: int, person: str, application_id: str | None, number: int, its_shard: int
) -> None:
    assert conversation(account_id, person, application_id) == number
    assert shard(account_id, person) == its_shard


@given(st.integers(1, 2**63 - 1), st.text(), st.none() | st.uuids().map(str))
def test_a_conversation_is_a_64_bit_number_and_a_shard_one_of_256(
    account_id: int, person: str, application_id: str | None
) -> None:
    assert -(2**63) <= conversation(account_id, person, application_id) < 2**63
    assert 0 <= shard(account_id, person) < SHARDS


def test_the_manual_explains_every_reason_that_a_delivery_may_have() -> None:
    document = (ROOT / "docs" / "deliveries.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^\| `reason` \|.*\n((?:\|.*\n)+)", document, flags=re.MULTILINE)

    explained = re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)

    assert explained == [*Held, *Outcome]
