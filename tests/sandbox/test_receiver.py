"""The receiver: what it keeps, what it refuses, and what it tells the page."""

from __future__ import annotations

import json
from typing import Any

from jackfield.sandbox.receiver import KEPT
from sandbox.listening import Page

HELLO = {
    "channel": "whatsapp",
    "message_uuid": "0193",
    "to": "447700900123",
    "from": "447700900456",
    "message_type": "text",
    "text": "hello",
}


async def messages(page: Page, after: str = "0") -> list[dict[str, Any]]:
    answer = await page.call("GET", f"/messages?after={after}")
    found: list[dict[str, Any]] = json.loads(answer.body)["messages"]
    return found


async def test_a_signed_message_is_kept_with_both_proofs(page: Page) -> None:
    status = await page.hear(json.dumps(HELLO).encode())

    (kept,) = await messages(page)
    assert status == 200
    assert (kept["vonage"], kept["standard"]) == ("ok", "ok")
    assert (kept["channel"], kept["sender"], kept["account"], kept["text"]) == (
        "whatsapp",
        "447700900456",
        "447700900123",
        "hello",
    )
    assert [each.text for each in page.arrived] == ["hello"]


async def test_what_nobody_signed_is_refused_and_shown_as_such(page: Page) -> None:
    answer = await page.call("POST", "/inbound", body=json.dumps(HELLO).encode())

    (kept,) = await messages(page)
    assert answer.status == 401
    assert (kept["vonage"], kept["standard"]) == ("no token", "no signature")


async def test_a_message_that_comes_again_is_shown_once_with_how_often(page: Page) -> None:
    body = json.dumps(HELLO).encode()
    await page.hear(body, webhook_id="one")
    await page.hear(b"{}", webhook_id="two")

    await page.hear(body, webhook_id="one")

    kept = await messages(page)
    assert [(each["webhook_id"], each["times"]) for each in kept] == [("two", 1), ("one", 2)]


async def test_the_page_is_told_only_what_it_has_not_seen(page: Page) -> None:
    await page.hear(b'{"text":"old"}')
    (old,) = await messages(page)

    await page.hear(b'{"text":"new"}')

    assert [each["text"] for each in await messages(page, str(old["number"]))] == ["new"]


async def test_a_number_that_is_none_asks_for_everything(page: Page) -> None:
    await page.hear(b"{}")

    for after in ("", "x", "-1", "9" * 40, "%D9%A1"):
        assert len(await messages(page, after)) == 1


async def test_no_more_than_the_newest_messages_are_kept(page: Page) -> None:
    for number in range(KEPT + 2):
        await page.hear(json.dumps({"text": str(number)}).encode())

    kept = await messages(page)
    assert len(kept) == KEPT
    assert kept[0]["text"] == "2"


async def test_a_body_that_is_no_object_is_kept_as_it_came(page: Page) -> None:
    for body in (b"not json", b"[1]", b"\xff", b"[" * 20_000):
        assert await page.hear(body) == 200

    assert [each["text"] for each in await messages(page)] == [""] * 4


async def test_a_body_of_more_than_a_mebibyte_is_refused(page: Page) -> None:
    assert await page.hear(b"x" * ((1 << 20) + 1)) == 413


async def test_a_name_that_leads_here_is_not_answered(page: Page) -> None:
    answer = await page.call("GET", "/messages", host="rebound.example")

    assert answer.status == 400


async def test_before_it_knows_the_secrets_it_asks_to_try_again(page: Page) -> None:
    page.receiver.expect("", "")

    assert await page.hear(b"{}") == 503
