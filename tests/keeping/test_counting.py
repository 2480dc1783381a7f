"""What a gateway does is counted as it does it: how late a provider is, what is sent once more."""

from __future__ import annotations

import msgspec
import pytest

from dispatching import until_nothing_is_left
from gateway import Doors, opened, signature
from jackfield.clock import now
from receiver import Received, Receiver
from world import World, said

HOUR = 3_600_000
WEBHOOK = "/webhooks/meta/main"


def spoken(*ages: int) -> bytes:
    """Return a webhook with one message of each age in milliseconds."""
    messaging = [
        {
            "sender": {"id": "700000000000007"},
            "recipient": {"id": "2001"},
            "timestamp": now() - age,
            "message": {"mid": f"m_{age}", "text": "hi"},
        }
        for age in ages
    ]
    entry = {"id": "2001", "time": now(), "messaging": messaging}
    return msgspec.json.encode({"object": "page", "entry": [entry]})


async def shown(doors: Doors) -> dict[str, float]:
    text = (await doors.anybody(address="127.0.0.1").get("/metrics")).body.decode()
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


async def test_a_providers_lag_is_that_of_the_oldest_message_of_a_webhook(
    sqlite_url: str,
) -> None:
    async with opened(sqlite_url) as doors:
        await doors.provider_app()
        for body in (spoken(HOUR, 10), spoken(-HOUR)):
            answer = await doors.anybody().post(WEBHOOK, body, x_hub_signature_256=signature(body))
            assert answer.status == 200
        counted = await shown(doors)

    assert counted["jackfield_provider_lag_seconds_count"] == 2
    assert 3600 <= counted["jackfield_provider_lag_seconds_sum"] < 3900
    assert counted['jackfield_provider_lag_seconds_bucket{le="0.005"}'] == 1
    assert counted['jackfield_messages_total{event="accepted"}'] == 3


@pytest.mark.parametrize(
    ("age", "lag"),
    [(now() - 1_000, 604_800), (8 * 24 * HOUR, 604_800), (-900_000 * HOUR, 0)],
    ids=["1970", "more than a week", "to come"],
)
async def test_a_providers_clock_that_cannot_be_right_spoils_no_mean(
    sqlite_url: str, age: int, lag: int
) -> None:
    async with opened(sqlite_url) as doors:
        await doors.provider_app()
        body = spoken(age)
        await doors.anybody().post(WEBHOOK, body, x_hub_signature_256=signature(body))
        counted = await shown(doors)

    assert counted["jackfield_provider_lag_seconds_count"] == 1
    assert counted["jackfield_provider_lag_seconds_sum"] == lag


async def test_what_is_tried_again_is_counted_as_sent_once_more(sqlite_url: str) -> None:
    async def busy_at_first(_: Received) -> int:
        return 200 if receiver.received else 503

    async with (
        Receiver(busy_at_first) as receiver,
        opened(sqlite_url, egress_allow="127.0.0.0/8") as doors,
    ):
        world = await World(doors.gateway.store, keys=doors.gateway.keys).open()
        await world.tenant()
        page = await world.page(application=await world.application(receiver.url))
        doors.gateway.start()
        await world.hear(said("hi", to=page))
        await receiver.until(2)
        await until_nothing_is_left(world)
        counted = await shown(doors)

    assert counted['jackfield_redelivered_total{reason="retry"}'] == 1
    assert counted['jackfield_messages_total{event="delivered"}'] == 1
    assert counted["jackfield_dead_total"] == 0
