"""The receiver's page as a browser shows it, whatever a message says."""

from __future__ import annotations

import asyncio
import html
import json
import re
from pathlib import Path

import pytest

from at_hand import program
from sandbox.listening import Page

HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script> & é'


@pytest.fixture
def chromium() -> str:
    """The browser, where there is one."""
    return program("chromium", "chromium-browser", "google-chrome", package="chromium")


async def dom(chromium: str, url: str, profile: Path) -> str:
    """Return the page as it is after a few seconds of its own time."""
    process = await asyncio.create_subprocess_exec(
        chromium,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={profile}",
        "--virtual-time-budget=3000",
        "--dump-dom",
        url,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    out, _ = await process.communicate()
    return out.decode()


@pytest.mark.slow
async def test_a_message_appears_as_text_with_both_signatures_ok(
    page: Page,
    chromium: str,
    tmp_path: Path,
) -> None:
    message = {"channel": "messenger", "from": "7", "to": "2", "text": HOSTILE}
    await page.hear(json.dumps(message).encode())

    shown = await dom(chromium, page.url, tmp_path)

    assert html.escape(HOSTILE, quote=False) in shown
    assert len(re.findall("signature ok</span>", shown)) == 2
    assert "<title>Receiver · Jackfield demo</title>" in shown


@pytest.mark.slow
async def test_an_unproved_message_is_not_shown_as_proved(
    page: Page,
    chromium: str,
    tmp_path: Path,
) -> None:
    await page.call("POST", "/inbound", body=b'{"text":"forged"}')

    shown = await dom(chromium, page.url, tmp_path)

    assert "forged" in shown
    assert "signature ok</span>" not in shown
    assert "Vonage token: no token" in shown
