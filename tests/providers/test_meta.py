"""Meta's one webhook: who may be believed, the handshake, and whose body it is."""

from __future__ import annotations

import hashlib
import hmac
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.providers import meta

SECRET = "test-app-secret"
BODY = b'{"object":"page","entry":[]}'
SIGNED = "1a82db3abc2fa71a3fffecfedef579a8468a44850cd8a83a0c56974faff81689"


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"x-hub-signature-256": f"sha256={digest}"}


@pytest.mark.parametrize(
    ("secret", "body", "digest"),
    [
        (
            "It's a Secret to Everybody",
            b"Hello, World!",
            "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        ),
        (SECRET, BODY, SIGNED),
        (
            SECRET,
            rb'{"text":"f\u00e9","n":1}',
            "a9f80b2d8b20686b58beba2728c365eb838e57f2a87c6d72e23e7d6290e7c064",
        ),
    ],
    ids=["published", "plain", "escaped"],
)
def test_a_body_signed_with_the_secret_is_believed(secret: str, body: bytes, digest: str) -> None:
    headers = {"x-hub-signature-256": f"sha256={digest}"}

    assert meta.verify(body, headers, [secret])
    assert meta.verify(body, headers, [secret.encode()])


def test_a_body_whose_characters_a_proxy_put_back_is_believed() -> None:
    escaped = "a9f80b2d8b20686b58beba2728c365eb838e57f2a87c6d72e23e7d6290e7c064"

    believed = meta.verify(
        '{"text":"fé","n":1}'.encode(), {"x-hub-signature-256": f"sha256={escaped}"}, [SECRET]
    )

    assert believed


def test_a_body_signed_with_its_characters_as_they_are_is_believed() -> None:
    as_it_is = "3dbfb8c92e8ec02fcf8e7ce87cfd02c3f05d45dd5f5f2f151902e5edcc6b198f"
    headers = {"x-hub-signature-256": f"sha256={as_it_is}"}

    assert meta.verify('{"text":"fé","n":1}'.encode(), headers, [SECRET])
    assert not meta.verify(rb'{"text":"f\u00e9","n":1}', headers, [SECRET])


@pytest.mark.parametrize(
    "header",
    [
        "",
        SIGNED,
        f"sha1={SIGNED}",
        f"SHA256={SIGNED}",
        f"sha256={SIGNED.upper()}",
        f"sha256={SIGNED} ",
        f"sha256= {SIGNED}",
        f"sha256={SIGNED[:-1]}",
        f"sha256={'0' * 64}",
        "sha256=é",
        "sha256=\udcff",
        "sha256=\0",
    ],
)
def test_any_other_header_proves_nothing(header: str) -> None:
    assert not meta.verify(BODY, {"x-hub-signature-256": header}, [SECRET])


def test_a_body_without_the_header_is_not_believed() -> None:
    legacy = hmac.new(SECRET.encode(), BODY, hashlib.sha1).hexdigest()

    assert not meta.verify(BODY, {}, [SECRET])
    assert not meta.verify(BODY, {"x-hub-signature": f"sha1={legacy}"}, [SECRET])


@pytest.mark.parametrize(
    "body", [b"", BODY + b"\n", BODY[:-1], json.dumps(json.loads(BODY)).encode()]
)
def test_the_signature_of_other_bytes_proves_nothing(body: bytes) -> None:
    assert not meta.verify(body, signed(BODY), [SECRET])


def test_an_empty_body_can_be_signed() -> None:
    assert meta.verify(b"", signed(b""), [SECRET])


@pytest.mark.parametrize("secret", ["old", "new"])
def test_while_a_secret_is_rotated_both_are_believed(secret: str) -> None:
    assert meta.verify(BODY, signed(BODY, secret), ["new", "old"])
    assert not meta.verify(BODY, signed(BODY, "another"), ["new", "old"])


def test_an_empty_secret_proves_nothing() -> None:
    assert not meta.verify(BODY, signed(BODY, ""), [""])
    assert not meta.verify(BODY, signed(BODY, ""), [b""])
    assert not meta.verify(BODY, signed(BODY), [])


@given(body=st.binary(), header=st.text(st.characters()), secret=st.text(st.characters()))
def test_no_body_header_or_secret_makes_it_raise(body: bytes, header: str, secret: str) -> None:
    assert not meta.verify(body, {"x-hub-signature-256": header}, [secret])


@given(text=st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('\\"\n\r\t\x7fué')))
def test_only_what_is_not_ascii_is_escaped_for_the_second_try(text: str) -> None:
    body = json.dumps({"text": text}, ensure_ascii=False).encode()
    sent = re.sub(
        r"[^\x00-\x7f]", lambda match: json.dumps(match[0])[1:-1], body.decode()
    ).encode()

    assert meta.verify(body, signed(sent), [SECRET])


