"""Sets the demo's stage: a tenant, an application, a Page that is linked, a number that is not.

Everything is made through the operator's commands and the API, so it obeys every rule there is.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from typing import Any

from jackfield import ids
from jackfield.app import Gateway
from jackfield.console.commands import create_tenant
from jackfield.console.orders import AddProviderApp, CreateTenant, GrantProviderApp
from jackfield.console.provider_apps import add_provider_app, grant_provider_app
from jackfield.problems import Unavailable
from jackfield.provider_apps import ProviderAppKind, SecretRole
from jackfield.sandbox import demo_file
from jackfield.sandbox.calls import Answer, Call
from jackfield.sandbox.demo_file import DemoFile

_ACCOUNTS = "/beta/chatapp-accounts"


async def prepare(
    gateway: Gateway,
    earlier: DemoFile | None,
    *,
    url: str,
    receiver_url: str,
) -> DemoFile:
    """Return the demo to show: the earlier one where it still works, else one made anew.

    An application's URL cannot change yet, so a receiver on another port needs a new world. Raises
    Unavailable when the gateway at `url` refuses what the demo asks of it.
    """
    directory = gateway.settings.data
    if earlier is not None and earlier.receiver_url == receiver_url and earlier.is_complete:
        demo = _moved(earlier, url)
        if (await _call(demo, "GET", _ACCOUNTS)).status == 200:
            demo_file.save(demo, directory)
            return demo
    demo = _new_world(0 if earlier is None else earlier.edition + 1, url, receiver_url)
    # Kept before anything is made: an attempt that is cut short is never mistaken for a demo.
    demo_file.save(demo, directory)
    await _make_operators_part(gateway, demo)
    await _make_tenants_part(demo)
    demo_file.save(demo, directory)
    return demo


async def is_number_linked(demo: DemoFile) -> bool:
    """Return whether somebody has linked the demo's number."""
    path = f"{_ACCOUNTS}/whatsapp/{demo.number}"
    return bool(json.loads((await _call(demo, "GET", path)).body).get("applications"))


def _moved(demo: DemoFile, url: str) -> DemoFile:
    demo.url = url
    return demo


def _new_world(edition: int, url: str, receiver_url: str) -> DemoFile:
    """Return a demo whose accounts no earlier edition has. All numbers are invented."""
    return DemoFile(
        edition=edition,
        url=url,
        receiver_url=receiver_url,
        page_id=str(200_000_000_000_002 + edition),
        number=str(447_700_900_123 + edition),
        phone_number_id=str(106_000_000_000_001 + edition),
        waba_id="102000000000001",
        person_at_messenger="700000000000007",
        person_at_whatsapp="447700900456",
        provider_app=f"demo-{edition + 1}",
        app_secret=secrets.token_hex(16),
    )


async def _make_operators_part(gateway: Gateway, demo: DemoFile) -> None:
    tenant = await create_tenant(gateway, CreateTenant(name="Demo"))
    demo.api_key = tenant.api_key
    demo.api_secret = tenant.api_secret
    demo.signature_secret = tenant.signature_secret
    demo.webhook_secret = tenant.webhook_secret
    app = await add_provider_app(
        gateway,
        AddProviderApp(
            kind=ProviderAppKind.META,
            name=demo.provider_app,
            secrets={
                SecretRole.APP_SECRET: demo.app_secret,
                SecretRole.VERIFY_TOKEN: ids.secret(),
            },
        ),
    )
    demo.webhook_path = app.webhook_path or ""
    grant = GrantProviderApp(name=demo.provider_app, api_key=demo.api_key)
    await grant_provider_app(gateway, grant)


async def _make_tenants_part(demo: DemoFile) -> None:
    inbound = {"address": f"{demo.receiver_url}/inbound", "http_method": "POST"}
    application = await _made(
        demo,
        "/v2/applications",
        {
            "name": "Demo receiver",
            "capabilities": {"messages": {"version": "v1", "webhooks": {"inbound_url": inbound}}},
        },
    )
    page = {
        "external_id": demo.page_id,
        "name": "Demo Page",
        "access_token": "a-demo-has-no-token",
        "applications": [application["id"]],
    }
    number = {
        "external_id": demo.number,
        "name": "Demo number",
        "credentials": {
            "phone_number_id": demo.phone_number_id,
            "waba_id": demo.waba_id,
            "access_token": "a-demo-has-no-token",
        },
    }
    await _made(demo, f"{_ACCOUNTS}/messenger", page)
    await _made(demo, f"{_ACCOUNTS}/whatsapp", number)
    demo.application_id = application["id"]


async def _made(demo: DemoFile, path: str, document: dict[str, Any]) -> dict[str, Any]:
    answer = await _call(demo, "POST", path, document)
    if answer.status not in {200, 201}:
        raise Unavailable(
            f"The demo could not be prepared: POST {path} was answered {answer.status} "
            f"{answer.body.decode(errors='replace')}",
        )
    made: dict[str, Any] = json.loads(answer.body)
    return made


async def _call(
    demo: DemoFile,
    method: str,
    path: str,
    document: dict[str, Any] | None = None,
) -> Answer:
    user = base64.b64encode(f"{demo.api_key}:{demo.api_secret}".encode()).decode()
    call = Call(
        method=method,
        url=demo.url + path,
        headers={"Authorization": f"Basic {user}", "Content-Type": "application/json"},
        body=None if document is None else json.dumps(document).encode(),
    )
    return await asyncio.to_thread(call.send)
