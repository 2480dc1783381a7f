"""Lets Schemathesis ask as a caller would: webhooks are signed, a request has its own key."""

from __future__ import annotations

import hmac
import itertools
import os
from collections.abc import MutableMapping
from typing import Any

import requests
import schemathesis

SIGNATURE = "X-Hub-Signature-256"
KEY = "Idempotency-Key"

_numbers = itertools.count(1)


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext,
    case: schemathesis.Case[Any],
    kwargs: dict[str, Any],
) -> None:
    """Sign it, unless it is the missing signature that is tried; give it a key of its own.

    Otherwise one key would stand for everything, and all but the first request be refused. Every
    fourth stays as it is, so that a key comes again too.
    """
    headers: MutableMapping[str, Any] = case.headers or {}
    if case.operation.label.startswith("POST /webhooks/") and SIGNATURE in headers:
        kwargs["auth"] = _signed
    number = next(_numbers)
    if headers.get(KEY) and number % 4:
        headers[KEY] = f"request-{number}"


def _signed(request: requests.PreparedRequest) -> requests.PreparedRequest:
    body = request.body or b""
    content = body.encode() if isinstance(body, str) else body
    assert isinstance(content, bytes)
    digest = hmac.digest(os.environ["APP_SECRET"].encode(), content, "sha256").hex()
    request.headers[SIGNATURE] = f"sha256={digest}"
    return request
