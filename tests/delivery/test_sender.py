"""One attempt, and how it ended, in words with consequences."""

from __future__ import annotations

from datetime import timedelta

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from dispatching import LOOPBACK, left_to_do
from due import due
from jackfield.clock import Moment, now
from jackfield.deliveries import Attempt, Outcome
from jackfield.delivery.sender import Sender, outcome_of, retry_after
from jackfield.egress import Egress
from jackfield.metrics import Metrics
from jackfield.storage import deliveries
from receiver import Received, Receiver
from world import World, said

A_MOMENT = Moment(1_795_000_000_000)


async def attempt_at(world: World, url: str, *, egress: Egress) -> Attempt:
    await world.tenant()
    page = await world.page(application=await world.application(url))
    await world.hear(said("hello", to=page))
    (item,) = await due(world.store, now())
    sender = Sender(
        world.store,
        deliveries,
        egress=egress,
        keyring=world.keys,
        clock=now,
        metrics=Metrics(),
    )
    attempt = await sender.attempt(item, url)
    assert isinstance(attempt, Attempt)
    return attempt


async def test_an_address_that_may_not_be_reached_is_said_to_be_that(world: World) -> None:
    async with Receiver() as receiver, Egress() as egress:
        attempt = await attempt_at(world, receiver.url, egress=egress)

    assert attempt.outcome is Outcome.NOT_ALLOWED
    assert receiver.received == []
    assert await left_to_do(world) == 1


async def test_a_redirect_is_not_followed(world: World) -> None:
    async def redirect(received: Received) -> web.Response:
        del received
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    async with Receiver(redirect) as receiver, Egress(allow=LOOPBACK) as egress:
        attempt = await attempt_at(world, receiver.url, egress=egress)

    assert (attempt.outcome, attempt.status) == (Outcome.REJECTED, 307)
    assert [one.path for one in receiver.received] == ["/inbound"]


async def test_how_long_to_wait_is_taken_from_the_answer(world: World) -> None:
    async def busy(received: Received) -> web.Response:
        del received
        return web.Response(status=429, headers={"Retry-After": "120"})

    async with Receiver(busy) as receiver, Egress(allow=LOOPBACK) as egress:
        attempt = await attempt_at(world, receiver.url, egress=egress)

    assert attempt.outcome is Outcome.THROTTLED
    assert attempt.retry_after == timedelta(minutes=2)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.DELIVERED),
        (204, Outcome.DELIVERED),
        (302, Outcome.REJECTED),
        (400, Outcome.REJECTED),
        (410, Outcome.GONE),
        (429, Outcome.THROTTLED),
        (500, Outcome.FAILED),
        (503, Outcome.FAILED),
    ],
)
def test_only_two_hundreds_end_a_delivery(status: int, outcome: Outcome) -> None:
    assert outcome_of(status) is outcome
    assert outcome.is_final is (200 <= status < 300)


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        (None, None),
        ("5", timedelta(seconds=5)),
        ("999999999999999999999", timedelta(seconds=10**8)),
        ("Wed, 18 Nov 2026 11:07:40 GMT", timedelta(seconds=60)),
        ("Mon, 01 Jan 1990 00:00:00 GMT", timedelta(0)),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
    ],
)
def test_retry_after_takes_seconds_or_a_date(value: str | None, wait: timedelta | None) -> None:
    assert retry_after(value, now=Moment(A_MOMENT)) == wait


@given(st.text())
def test_retry_after_is_never_negative_and_never_raises(value: str) -> None:
    wait = retry_after(value, now=A_MOMENT)

    assert wait is None or wait >= timedelta(0)
