"""What a URL must look like to be used at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from jackfield.egress import check_url
from jackfield.egress.urls import URL_LIMIT, parse


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example/inbound",
        "http://app.example",
        "HTTPS://APP.EXAMPLE:8443/a?b=c#d",
        "https://a-b.c_d.example./",
        "https://intranet/hook",
        "https://1password.example/",
        "https://0x7f.example/",
        "https://xn--bcher-kva.example/",
        "https://bücher.example/grüße?q=ü",
        "https://[2606:4700::1111]:8443/",
        "http://127.0.0.1:9000/",
        "https://app.example/a%2Fb?x=%25",
    ],
)
def test_an_ordinary_url_may_be_used(url: str) -> None:
    assert check_url(url) is None


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("", "http://"),
        ("app.example", "http://"),
        ("//app.example/", "http://"),
        ("ftp://app.example/", "http://"),
        ("file:///etc/passwd", "http://"),
        ("javascript:alert(1)", "http://"),
        ("https://", "no host"),
        ("https:///path", "no host"),
        ("http:app.example", "no host"),
        ("https://user@app.example/", "password"),
        ("https://user:word@app.example/", "password"),
        ("https://:word@app.example/", "password"),
        ("https://app.example:0/", "port"),
        ("https://app.example:65536/", "read"),
        ("https://app.example:port/", "read"),
        ("https://app.example /", "space"),
        ("https://app.example/a b", "space"),
        ("https://app.example/\r\nX: y", "space"),
        ("https://app.example\\@other.example/", "space"),
        ("https://[::1/", "read"),
        ("https://[fe80::1%25eth0]/", "host"),
        ("https://2130706433/", "host"),
        ("https://127.1/", "host"),
        ("https://0177.0.0.1/", "host"),
        ("https://0x7f.1/", "host"),
        ("https://a.0x7f/", "host"),
        ("https://127.0.0.1./", "host"),
        ("https://256.1.1.1/", "host"),
        ("https://a..example/", "host"),
        ("https://-a.example/", "host"),
        ("https://" + "a" * 64 + ".example/", "host"),
        ("https://" + "a." * 127 + "example/", "host"),
        ("https://app.example/" + "a" * URL_LIMIT, "longer"),
    ],
)
def test_a_url_that_can_never_be_used_is_explained(url: str, word: str) -> None:
    reason = check_url(url)

    assert reason is not None
    assert word in reason


@given(st.text() | st.text().map("https://".__add__) | st.text().map("http://a.example".__add__))
def test_every_text_is_a_url_or_has_a_reason(url: str) -> None:
    target = parse(url)

    assert isinstance(target, URL) == (check_url(url) is None)


def test_a_reason_does_not_repeat_what_may_be_secret() -> None:
    assert "hunter2" not in (check_url("https://user:hunter2@app.example/?token=hunter2") or "")
