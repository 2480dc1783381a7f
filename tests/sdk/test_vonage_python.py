"""The publisher's own Python SDK, unmodified, over TLS: it cannot tell the difference."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from vonage import Auth, HttpClientOptions, Vonage
from vonage_application import ApplicationConfig, Capabilities
from vonage_application.common import ApplicationUrl, Messages, MessagesWebhooks
from vonage_http_client import HttpClient
from vonage_http_client.errors import (
    AuthenticationError,
    ForbiddenError,
    HttpRequestError,
    NotFoundError,
)

from system.installation import Installation

ACCOUNTS = "/beta/chatapp-accounts"


@dataclass
class Program:
    """A tenant's program that uses the SDK."""

    host: str
    api_key: str
    api_secret: str

    def client(self, *, application: tuple[str, str] | None = None) -> Vonage:
        """Return the SDK's client, with an application's id and key where it signs tokens."""
        identity = {"api_key": self.api_key, "api_secret": self.api_secret}
        if application is not None:
            identity |= {"application_id": application[0], "private_key": application[1]}
        return Vonage(Auth(**identity), HttpClientOptions(api_host=self.host, max_retries=0))


@pytest.fixture
async def program(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Program]:
    installation = Installation(tmp_path, sqlite_url, {"JACKFIELD_OWNERSHIP": "trust"})
    made = await installation.command("tenants", "create", "Acme")
    async with installation.serving("--tls") as gateway:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "tls" / "ca.pem"))
        host = f"localhost:{urlsplit(gateway.url).port}"
        yield Program(host, made["api_key"], made["api_secret"])


def wanted(name: str = "Desk") -> ApplicationConfig:
    url = ApplicationUrl(address="https://desk.example/in", http_method="POST")
    webhooks = MessagesWebhooks(inbound_url=url, status_url=url)
    return ApplicationConfig(
        name=name, capabilities=Capabilities(messages=Messages(webhooks=webhooks, version="v1"))
    )


async def test_applications_are_made_listed_changed_and_deleted(program: Program) -> None:
    def use() -> None:
        applications = program.client().application
        made = applications.create_application(wanted())
        assert made.id is not None
        assert made.keys is not None
        assert made.keys.private_key is not None
        assert applications.get_application(made.id).name == "Desk"
        listed, following = applications.list_applications()
        assert ([each.id for each in listed], following) == ([made.id], None)
        assert applications.update_application(made.id, wanted("Counter")).name == "Counter"
        applications.delete_application(made.id)
        with pytest.raises(NotFoundError):
            applications.get_application(made.id)

    await asyncio.to_thread(use)


ACCOUNTS_OF: dict[str, dict[str, object]] = {
    "messenger": {"external_id": "12345678", "access_token": "a-token", "name": "Shop"},
    "whatsapp": {
        "external_id": "447700900123",
        "credentials": {"phone_number_id": "1060001"},
        "name": "Shop",
    },
    "viber_service_msg": {
        "external_id": "shop",
        "credentials": {"connector": "bot", "auth_token": "a-token"},
        "name": "Shop",
    },
}


@dataclass
class Accounts:
    """The SDK has no word for accounts: its general helpers are used, with one scheme."""

    http: HttpClient
    host: str
    scheme: str

    def post(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        return dict(self.http.post(self.host, ACCOUNTS + path, body, self.scheme) or {})

    def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        return dict(self.http.get(self.host, ACCOUNTS + path, query, self.scheme) or {})

    def patch(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        return dict(self.http.patch(self.host, ACCOUNTS + path, body, self.scheme) or {})

    def delete(self, path: str) -> None:
        assert self.http.delete(self.host, ACCOUNTS + path, None, self.scheme) is None


@pytest.mark.parametrize("scheme", ["basic", "jwt"])
async def test_every_operation_on_accounts_answers(program: Program, scheme: str) -> None:
    def use() -> None:
        made = program.client().application.create_application(wanted())
        assert made.keys is not None
        desk, key = str(made.id), str(made.keys.private_key)
        client = program.client(application=(desk, key))
        accounts = Accounts(client.http_client, program.host, scheme)

        for provider, body in ACCOUNTS_OF.items():
            use_one(accounts, provider, body, desk=desk)

        assert len(accounts.get("/")["_embedded"]) == len(ACCOUNTS_OF)
        assert accounts.get("")["page_size"] == 20
        second = accounts.get("", {"page_size": "2", "page_number": "2"})
        assert [one["provider"] for one in second["_embedded"]] == ["viber_service_msg"]
        for provider, body in ACCOUNTS_OF.items():
            found = accounts.get("", {"provider": provider})["_embedded"]
            assert [one["external_id"] for one in found] == [body["external_id"]]
            accounts.delete(f"/{provider}/{body['external_id']}")
            with pytest.raises(NotFoundError):
                accounts.get(f"/{provider}/{body['external_id']}")
        with pytest.raises(NotFoundError):
            accounts.get("/rcs/nobody")

    await asyncio.to_thread(use)


def use_one(accounts: Accounts, provider: str, body: Mapping[str, object], *, desk: str) -> None:
    """Make an account, change it, link it and unlink it, and hear what is refused."""
    one = f"/{provider}/{body['external_id']}"
    assert accounts.post(f"/{provider}", body)["provider"] == provider
    with pytest.raises(HttpRequestError, match="external_id"):
        accounts.post(f"/{provider}", body)
    assert accounts.get(one)["name"] == "Shop"
    assert ("access_token" in accounts.get(one)) == (provider == "messenger")
    assert accounts.patch(one, {"name": "Till"})["name"] == "Till"
    link = {"application": desk}
    assert accounts.post(f"{one}/applications", link)["applications"] == [desk]
    with pytest.raises(HttpRequestError, match="Unable to link application"):
        accounts.post(f"{one}/applications", link)
    accounts.delete(f"{one}/applications/{desk}")
    with pytest.raises(HttpRequestError, match="Unable to unlink application"):
        accounts.delete(f"{one}/applications/{desk}")
    with pytest.raises(ForbiddenError):
        accounts.post(f"{one}/applications", {"application": "unknown"})


async def test_wrong_secrets_are_refused_in_the_sdks_own_words(program: Program) -> None:
    def use() -> None:
        stranger = Program(program.host, program.api_key, "wrong").client()
        with pytest.raises(AuthenticationError):
            stranger.application.list_applications()

    await asyncio.to_thread(use)
