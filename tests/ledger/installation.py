"""One installation as its operator has it, furnished once and copied for every account."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM
from typing import Any

from ledger.applications import Applications
from ledger.programs import Program, WarmParent
from ledger.traffic import PAGES, Page
from system.installation import APP_SECRET, VERIFY_TOKEN, Client
from system.installation import Installation as Environment

TENANTS = {"red": "acme", "green": "acme", "blue": "globex"}
"""Whose each application is."""


@dataclass(eq=False)
class Gateway:
    """A running `jackfield serve`."""

    program: Program
    url: str


@dataclass
class Tenant:
    """What a tenant was told when it was made, or when its secret was changed."""

    api_key: str
    api_secret: str
    secrets: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Installation:
    """A data directory, a database, and who was made there."""

    warm: WarmParent
    directory: Path
    database_url: str
    environ: Mapping[str, str] = field(default_factory=dict)
    defect: str | None = None
    is_cold: bool = False
    """Whether gateways start as strangers to the warm parent, at the price of a second each."""
    tenants: dict[str, Tenant] = field(default_factory=dict)
    applications: dict[str, str] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """Where its programs log."""
        return self.directory / "log"

    @property
    def file(self) -> Path:
        """The database's file, on SQLite."""
        return Path(self.database_url.removeprefix("sqlite:///"))

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of every program of this installation."""
        ours = {"JACKFIELD_OWNERSHIP": "trust", **self.environ}
        return Environment(self.directory / "data", self.database_url, ours).environment(**more)

    async def command(self, *arguments: str) -> Any:  # noqa: ANN401 -- whatever JSON it prints
        """Run one command and return the JSON document that it prints."""
        program = await self.warm.run(
            *arguments, "--json", environ=self.environment(), log=self.log
        )
        printed = await program.output.read()
        ended = await program.ended()
        assert ended == 0, self.log.read_text()[-2000:]
        return json.loads(printed)

    async def serve(self, *, defect: str | None = None, **environ: str) -> Gateway:
        """Start the gateway; return it when it answers. One that dies first has no URL."""
        program = await self.warm.run(
            "serve",
            "--port",
            "0",
            environ=self.environment(**environ),
            log=self.log,
            defect=defect,
            is_cold=self.is_cold,
        )
        async with asyncio.timeout(60):
            line = (await program.output.readline()).decode()
        url = next((word for word in line.split() if word.startswith("http")), "")
        return Gateway(program, url.rstrip("/.,"))

    def client(self, gateway: Gateway, tenant: str) -> Client:
        """Return a tenant's program that calls the gateway."""
        known = self.tenants[tenant]
        return Client(gateway, known.api_key, known.api_secret)  # type: ignore[arg-type] # its URL is asked

    async def furnish(self, receivers: Applications) -> None:
        """Make the provider app, the tenants, their applications and their pages."""
        given = ["--app-secret", APP_SECRET, "--verify-token", VERIFY_TOKEN]
        await self.command("provider-apps", "add", "meta", "shared", *given)
        await self.command("provider-apps", "grant", "shared", "--all")
        for name in ("acme", "globex"):
            made = await self.command("tenants", "create", name)
            secret = (made["signature_secret"], made["webhook_secret"])
            self.tenants[name] = Tenant(made["api_key"], made["api_secret"], [secret])
        gateway = await self.serve()
        for name, tenant in TENANTS.items():
            client = self.client(gateway, tenant)
            self.applications[name] = await client.application(receivers.url(name))
        for page in PAGES:
            await self._register(gateway, page)
        gateway.program.signal(SIGTERM)
        assert await gateway.program.ended() == 0, self.log.read_text()[-2000:]

    async def _register(self, gateway: Gateway, page: Page) -> None:
        is_linked = page.application is not None and not page.is_linked_later
        token = "token-of-a-page"
        wanted: dict[str, object] = {
            "external_id": page.external_id,
            "applications": [self.applications[page.application or ""]] if is_linked else [],
        }
        if page.provider == "messenger":
            wanted["access_token"] = token
        else:
            wanted["credentials"] = {"phone_number_id": page.routing_key, "access_token": token}
        path = f"/beta/chatapp-accounts/{page.provider}"
        status, made = await self.client(gateway, page.tenant).call("POST", path, wanted)
        assert status == 201, made

    async def link(self, gateway: Gateway, page: Page) -> bool:
        """Link a page as its owner would; return whether it is linked now."""
        path = f"/beta/chatapp-accounts/{page.provider}/{page.external_id}/applications"
        wanted = {"application": self.applications[page.application or ""]}
        status, _ = await self.client(gateway, page.tenant).call("POST", path, wanted)
        return status in {200, 409}  # 409: an answer that was lost said that it is

    async def rotate(self, tenant: str) -> None:
        """Give a tenant a new signature secret; the one before it stays good."""
        known = self.tenants[tenant]
        told = await self.command("tenants", "signature", "rotate", known.api_key)
        known.secrets.insert(0, (told["signature_secret"], told["webhook_secret"]))

    def secrets(self) -> dict[str, list[tuple[str, str]]]:
        """Return the signature secrets that each application knows, the newest first."""
        return {
            name: self.tenants[tenant].secrets
            for name, tenant in TENANTS.items()
            if tenant in self.tenants
        }
