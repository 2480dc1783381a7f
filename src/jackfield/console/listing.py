"""The operator's commands that look at the accounts and applications of every tenant."""

from __future__ import annotations

from typing import Any

from jackfield.app import Gateway
from jackfield.clock import iso
from jackfield.console.checks import no_account, no_application
from jackfield.console.listing_orders import (
    AccountLine,
    AccountShown,
    AccountsListed,
    ApplicationLine,
    ApplicationShown,
    ApplicationsListed,
    ListAccounts,
    ListApplications,
    ShowAccount,
    ShowApplication,
)
from jackfield.console.paging import check_limit, cut, place
from jackfield.console.tenants import check_tenant
from jackfield.storage import overview
from jackfield.storage.overview import AccountRow, ApplicationRow, Waiting
from jackfield.units import Steps, unit

_ACCOUNT = ("provider", "external_id", "api_key", "name", "standing", "application_id")
_APPLICATION = ("id", "api_key", "name", "webhook_version", "inbound_url", "status_url")


async def list_accounts(gateway: Gateway, order: ListAccounts) -> AccountsListed:
    """Return one page of accounts; raises Invalid, and NotFound for a tenant that is not there."""
    await _check_page(gateway, order)
    work = overview.account_page(
        api_key=order.api_key,
        provider=order.provider,
        after=place(order.after),
        limit=order.limit + 1,
    )
    page, last = cut(await gateway.store.read(work), order.limit)
    return AccountsListed(
        accounts=[AccountLine(**_members(row, _ACCOUNT)) for row in page],
        next=None if last is None else str(last.id),
    )


async def show_account(gateway: Gateway, order: ShowAccount) -> AccountShown:
    """Return one account with its standing, link and what waits; raises NotFound."""
    account, waiting = await gateway.store.read(_account(order))
    return AccountShown(
        **_members(account, (*_ACCOUNT, "routing_key", "provider_app", "version", "link_version")),
        held=waiting.held,
        pending=waiting.pending,
    )


async def list_applications(gateway: Gateway, order: ListApplications) -> ApplicationsListed:
    """Return one page of applications; raises as `list_accounts`."""
    await _check_page(gateway, order)
    work = overview.application_page(
        api_key=order.api_key,
        after=place(order.after),
        limit=order.limit + 1,
    )
    page, last = cut(await gateway.store.read(work), order.limit)
    return ApplicationsListed(
        applications=[ApplicationLine(**_members(row, _APPLICATION)) for row in page],
        next=None if last is None else str(last.number),
    )


async def show_application(gateway: Gateway, order: ShowApplication) -> ApplicationShown:
    """Return one application and how many accounts it hears; raises NotFound."""
    application, accounts = await gateway.store.read(_application(order.id))
    more = (*_APPLICATION, "version", "has_public_key")
    return ApplicationShown(**_members(application, more), accounts=accounts)


async def _check_page(gateway: Gateway, order: ListAccounts | ListApplications) -> None:
    check_limit(order.limit)
    await check_tenant(gateway, order.api_key)


@unit
def _account(order: ShowAccount) -> Steps[tuple[AccountRow, Waiting]]:
    account = yield from overview.account(order.provider, order.external_id)
    if account is None:
        raise no_account(order.provider, order.external_id)
    return account, (yield from overview.waiting(account.id))


@unit
def _application(application_id: str) -> Steps[tuple[ApplicationRow, int]]:
    application = yield from overview.application(application_id)
    if application is None:
        raise no_application(application_id)
    return application, (yield from overview.linked_accounts(application_id))


def _members(row: AccountRow | ApplicationRow, names: tuple[str, ...]) -> dict[str, Any]:
    members = {name: getattr(row, name) for name in names}
    return members | {"created_at": iso(row.created_at)}
