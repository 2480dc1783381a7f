"""The operator's commands that change accounts, each by the rules its tenant is bound to."""

from __future__ import annotations

import structlog

from jackfield import links
from jackfield.accounts import Account, Accounts, Provider
from jackfield.app import Gateway
from jackfield.applications import Applications
from jackfield.clock import Moment
from jackfield.console import certainty
from jackfield.console.account_orders import (
    AccountDeleted,
    AccountLinked,
    AccountUnlinked,
    DeleteAccount,
    LinkAccount,
    UnlinkAccount,
)
from jackfield.console.checks import no_account, no_application
from jackfield.problems import Conflict, Forbidden, Problem
from jackfield.storage import overview
from jackfield.storage.overview import Waiting
from jackfield.units import Steps, alone, unit

log = structlog.get_logger()


async def link_account(gateway: Gateway, order: LinkAccount) -> AccountLinked:
    """Link an account to an application of its tenant's (rulings R6, R7, R29).

    What was held for want of a link goes out from the server, now or when it next starts.
    Raises NotFound, and Conflict for an account that is linked or an application it cannot be
    linked to.
    """
    work = _link(order, accounts=gateway.accounts, applications=gateway.applications)
    account, waiting = await certainty.commit(
        gateway,
        work,
        stands=lambda result: links.stands(result[0], accounts=gateway.accounts),
        see=_see(order),
    )
    gateway.released()
    log.info("account.linked", provider=order.provider, account=account.id)
    return AccountLinked(
        provider=account.provider,
        external_id=account.external_id,
        api_key=account.api_key,
        application_id=order.application_id,
        standing=account.standing,
        held=waiting.held,
    )


async def unlink_account(gateway: Gateway, order: UnlinkAccount) -> AccountUnlinked:
    """Take the link from an account; what was accepted before still goes where it was bound.

    Raises NotFound, and Conflict for an account that has no link.
    """
    work = _unlink(order, accounts=gateway.accounts, applications=gateway.applications)
    account, application_id = await certainty.commit(
        gateway,
        work,
        stands=lambda result: links.stands(result[0], accounts=gateway.accounts),
        see=_see(order),
    )
    log.info("account.unlinked", provider=order.provider, account=account.id)
    return AccountUnlinked(
        provider=account.provider,
        external_id=account.external_id,
        api_key=account.api_key,
        application_id=application_id,
    )


async def delete_account(gateway: Gateway, order: DeleteAccount) -> AccountDeleted:
    """Delete an account and its link; what was still owed because of it is dead (ruling R5).

    Raises NotFound.
    """
    work = _delete(order, now=gateway.clock(), accounts=gateway.accounts)
    # Alone, so that no message arrives between its statements.
    account, waiting = await certainty.commit(
        gateway,
        alone(work),
        stands=lambda result: links.is_gone(result[0], accounts=gateway.accounts),
        see=_see(order),
    )
    gateway.released()  # what waits for it may be more than was taken back with it
    log.info("account.deleted", provider=order.provider, account=account.id)
    return AccountDeleted(
        provider=account.provider,
        external_id=account.external_id,
        api_key=account.api_key,
        application_id=account.application_id,
        held=waiting.held,
        pending=waiting.pending,
    )


@unit
def _link(
    order: LinkAccount, *, accounts: Accounts, applications: Applications
) -> Steps[tuple[Account, Waiting]]:
    there = yield from _found(order.provider, order.external_id, accounts=accounts)
    try:
        account = yield from links.link(
            order.provider,
            order.external_id,
            application_id=order.application_id,
            api_key=there.api_key,
            accounts=accounts,
            applications=applications,
        )
    except Forbidden:
        raise (yield from _why_not(order.application_id, there, applications)) from None
    except Conflict:
        raise Conflict(
            f"The account is linked to the application {there.application_id}; first: "
            f"jackfield accounts unlink {order.provider} {order.external_id}",
        ) from None
    return account, (yield from overview.waiting(account.id))


@unit
def _unlink(
    order: UnlinkAccount, *, accounts: Accounts, applications: Applications
) -> Steps[tuple[Account, str]]:
    there = yield from _found(order.provider, order.external_id, accounts=accounts)
    if there.application_id is None:
        raise Conflict(
            f"The {order.provider} account {order.external_id} is linked to no application, "
            "so there is nothing to undo.",
        )
    account = yield from links.unlink(
        order.provider,
        order.external_id,
        application_id=there.application_id,
        api_key=there.api_key,
        accounts=accounts,
        applications=applications,
    )
    return account, there.application_id


@unit
def _delete(
    order: DeleteAccount, *, now: Moment, accounts: Accounts
) -> Steps[tuple[Account, Waiting]]:
    there = yield from _found(order.provider, order.external_id, accounts=accounts)
    waiting = yield from overview.waiting(there.id)
    yield from links.delete(
        order.provider,
        order.external_id,
        api_key=there.api_key,
        now=now,
        accounts=accounts,
    )
    return there, waiting


@unit
def _found(provider: Provider, external_id: str, *, accounts: Accounts) -> Steps[Account]:
    account = yield from accounts.find(provider, external_id)
    if account is None:
        raise no_account(provider, external_id)
    return account


@unit
def _why_not(application_id: str, account: Account, applications: Applications) -> Steps[Problem]:
    """Return why an account cannot be linked to an application, which its tenant is not told."""
    application = yield from applications.find(application_id)
    if application is None:
        return no_application(application_id)
    if application.api_key != account.api_key:
        return Conflict(
            f"The application is the tenant {application.api_key}'s and the account is "
            f"{account.api_key}'s; `jackfield applications list --tenant {account.api_key}` "
            "shows those it can be linked to",
        )
    return Conflict(
        "The application has no messages capability, so it hears nobody; "
        f"its tenant gives it one with PUT /v2/applications/{application_id}",
    )


def _see(order: LinkAccount | UnlinkAccount | DeleteAccount) -> str:
    return f"jackfield accounts show {order.provider} {order.external_id}"
