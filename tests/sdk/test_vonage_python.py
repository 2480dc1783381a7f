"""The publisher's own Python SDK, unmodified, over TLS: it cannot tell the difference."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from vonage import Auth, HttpClientOptions, Vonage
from vonage_application import ApplicationConfig, Capabilities
from vonage_application.common import ApplicationUrl, Messages, MessagesWebhooks
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


@pytest.mark.parametrize("scheme", ["basic", "jwt"])
async def test_every_operation_on_accounts_answers(program: Program, scheme: str) -> None:
    def use() -> None:
        made = program.client().application.create_application(wanted())
        assert made.keys is not None
        key = str(made.keys.private_key)
        http = program.client(application=(str(made.id), key)).http_client
        page = {"external_id": "12345678", "access_token": "a-token", "name": "Shop"}
        number = {"external_id": "447700900123", "credentials": {"phone_number_id": "1060001"}}
        link = f"{ACCOUNTS}/messenger/12345678/applications"

        def post(path: str, body: Mapping[str, object]) -> dict[str, object]:
            return dict(http.post(program.host, path, body, scheme) or {})

        def get(path: str) -> dict[str, object]:
            return dict(http.get(program.host, path, None, scheme) or {})

        assert post(f"{ACCOUNTS}/messenger", page)["provider"] == "messenger"
        assert post(f"{ACCOUNTS}/whatsapp", number)["provider"] == "whatsapp"
        assert len(list(get(f"{ACCOUNTS}/")["_embedded"])) == 2  # type: ignore[call-overload] # JSON
        assert get(ACCOUNTS)["page_size"] == 20
        assert get(f"{ACCOUNTS}/messenger/12345678")["name"] == "Shop"
        assert "access_token" not in get(f"{ACCOUNTS}/whatsapp/447700900123")
        with pytest.raises(NotFoundError):
            get(f"{ACCOUNTS}/viber_service_msg/nobody")
        changed = http.patch(
            program.host, f"{ACCOUNTS}/messenger/12345678", {"name": "Till"}, scheme
        )
        assert changed["name"] == "Till"
        assert post(link, {"application": str(made.id)})["applications"] == [made.id]
        with pytest.raises(HttpRequestError, match="Unable to link application"):
            post(link, {"application": str(made.id)})
        with pytest.raises(ForbiddenError):
            post(f"{ACCOUNTS}/whatsapp/447700900123/applications", {"application": "unknown"})
        assert http.delete(program.host, f"{link}/{made.id}", None, scheme) is None
        assert http.delete(program.host, f"{ACCOUNTS}/messenger/12345678", None, scheme) is None

    await asyncio.to_thread(use)


async def test_wrong_secrets_are_refused_in_the_sdks_own_words(program: Program) -> None:
    def use() -> None:
        stranger = Program(program.host, program.api_key, "wrong").client()
        with pytest.raises(AuthenticationError):
            stranger.application.list_applications()

    await asyncio.to_thread(use)
