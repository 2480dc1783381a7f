"""Every route on one page: method, path, who may call it, and what answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from jackfield.api import openapi
from jackfield.api.application_bodies import APPLICATIONS_PATH
from jackfield.api.applications import ApplicationPages
from jackfield.api.authentication import Authentication, PrivateHandler
from jackfield.api.deliveries import TenantDeliveries
from jackfield.api.delivery_bodies import DELIVERIES_PATH, DESTINATIONS_PATH, TESTS_PATH
from jackfield.api.destinations import TenantDestinations
from jackfield.api.external_accounts import ExternalAccounts
from jackfield.api.http import Request, endpoint, raw_path
from jackfield.api.media_types import speaking_json
from jackfield.api.operations import Operations
from jackfield.api.provider_webhooks import ProviderWebhooks
from jackfield.api.raw_path import RawPaths, RawRoute, refuse_method, refuse_path
from jackfield.api.representations import ACCOUNTS_PATH

# Below these, a caller is known before anything is said about the path (ruling R3).
_TENANTS: Final = (b"/beta/", b"/v1/")
_OWNERS: Final = b"/v2/"
"""The Application API takes a key and a secret only, so no token is good below this one."""

_WEBHOOK: Final = "/webhooks/{kind}/{name}"


def router(
    *,
    authentication: Authentication,
    external_accounts: ExternalAccounts,
    applications: ApplicationPages,
    deliveries: TenantDeliveries,
    destinations: TenantDestinations,
    provider_webhooks: ProviderWebhooks,
    operations: Operations,
) -> ASGIApp:
    """Return what answers every path there is; it raises the Problem of every other."""
    anyone = endpoint
    tenant, owner = authentication.endpoint, _of_owners(authentication)
    account = ACCOUNTS_PATH + "/{provider}/{external_id}"
    application = APPLICATIONS_PATH + "/{application_id}"
    table = [
        *_for_anyone(operations),
        RawRoute("GET", ACCOUNTS_PATH + "/?", tenant(external_accounts.page)),
        RawRoute("POST", ACCOUNTS_PATH + "/{provider}", tenant(external_accounts.create)),
        RawRoute("GET", account, tenant(external_accounts.show)),
        RawRoute("PATCH", account, tenant(external_accounts.change)),
        RawRoute("DELETE", account, tenant(external_accounts.delete)),
        RawRoute("POST", account + "/applications", tenant(external_accounts.link)),
        RawRoute(
            "DELETE",
            account + "/applications/{application_id}",
            tenant(external_accounts.unlink),
        ),
        RawRoute("POST", APPLICATIONS_PATH + "/?", owner(applications.create)),
        RawRoute("GET", APPLICATIONS_PATH + "/?", owner(applications.page)),
        RawRoute("GET", application, owner(applications.show)),
        RawRoute("PUT", application, owner(applications.replace)),
        RawRoute("DELETE", application, owner(applications.delete)),
        *_for_afterwards(authentication, deliveries, destinations),
        RawRoute("GET", _WEBHOOK, anyone(provider_webhooks.challenge)),
        RawRoute("POST", _WEBHOOK, provider_webhooks.accept),
    ]
    # Nothing is served that the document does not name, and nothing else is named.
    openapi.check((route.method, route.template) for route in table)
    return RawPaths(
        table,
        wrong_method=_authenticated(authentication, refuse_method),
        unknown=_authenticated(authentication, refuse_path),
    )


def _of_owners(authentication: Authentication) -> Callable[[PrivateHandler], ASGIApp]:
    """Return what makes an endpoint of the Application API: key and secret, and JSON.

    The External Accounts API has no word for another media type, and takes what it can read.
    """
    return lambda handler: authentication.owner_endpoint(speaking_json(handler))


def _for_afterwards(
    authentication: Authentication,
    deliveries: TenantDeliveries,
    destinations: TenantDestinations,
) -> list[RawRoute]:
    tenant, one = authentication.endpoint, DELIVERIES_PATH + "/{delivery_id}"
    return [
        RawRoute("GET", DELIVERIES_PATH, tenant(deliveries.page)),
        RawRoute("GET", one, tenant(deliveries.show)),
        RawRoute("POST", one + "/replay", tenant(deliveries.replay_one)),
        RawRoute("POST", DELIVERIES_PATH + "/replay", tenant(deliveries.replay)),
        RawRoute("POST", DELIVERIES_PATH + "/rebind", tenant(deliveries.rebind)),
        RawRoute("GET", DESTINATIONS_PATH, tenant(destinations.page)),
        RawRoute("POST", DESTINATIONS_PATH + "/pause", tenant(destinations.pause)),
        RawRoute("POST", DESTINATIONS_PATH + "/resume", tenant(destinations.resume)),
        RawRoute("POST", TESTS_PATH + "/{application_id}/test", tenant(deliveries.test)),
    ]


def _for_anyone(operations: Operations) -> list[RawRoute]:
    return [
        RawRoute("GET", "/healthz", endpoint(operations.alive)),
        RawRoute("GET", "/readyz", endpoint(operations.ready)),
        RawRoute("GET", "/metrics", endpoint(operations.metrics)),
        RawRoute("GET", "/openapi.json", endpoint(openapi.answer_document)),
        RawRoute("GET", "/docs", endpoint(openapi.answer_page)),
        RawRoute("GET", ACCOUNTS_PATH + "/ping", endpoint(operations.alive)),
    ]


def _authenticated(authentication: Authentication, answer: ASGIApp) -> ASGIApp:
    """Return `answer`, which on the paths of the API is given to known callers only."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path = raw_path(scope) if scope["type"] == "http" else b""
        if path.startswith(_OWNERS):
            await authentication.owner(Request(scope, receive))
        elif path.startswith(_TENANTS):
            await authentication.caller(Request(scope, receive))
        await answer(scope, receive, send)

    return app