def test_a_body_larger_than_meta_sends_gets_no_second_try() -> None:
    body = f'{{"text":"é","n":"{"0" * (3 << 20)}"}}'.encode()
    sent = body.replace("é".encode(), rb"\u00e9")

    assert not meta.verify(body, signed(sent), [SECRET])
    assert meta.verify(sent, signed(sent), [SECRET])


HANDSHAKE = {"hub.mode": "subscribe", "hub.verify_token": "token", "hub.challenge": "1158201444"}


@pytest.mark.parametrize("tokens", [["token"], ["other", b"token"]])
def test_a_handshake_with_a_verify_token_is_answered_with_its_challenge(
    tokens: list[str | bytes],
) -> None:
    assert meta.challenge(HANDSHAKE, tokens) == "1158201444"


@pytest.mark.parametrize(
    ("query", "tokens"),
    [
        ({}, ["token"]),
        (HANDSHAKE, []),
        (HANDSHAKE, ["other"]),
        (HANDSHAKE | {"hub.mode": "unsubscribe"}, ["token"]),
        (HANDSHAKE | {"hub.verify_token": "tokén\udcff"}, ["token"]),
        (HANDSHAKE | {"hub.verify_token": ""}, [""]),
        ({"hub.mode": "subscribe", "hub.challenge": "1"}, ["", b""]),
        ({"hub.mode": "subscribe", "hub.verify_token": "token"}, ["token"]),
    ],
)
def test_any_other_handshake_is_refused(query: dict[str, str], tokens: list[str | bytes]) -> None:
    assert meta.challenge(query, tokens) is None


@pytest.mark.parametrize("word", ["instagram", "zebra", "", "Page", "user "])
def test_a_body_about_an_object_we_have_no_word_for_is_kept_whole(word: str) -> None:
    body = f'{{"object":"{word}","entry":[{{"id":"1","messaging":[{{}}]}}]}}'.encode()

    reading = meta.read(body)

    (unread,) = reading.unread
    assert (reading.events, dict(reading.ignored)) == ([], {})
    assert (unread.body, unread.provider) == (body, None)
    assert unread.reason == "about an object that we have no word for"


def test_a_body_about_an_unknown_object_is_kept_as_it_came_although_it_was_mended() -> None:
    body = rb'{"object":"half \ud83d","entry":[]}'

    (unread,) = meta.read(body).unread

    assert unread.body == body


@pytest.mark.parametrize("word", ["ad_account", "application", "permissions", "user"])
def test_an_object_in_which_nobody_writes_to_an_account_is_counted(word: str) -> None:
    reading = meta.read(f'{{"object":"{word}","entry":[{{"id":"1","changes":[]}}]}}'.encode())

    assert (reading.events, reading.unread, dict(reading.ignored)) == ([], [], {"object": 1})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"null",
        b"[]",
        b"{}",
        b'{"object":1}',
        b'{"object":null}',
        b'{"object":"page","entry":[{]}',
        b'{"object":"page"',
        b'\xef\xbb\xbf{"object":"page"}',
        b'{"object":"page","entry":[]} {}',
        b'{"object":"\xff"}',
        b'"' * 50_000,
        b"[" * 50_000,
        b"]" * 50_000,
        b'{"object":"page","entry":' + b"[" * 50_000,
    ],
)
def test_a_body_that_is_no_callback_is_kept_whole(body: bytes) -> None:
    (unread,) = meta.read(body).unread

    assert unread.body == body
    assert unread.reason


def item(mid: str, extra: str = "0") -> str:
    return (
        '{"sender":{"id":"7"},"timestamp":1795000000001,'
        f'"message":{{"mid":"{mid}","text":"hi {mid}","extra":{extra}}}}}'
    )


def page(*items: str) -> bytes:
    return f'{{"object":"page","entry":[{{"id":"2","messaging":[{",".join(items)}]}}]}}'.encode()


