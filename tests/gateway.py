"""The whole gateway in process, and who calls it: tenants, providers, anybody."""

from __future__ import annotations

import base64
import hmac
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Table, func, select
from starlette.types import ASGIApp, Message

from dispatching import rows_of
from jackfield import app
from jackfield.api.http import Header
from jackfield.clock import now
from jackfield.http_side import http_side
from jackfield.provider_apps import SecretRole, secret_place
from jackfield.settings import Settings
from jackfield.storage.dialects import Prepared
from jackfield.tenants import Tenant

SECRET = "0123456789abcdef0123456789abcdef"
APP_SECRET = "the secret of the operator's app"
VERIFY_TOKEN = "the word for the handshake"
MASTER_KEY = bytes(range(32)).hex()


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever it says
        return msgspec.json.decode(self.body)


@dataclass(frozen=True)
class Client:
    """Somebody who calls the gateway, with the same headers every time."""

    asgi: ASGIApp
    headers: tuple[Header, ...] = ()
    address: str = "192.0.2.1"

    async def get(self, target: str, **headers: str) -> Answer:
        return await self.ask("GET", target, headers=headers)

    async def post(self, target: str, body: object = b"", **headers: str) -> Answer:
        """Send `body`, in two halves: bytes as they are, anything else as JSON."""
        return await self.ask("POST", target, body=body, headers=headers)

    async def ask(
        self,
        method: str,
        target: str,
        *,
        body: object = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        path, _, query = target.partition("?")
        more = [
            (k.replace("_", "-").encode(), v.encode("latin-1")) for k, v in (headers or {}).items()
        ]
        scope: dict[str, Any] = {
            "type": "http",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode("latin-1"),
            "query_string": query.encode("latin-1"),
            "headers": [(b"host", b"gateway.example"), *self.headers, *more],
            "client": (self.address, 50000),
        }
        sent: list[Message] = []
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        half = len(content) // 2
        coming: list[Message] = [
            {"type": "http.request", "body": content[:half], "more_body": True},
            {"type": "http.request", "body": content[half:]},
        ]

        async def receive() -> Message:
            return coming.pop(0)

        async def send(message: Message) -> None:
            sent.append(dict(message))

        await self.asgi(scope, receive, send)
        start, *rest = sent
        return Answer(
            start["status"],
            {k.decode(): v.decode() for k, v in start["headers"]},
            b"".join(message["body"] for message in rest),
        )


@dataclass
class Doors:
    """A gateway that answers and dispatches nothing: `accepts` counts what it would."""

    gateway: app.Gateway
    asgi: ASGIApp = field(init=False)

    def __post_init__(self) -> None:
        self.asgi = http_side(self.gateway)

    def anybody(self, *, address: str = "192.0.2.1") -> Client:
        return Client(self.asgi, address=address)

    async def tenant(self, api_key: str = "acme0001") -> Client:
        """Make a tenant, and return it as a caller."""
        await self.gateway.store.commit(
            self.gateway.tenants.add(Tenant(api_key, f"{api_key} Ltd", now()))
        )
        await self.secret(api_key, SECRET)
        return Client(self.asgi, (basic(api_key, SECRET),))

    async def secret(self, api_key: str, secret: str) -> None:
        """Give a tenant one more generated secret."""
        kind, digest = self.gateway.secrets.hash_generated(secret)
        work = self.gateway.api_secrets.add_api_secret(api_key, kind, digest, now=now())
        assert await self.gateway.store.commit(work)

    def caller(self, api_key: str, secret: str) -> Client:
        """Return whoever calls with this key and secret."""
        return Client(self.asgi, (basic(api_key, secret),))

    async def provider_app(self, name: str = "main", *, for_all: bool = True) -> None:
        """Put a Meta app of the operator's there."""
        given = {
            SecretRole.APP_SECRET: APP_SECRET,
            SecretRole.VERIFY_TOKEN: VERIFY_TOKEN,
        }
        sealed = {
            role: self.gateway.keys.seal(text.encode(), place=secret_place("meta", name, role))
            for role, text in given.items()
        }
        apps, store = self.gateway.provider_apps, self.gateway.store
        assert await store.commit(apps.add("meta", name, sealed=sealed, now=now()))
        found = await store.read(apps.find("meta", name))
        if for_all and found is not None:
            await store.commit(apps.grant_all(found.id))

    async def webhook(self, document: object, *, name: str = "main") -> Answer:
        """Let Meta post a document, signed."""
        body = msgspec.json.encode(document)
        headers = {"x-hub-signature-256": signature(body)}
        path = f"/webhooks/meta/{name}"
        return await self.anybody().ask("POST", path, body=body, headers=headers)

    async def count(self, table: Table, **members: object) -> int:
        """Return how many rows of a table have these values."""
        wanted = [table.c[name] == value for name, value in members.items()]
        counting = Prepared(select(func.count()).select_from(table).where(*wanted))
        rows = await self.gateway.store.read(rows_of(counting))
        return int(rows[0][0])


@asynccontextmanager
async def opened(database_url: str, **settings: str) -> AsyncIterator[Doors]:
    """Build the gateway on a database; `settings` are variables in lower case."""
    given = {"database_url": database_url, "master_key": MASTER_KEY} | settings
    environ = {f"JACKFIELD_{name.upper()}": value for name, value in given.items()}
    gateway = await app.build(Settings.from_environment(environ))
    try:
        yield Doors(gateway)
    finally:
        await gateway.close()


def basic(api_key: str, secret: str) -> Header:
    """Return the header of a caller with a key and a secret."""
    pair = base64.b64encode(f"{api_key}:{secret}".encode())
    return b"authorization", b"Basic " + pair


def signature(body: bytes, *, secret: str = APP_SECRET) -> str:
    """Return what Meta puts into `X-Hub-Signature-256`."""
    return "sha256=" + hmac.new(secret.encode(), body, "sha256").hexdigest()


@cache
def public_key(*, bits: int = 2048) -> str:
    """Return an RSA key in PEM, made once."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=bits).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


async def application(caller: Client, **messages: object) -> str:
    """Make an application that hears messages, and return its id."""
    body = {
        "name": "Desk",
        "keys": {"public_key": public_key()},
        "capabilities": {"messages": messages},
    }
    answer = await caller.post("/v2/applications", body)
    assert answer.status == 201
    return str(answer.json["id"])
