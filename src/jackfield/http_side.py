"""Connects a gateway's parts to what it answers over HTTP.

Apart from `app`, because a gateway delivers before all of this is loaded.
"""

from __future__ import annotations

from starlette.types import ASGIApp

from jackfield.api import front_door, routes
from jackfield.api.applications import ApplicationPages
from jackfield.api.authentication import Authentication
from jackfield.api.deliveries import TenantDeliveries
from jackfield.api.destinations import TenantDestinations
from jackfield.api.external_accounts import ExternalAccounts
from jackfield.api.idempotency import KeptAnswers
from jackfield.api.operations import Operations
from jackfield.api.provider_webhooks import ProviderWebhooks
from jackfield.api.writes import Writes
from jackfield.app import Gateway, standing_of_new_accounts
from jackfield.storage import application_keys, arrivals, books, idempotency


def http_side(gateway: Gateway) -> ASGIApp:
    """Return what answers HTTP: every route behind the front door."""
    authentication = Authentication(
        gateway.store,
        api_secrets=gateway.api_secrets,
        secrets=gateway.secrets,
        application_keys=application_keys,
        clock=gateway.clock,
    )
    afterwards = gateway.afterwards
    kept = KeptAnswers(idempotency, keyring=gateway.keys, clock=gateway.clock)
    writes = Writes(gateway.store, kept=kept)
    return front_door.FrontDoor(
        routes.router(
            authentication=authentication,
            external_accounts=ExternalAccounts(
                gateway.store,
                writes=writes,
                accounts=gateway.accounts,
                applications=gateway.applications,
                provider_apps=gateway.provider_apps,
                keyring=gateway.keys,
                standing=standing_of_new_accounts(gateway.settings),
                public_url=gateway.settings.public_url,
                masks_access_tokens=gateway.settings.mask_access_tokens,
                clock=gateway.clock,
                released=gateway.released,
            ),
            applications=ApplicationPages(
                gateway.store,
                writes=writes,
                applications=gateway.applications,
                clock=gateway.clock,
                released=gateway.released,
            ),
            deliveries=TenantDeliveries(gateway.store, afterwards, clock=gateway.clock),
            destinations=TenantDestinations(gateway.store, afterwards, clock=gateway.clock),
            provider_webhooks=ProviderWebhooks(
                gateway.store,
                provider_apps=gateway.provider_apps,
                arrivals=arrivals,
                keyring=gateway.keys,
                clock=gateway.clock,
                metrics=gateway.metrics,
                arrived=gateway.arrived,
            ),
            operations=Operations(
                gateway.store,
                books,
                gateway.watch,
                metrics=gateway.metrics,
                warnings=gateway.auditor.warnings,
                token=gateway.settings.operations_token,
            ),
        ),
    )