@pytest.mark.parametrize(
    "extra",
    [
        "[" * 5_000 + "]" * 5_000,
        '{"a":' * 5_000 + "1" + "}" * 5_000,
        r'"\ud83d"',
        r'"\udc4d\ud83d"',
        r'{"\ud83d":"\\ud83d\""}',
        "9" * 10_000,
        "1e999",
        r'"\u0000"',
    ],
    ids=["lists", "objects", "half", "halves", "half key", "digits", "exponent", "nul"],
)
def test_json_that_our_decoder_refuses_costs_no_message(extra: str) -> None:
    body = page(item("m_1"), item("m_2", extra), item("m_3"))

    reading = meta.read(body)

    assert [event.key for event in reading.events] == ["m_1", "m_2", "m_3"]
    assert reading.unread == []


def test_half_a_character_in_a_text_is_replaced() -> None:
    body = page(item("m_1").replace("hi m_1", r"cut \ud83d, whole \ud83d\udc4d, \\ud83d"))

    (event,) = meta.read(body).events

    assert event.message.content.text == "cut \ufffd, whole \U0001f44d, \\ud83d"  # type: ignore[union-attr] # a text message


@pytest.mark.parametrize(
    "broken",
    [
        "null",
        "42",
        '"text"',
        "[]",
        "{}",
        '{"message":{"mid":"m_2","text":"nobody"}}',
        '{"sender":{"id":7.5},"timestamp":1795000000001,"message":{"mid":"m_2","text":"hi"}}',
        '{"sender":{"id":true},"timestamp":1795000000001,"message":{"mid":"m_2","text":"hi"}}',
        item("m_2").replace('"7"', r'"7\u0000"'),
        item("m_2").replace('"7"', r'"7\ud83d"'),
        item("m_2").replace('"7"', f'"{"7" * 513}"'),
        item("m_2").replace('"m_2"', r'"m\u0000"'),
        item("m_2").replace('"m_2"', f'"{"m" * 513}"'),
        item("m_2").replace("1795000000001", '"soon"'),
        item("m_2").replace("1795000000001", "-1"),
        item("m_2").replace("1795000000001", "9" * 17),
        item("m_2").replace("1795000000001", "1795000000001.5"),
        item("m_2").replace('"hi m_2"', '["hi"]'),
    ],
)
def test_a_broken_item_harms_none_of_its_neighbours(broken: str) -> None:
    reading = meta.read(page(item("m_1"), broken, item("m_3")))

    assert [event.key for event in reading.events] == ["m_1", "m_3"]
    assert [unread.routing_key for unread in reading.unread] == ["2"]


def test_an_item_that_is_not_utf_8_harms_none_of_its_neighbours() -> None:
    body = page(item("m_1"), item("m_2", '"?"'), item("m_3")).replace(b'"?"', b'"\xff"')

    reading = meta.read(body)

    assert [event.key for event in reading.events] == ["m_1", "m_3"]
    assert [unread.reason for unread in reading.unread] == ["not UTF-8"]


@pytest.mark.parametrize(
    "broken",
    ["null", "7", '{"id":2.5,"messaging":[]}', '{"id":"2","messaging":"none"}', "[[]]"],
)
def test_a_broken_entry_harms_none_of_its_neighbours(broken: str) -> None:
    entries = [f'{{"id":"2","messaging":[{item("m_1")}]}}', broken]
    entries.append(f'{{"id":"3","messaging":[{item("m_3")}]}}')
    body = f'{{"object":"page","entry":[{",".join(entries)}]}}'.encode()

    reading = meta.read(body)

    assert [event.routing_key for event in reading.events] == ["2", "3"]
    assert len(reading.unread) == 1
    assert broken.encode() in reading.unread[0].body


@pytest.mark.parametrize(
    "broken",
    [
        "null",
        '{"value":{}}',
        '{"field":"messages"}',
        '{"field":"messages","value":[]}',
        '{"field":"messages","value":{"messages":{}}}',
    ],
)
def test_a_broken_change_harms_none_of_its_neighbours(broken: str) -> None:
    words = (
        '{"field":"messages","value":{"metadata":{"phone_number_id":"106"},'
        '"contacts":[7,{"wa_id":"447700900456","profile":{"name":"Ann"}}],"messages":'
        '[{"from":"447700900456","id":"a","timestamp":"1","type":"text","text":{"body":"b"}}]}}'
    )
    entry = f'{{"changes":[{broken},{words}]}}'
    body = f'{{"object":"whatsapp_business_account","entry":[{entry},0]}}'.encode()

    reading = meta.read(body)

    assert [event.message.profile_name for event in reading.events] == ["Ann"]
    assert len(reading.unread) == 2
