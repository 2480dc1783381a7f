"""The operator's commands that make and delete applications, by the rules of the API."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import structlog

from jackfield.api.application_fields import description
from jackfield.api.applications import make_keys
from jackfield.api.bodies import Fields
from jackfield.app import Gateway
from jackfield.applications import (
    Application,
    Applications,
    Description,
    is_gone,
    remove,
    stands,
)
from jackfield.console import certainty
from jackfield.console.application_orders import (
    ApplicationCreated,
    ApplicationDeleted,
    CreateApplication,
    DeleteApplication,
)
from jackfield.console.checks import check_address, check_text, no_application, no_tenant
from jackfield.ids import application_id
from jackfield.storage import overview
from jackfield.tenants import Tenants
from jackfield.units import Steps, alone, unit

log = structlog.get_logger()


async def create_application(gateway: Gateway, order: CreateApplication) -> ApplicationCreated:
    """Store an application that hears messages, and a key pair if none was brought.

    Raises Invalid, and NotFound for a tenant that is not there.
    """
    given, private_key = _described(order), None
    if given.public_key is None:
        # A key takes a core for a tenth of a second, which others must not wait for.
        public_key, private_key = await asyncio.to_thread(make_keys)
        given = replace(given, public_key=public_key)
    application = Application(
        id=application_id(),
        api_key=order.api_key,
        name=given.name,
        public_key=given.public_key,
        webhook_version=given.webhook_version,
        inbound_url=given.inbound_url,
        status_url=given.status_url,
        document=given.document,
        version=1,
        created_at=gateway.clock(),
    )
    await certainty.commit(
        gateway,
        _add(application, applications=gateway.applications, tenants=gateway.tenants),
        stands=lambda _: stands(application, applications=gateway.applications),
        see=f"jackfield applications list --tenant {order.api_key}",
    )
    log.info("application.created", application=application.id, tenant=order.api_key)
    return ApplicationCreated(
        id=application.id,
        api_key=order.api_key,
        name=order.name,
        inbound_url=order.inbound_url,
        status_url=order.status_url,
        private_key=private_key,
    )


async def delete_application(gateway: Gateway, order: DeleteApplication) -> ApplicationDeleted:
    """Delete an application with its links (ruling R18).

    What waits for it is held, or goes to its tenant's own URL, from the server, now or when it
    next starts. Raises NotFound.
    """
    work = _delete(order.id, applications=gateway.applications)
    application, accounts = await certainty.commit(
        gateway,
        alone(work),
        stands=lambda _: is_gone(order.id, applications=gateway.applications),
        see=f"jackfield applications show {order.id}",
    )
    gateway.released()
    log.info("application.deleted", application=order.id, accounts=accounts)
    return ApplicationDeleted(
        id=application.id,
        api_key=application.api_key,
        name=application.name,
        accounts=accounts,
    )


def _described(order: CreateApplication) -> Description:
    """Return what the API would make of the same application; raise Invalid with every fault."""
    check_text("name", order.name)
    urls = {"inbound_url": order.inbound_url, "status_url": order.status_url}
    webhooks = {}
    for parameter, url in urls.items():
        if url is not None:
            check_address(parameter, url)
            webhooks[parameter] = {"address": url, "http_method": "POST"}
    keys = {} if order.public_key is None else {"keys": {"public_key": order.public_key}}
    capabilities = {"messages": {"webhooks": webhooks}}
    return description(Fields({"name": order.name, "capabilities": capabilities, **keys}))


@unit
def _add(application: Application, *, applications: Applications, tenants: Tenants) -> Steps[None]:
    if (yield from tenants.find(application.api_key)) is None:
        raise no_tenant(application.api_key)
    yield from applications.add(application)


@unit
def _delete(wanted: str, *, applications: Applications) -> Steps[tuple[Application, int]]:
    application = yield from applications.find_to_change(wanted)
    if application is None:
        raise no_application(wanted)
    accounts = yield from overview.linked_accounts(wanted)
    yield from remove(wanted, api_key=application.api_key, applications=applications)
    return application, accounts
