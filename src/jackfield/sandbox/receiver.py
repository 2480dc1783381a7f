"""An application that receives: checks both signatures, keeps the last messages, shows them."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from jackfield import clock as wall_clock
from jackfield.clock import Clock
from jackfield.sandbox import proof

KEPT = 200
"""Messages that are kept, in memory only."""

_BODY_LIMIT = 1 << 20
_SHOWN_BODY = 16 * 1024
_LOOPBACK = ["127.0.0.1", "localhost", "[::1]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One message as it last arrived. `vonage` and `standard` are "ok", or what is wrong."""

    number: int
    at: int
    webhook_id: str
    times: int
    channel: str
    sender: str
    account: str
    kind: str
    text: str
    body: str
    vonage: str
    standard: str

    @property
    def is_proved(self) -> bool:
        """Whether both signatures are right."""
        return self.vonage == proof.OK == self.standard


class Receiver:
    """What arrived lately, at most `KEPT` messages."""

    def __init__(
        self,
        *,
        arrived: Callable[[Received], None],
        clock: Clock = wall_clock.now,
    ) -> None:
        """`arrived` is told of each message as it comes, the repeated ones too."""
        self._signature_secret = ""
        self._webhook_secret = ""
        self._arrived = arrived
        self._clock = clock
        self._kept: OrderedDict[str, Received] = OrderedDict()
        self._count = 0

    def expect(self, signature_secret: str, webhook_secret: str) -> None:
        """Take the secrets that prove a message; until then none can be proved."""
        self._signature_secret = signature_secret
        self._webhook_secret = webhook_secret

    def app(self) -> Starlette:
        """Return the ASGI application: `POST /inbound`, the page at `/`, `GET /messages`.

        It answers loopback names only, so that no web page can read it through a name of its
        own that leads here.
        """
        return Starlette(
            routes=[
                Route("/", _page),
                Route("/inbound", self._inbound, methods=["POST"]),
                Route("/messages", self._messages),
            ],
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=_LOOPBACK)],
        )

    async def _inbound(self, request: Request) -> Response:
        if not self._signature_secret:
            return Response(status_code=503)
        body = await _body(request)
        if body is None:
            return Response(status_code=413)
        received = self._keep(request, body)
        self._arrived(received)
        # As an application should: what nobody proved is refused.
        return Response(status_code=200 if received.is_proved else 401)

    def _keep(self, request: Request, body: bytes) -> Received:
        self._count += 1
        now = self._clock()
        received = Received(
            number=self._count,
            at=now,
            webhook_id=request.headers.get("webhook-id", f"none {self._count}"),
            times=1,
            **_shown(body),
            vonage=proof.vonage_token(
                request.headers,
                body,
                signature_secret=self._signature_secret,
                now=now,
            ),
            standard=proof.standard_webhook(
                request.headers,
                body,
                webhook_secret=self._webhook_secret,
                now=now,
            ),
        )
        earlier = self._kept.pop(received.webhook_id, None)
        if earlier is not None:
            # At least once is what is promised, and the id is how a receiver tells.
            received = replace(received, times=earlier.times + 1)
        self._kept[received.webhook_id] = received
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return received

    async def _messages(self, request: Request) -> Response:
        text = request.query_params.get("after", "")
        after = int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else 0
        messages = [asdict(each) for each in self._kept.values() if each.number > after]
        return JSONResponse({"messages": messages}, headers={"Cache-Control": "no-store"})


def _shown(body: bytes) -> dict[str, str]:
    """Return what the page shows of a version 1 webhook; of another, only its body."""
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError):  # whoever posts may nest as deep as they like
        document = None
    if not isinstance(document, dict):
        document = {}
    text = body[:_SHOWN_BODY].decode(errors="replace")
    members = {"channel": "channel", "sender": "from", "account": "to", "kind": "message_type"}
    shown = {ours: str(document.get(theirs, "")) for ours, theirs in members.items()}
    return {**shown, "text": str(document.get("text", "")), "body": text}


async def _body(request: Request) -> bytes | None:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_LIMIT:
            return None
    return body


async def _page(_: Request) -> Response:
    return HTMLResponse(_PAGE, headers=_PAGE_HEADERS)


def _hash_of(element: str) -> str:
    found = re.search(rf"<{element}>(.*?)</{element}>", _PAGE, re.DOTALL)
    text = found[1] if found else ""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_PAGE = files("jackfield.sandbox").joinpath("receiver.html").read_text(encoding="utf-8")
_PAGE_HEADERS = {
    # Only the page's own style and script run, whatever a message says.
    "Content-Security-Policy": (
        f"default-src 'none'; script-src {_hash_of('script')}; style-src {_hash_of('style')}; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
