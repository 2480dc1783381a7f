"""Signs what Schemathesis sends to a provider's webhook, as the provider would."""

from __future__ import annotations

import hmac
import os
from typing import Any

import requests
import schemathesis

HEADER = "X-Hub-Signature-256"


@schemathesis.hook
def before_call(
    context: schemathesis.HookContext,
    case: schemathesis.Case[Any],
    kwargs: dict[str, Any],
) -> None:
    """Sign it, unless it is the missing signature that is tried."""
    if case.operation.label.startswith("POST /webhooks/") and HEADER in (case.headers or {}):
        kwargs["auth"] = _signed


def _signed(request: requests.PreparedRequest) -> requests.PreparedRequest:
    body = request.body or b""
    content = body.encode() if isinstance(body, str) else body
    assert isinstance(content, bytes)
    digest = hmac.digest(os.environ["APP_SECRET"].encode(), content, "sha256").hex()
    request.headers[HEADER] = f"sha256={digest}"
    return request
