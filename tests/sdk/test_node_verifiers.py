"""Two libraries for Node verify what we sign, under each secret of a rotation, and no more."""

from __future__ import annotations

import json
import subprocess
from base64 import b64encode
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from at_hand import missing
from jackfield.clock import now
from jackfield.delivery.signing import signed_headers, webhook_secret
from sdk.test_vonage_node import HERE, node

texts = st.text(st.characters(codec="utf-8"))
secrets = st.text(st.characters(codec="utf-8"), min_size=32, max_size=100)
bodies = st.dictionaries(texts, texts).map(lambda value: json.dumps(value).encode())


@pytest.fixture(scope="module")
def verifiers() -> Iterator[subprocess.Popen[bytes]]:
    executable = node()
    for library in ("standardwebhooks", "svix"):
        if not (HERE / "node_modules" / library).exists():
            missing(f"no {library}: npm install --no-package-lock --prefix tests/sdk/node")
    process = subprocess.Popen(  # noqa: S603 -- our own program
        [executable, "verify.js"], cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        yield process
        process.kill()


def verdicts(
    process: subprocess.Popen[bytes],
    *,
    signed: Sequence[str],
    secret: str,
    body: bytes,
    sent: bytes,
) -> list[bool]:
    """Return what each library says of `sent` under the headers of `body`."""
    headers = signed_headers(
        body,
        delivery_id="0190b7a4-5c3e-7d21-9b1f-2f6f6f0a1c55",
        secrets=signed,
        api_key="a1b2c3d4",
        application_id=None,
        now=now(),
        token_id="4f2d4b8e-0a0e-4c55-8b0e-5d8f3b1f2a10",
    )
    webhook = {
        "secret": webhook_secret(secret),
        "body": b64encode(sent).decode(),
        "headers": {name: value for name, value in headers.items() if name != "Authorization"},
    }
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(webhook).encode() + b"\n")
    process.stdin.flush()
    found: list[bool] = json.loads(process.stdout.readline())
    return found


@settings(deadline=None, max_examples=200)
@given(body=bodies, newest=secrets, older=secrets)
def test_they_verify_any_body_under_both_secrets_of_a_rotation(
    verifiers: subprocess.Popen[bytes], body: bytes, newest: str, older: str
) -> None:
    signed = [newest, older]

    said = [
        verdicts(verifiers, signed=signed, secret=secret, body=body, sent=body)
        for secret in signed
    ]

    assert said == [[True, True], [True, True]]


def test_they_refuse_another_secret_and_another_body(verifiers: subprocess.Popen[bytes]) -> None:
    ours, body = "our-signature-secret-of-forty-characters", b'{"text":"hello"}'

    stranger = verdicts(verifiers, signed=[ours], secret=ours[::-1], body=body, sent=body)
    changed = verdicts(verifiers, signed=[ours], secret=ours, body=body, sent=b'{"text":"hi"}')

    assert (stranger, changed) == ([False, False], [False, False])
