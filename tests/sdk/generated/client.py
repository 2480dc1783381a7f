"""A tenant's program that uses a client made from /openapi.json: every operation, once each way.

What it does not expect ends it. It prints the names of the modules whose operations it called.
"""

from __future__ import annotations

import base64
import importlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

from jackfield_client import AuthenticatedClient, models

ACCOUNTS, APPLICATIONS = "external_accounts", "applications"
URL = {"address": "https://desk.example/in", "http_method": "POST"}
DESK = {"name": "Desk", "capabilities": {"messages": {"webhooks": {"inbound_url": URL}}}}
KINDS: dict[str, tuple[str, str, str, dict[str, object]]] = {
    "messenger": ("messenger", "Messenger", "12345678", {"access_token": "a-token"}),
    "whatsapp": (
        "wa",
        "WA",
        "447700900123",
        {"credentials": {"phone_number_id": "106000000000001"}},
    ),
    "viber_service_msg": (
        "vsm",
        "VSM",
        "shop@viber.example/1",
        {"credentials": {"connector": "bot", "auth_token": "a-token"}},
    ),
    "rcs": (
        "rcs",
        "RCS",
        "shop@agents.example",
        {"credentials": {"connector": "google", "provider_app": "main"}},
    ),
}


@dataclass
class Caller:
    """Somebody who calls with the generated client, and expects a status each time."""

    client: AuthenticatedClient
    called: set[str] = field(default_factory=set)

    def call(self, tag: str, name: str, *path: str, status: int, **more: object) -> Any:  # noqa: ANN401 - what the client made
        """Call one operation, and return what the client made of the answer."""
        module = importlib.import_module(f"jackfield_client.api.{tag}.{name}")
        answer = module.sync_detailed(*path, client=self.client, **more)
        assert answer.status_code == status, (name, answer.status_code, answer.content)
        self.called.add(f"{tag}.{name}")
        return answer.parsed


def use_applications(caller: Caller) -> str:
    """Make, list, show, replace and delete applications; return the id of one that stays."""
    body = models.ApplicationDescription.from_dict(DESK)
    made = caller.call(APPLICATIONS, "create_application", status=201, body=body)
    other = caller.call(APPLICATIONS, "create_application", status=201, body=body)
    assert made.keys.private_key
    everything = caller.call(APPLICATIONS, "list_application", status=200, page_size=100)
    assert [each.id for each in everything.field_embedded.applications][-2:] == [made.id, other.id]
    page = caller.call(APPLICATIONS, "list_application", status=200, page_size=1)
    assert page.total_items == everything.total_items
    assert page.field_links.next_.href
    renamed = models.ApplicationDescription.from_dict(DESK | {"name": "Counter"})
    shown = caller.call(APPLICATIONS, "update_application", str(made.id), status=200, body=renamed)
    assert shown.name == "Counter"
    again = caller.call(APPLICATIONS, "get_application", str(made.id), status=200)
    assert again.capabilities.messages.webhooks.inbound_url.address == URL["address"]
    caller.call(APPLICATIONS, "delete_application", str(other.id), status=204)
    gone = caller.call(APPLICATIONS, "get_application", str(other.id), status=404)
    assert gone.title == "Not Found"
    return str(made.id)


def use_accounts(caller: Caller, application: str) -> None:
    """Do with an account of each kind all that can be done."""
    for provider, (module, name, external_id, opens) in KINDS.items():
        new = getattr(models, f"New{name}Account").from_dict({"external_id": external_id, **opens})
        made = caller.call(ACCOUNTS, f"create_{module}_account", status=201, body=new)
        assert isinstance(made, getattr(models, f"{name}Account"))
        refused = caller.call(ACCOUNTS, f"create_{module}_account", status=400, body=new)
        assert refused.invalid_params[0].name == "external_id"
        change = getattr(models, f"{name}AccountChange").from_dict({"name": "Till"})
        one = (ACCOUNTS, f"update_{module}_account", external_id)
        changed = caller.call(*one, status=200, body=change, if_match='"1"')
        assert changed.name == "Till"
        stale = caller.call(*one, status=412, body=change, if_match='"1"')
        assert stale.title == "Precondition failed"
        link_and_unlink(caller, provider, external_id, application)
        shown = caller.call(ACCOUNTS, f"get_{module}_account", external_id, status=200)
        assert (shown.name, shown.applications) == ("Till", [])
    page = caller.call(ACCOUNTS, "get_all_accounts", status=200, page_size=2)
    assert [each.external_id for each in page.field_embedded] == [k[2] for k in KINDS.values()][:2]
    assert page.field_links.next_.href
    for provider, (module, _, external_id, _) in KINDS.items():
        kind = models.GetAllAccountsProvider(provider)
        page = caller.call(ACCOUNTS, "get_all_accounts", status=200, provider=kind)
        assert [each.external_id for each in page.field_embedded] == [external_id]
        caller.call(ACCOUNTS, f"delete_{module}_account", external_id, status=204)
        caller.call(ACCOUNTS, f"get_{module}_account", external_id, status=404)


def link_and_unlink(caller: Caller, provider: str, external_id: str, application: str) -> None:
    """Link it, hear that it is linked, and unlink it."""
    link = models.Link.from_dict({"application": application})
    to = (models.LinkApplicationProvider(provider), external_id)
    linked = caller.call(ACCOUNTS, "link_application", *to, status=200, body=link)
    assert linked.applications == [application]
    conflict = caller.call(ACCOUNTS, "link_application", *to, status=409, body=link)
    assert conflict.detail == "Unable to link application"
    unlink = "unli_without_applicationnk_application"
    of = (models.UnliWithoutApplicationnkApplicationProvider(provider), external_id, application)
    caller.call(ACCOUNTS, unlink, *of, status=204)
    conflict = caller.call(ACCOUNTS, unlink, *of, status=409)
    assert conflict.detail == "Unable to unlink application"


def main() -> None:
    """Use applications with the secret, and accounts with it and with a token."""
    url = os.environ["GATEWAY_URL"]
    pair = f"{os.environ['API_KEY']}:{os.environ['API_SECRET']}".encode()
    secret = base64.b64encode(pair).decode()
    with_secret = Caller(AuthenticatedClient(base_url=url, token=secret, prefix="Basic"))
    with_token = Caller(AuthenticatedClient(base_url=url, token=os.environ["TOKEN"]))
    application = use_applications(with_secret)
    for caller in (with_secret, with_token):
        use_accounts(caller, application)
    print(json.dumps(sorted(with_secret.called | with_token.called)))  # noqa: T201 - for the test


main()
