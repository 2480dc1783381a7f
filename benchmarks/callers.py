"""Who calls in a benchmark: an application with tokens, and what it asks."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmarks import load
from benchmarks.servers import BASIC, PAGE, Server

ACCOUNTS = "/beta/chatapp-accounts"


@dataclass(frozen=True, slots=True)
class Application:
    """An application of the benchmark's tenant, and the key it signs its tokens with."""

    id: str
    key: rsa.RSAPrivateKey

    def bearer(self) -> dict[str, str]:
        """Return the header with a token that nobody saw before."""
        # `jackfield token` reads its key from a file each time, which takes 50 ms.
        claims = {"application_id": self.id, "iat": int(time.time()), "jti": str(uuid.uuid4())}
        token = jwt.encode(claims, self.key, algorithm="RS256")
        return {"Authorization": f"Bearer {token}"}


def application(ours: Server, *, url: str = "") -> Application:
    """Make an application that hears messages at `url`, if it has one, and may call."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    wanted: dict[str, object] = {"name": "Bench", "keys": {"public_key": public.decode()}}
    if url:
        address = {"address": url, "http_method": "POST"}
        webhooks = {"inbound_url": address, "status_url": address}
        wanted["capabilities"] = {"messages": {"webhooks": webhooks}}
    status, body = ours.call("POST", "/v2/applications", wanted)
    assert status == 201, body
    return Application(json.loads(body)["id"], key)


def account(ours: Server, external_id: str, *, linked_to: Sequence[str] = ()) -> None:
    """Make one account of the benchmark's tenant."""
    wanted = {
        "external_id": external_id,
        "access_token": "a-token",
        "applications": list(linked_to),
    }
    status, body = ours.call("POST", f"{ACCOUNTS}/messenger", wanted)
    assert status == 201, body


def show(external_id: str = PAGE, *, headers: dict[str, str] | None = None) -> bytes:
    """Return the request for one account."""
    return load.request("GET", f"{ACCOUNTS}/messenger/{external_id}", headers=headers or BASIC)


def listing(*, headers: dict[str, str] | None = None) -> bytes:
    """Return the request for the first twenty accounts."""
    return load.request("GET", f"{ACCOUNTS}?page_size=20", headers=headers or BASIC)
