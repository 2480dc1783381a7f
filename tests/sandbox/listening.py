"""The receiver as a gateway and a browser meet it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from jackfield import clock, ids
from jackfield.delivery.signing import signed_headers
from jackfield.sandbox.calls import Answer, Call
from jackfield.sandbox.receiver import Received, Receiver

SECRET = "f" * 64


@dataclass
class Page:
    """A receiver that listens, and a gateway that posts to it."""

    url: str
    receiver: Receiver
    arrived: list[Received]

    async def hear(self, body: bytes, *, webhook_id: str | None = None) -> int:
        """Post `body` signed as the gateway signs; return the status."""
        headers = signed_headers(
            body,
            delivery_id=webhook_id or ids.uuid7(),
            secrets=[SECRET],
            api_key="abcd1234",
            application_id=None,
            now=clock.now(),
            token_id=ids.uuid7(),
        )
        return (await self.call("POST", "/inbound", body=body, **headers)).status

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        **headers: str,
    ) -> Answer:
        """Call the receiver; a header's name may be written with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        call = Call(method=method, url=self.url + path, headers=named, body=body)
        return await asyncio.to_thread(call.send)
