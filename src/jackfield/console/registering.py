"""The operator's command that makes an account, sealed and checked as the API does it."""

from __future__ import annotations

import structlog

from jackfield import links
from jackfield.accounts import Account, Draft
from jackfield.api.account_fields import NewAccount, new_account
from jackfield.api.account_secrets import AccountSecrets, provider_app_kind
from jackfield.api.bodies import Fields
from jackfield.app import Gateway, standing_of_new_accounts
from jackfield.console import certainty
from jackfield.console.account_orders import AccountCreated, CreateAccount
from jackfield.console.checks import invalid, no_tenant
from jackfield.problems import Conflict, Forbidden, Invalid
from jackfield.units import Steps, unit

log = structlog.get_logger()


async def create_account(gateway: Gateway, order: CreateAccount) -> AccountCreated:
    """Store a new account of one tenant's, linked to nothing (rulings R1, R4, R21, R22).

    Raises Invalid for what the provider cannot use, NotFound for a tenant that is not there, and
    Conflict for an account that somebody has.
    """
    given = {
        "external_id": order.external_id,
        "name": order.name,
        "access_token": order.access_token,
        "credentials": order.credentials,
    }
    brought = new_account(order.provider, Fields(given))
    account = await certainty.commit(
        gateway,
        _create(order, brought, gateway=gateway),
        stands=lambda created: links.stands(created, accounts=gateway.accounts),
        see=f"jackfield accounts show {order.provider} {order.external_id}",
    )
    log.info("account.created", provider=order.provider, account=account.id)
    return AccountCreated(
        provider=account.provider,
        external_id=account.external_id,
        api_key=account.api_key,
        name=account.name,
        standing=account.standing,
    )


@unit
def _create(order: CreateAccount, brought: NewAccount, *, gateway: Gateway) -> Steps[Account]:
    if (yield from gateway.tenants.find(order.api_key)) is None:
        raise no_tenant(order.api_key)
    there = yield from gateway.accounts.find(order.provider, order.external_id)
    if there is not None:
        raise Conflict(
            f"There is a {order.provider} account {order.external_id} already, "
            f"the tenant {there.api_key}'s: "
            f"jackfield accounts show {order.provider} {order.external_id}",
        )
    draft = yield from _draft(order, brought, gateway=gateway)
    try:
        return (
            yield from links.register(
                draft, accounts=gateway.accounts, applications=gateway.applications
            )
        )
    except Forbidden:
        raise Conflict(
            "Another account has the same place with the provider, which its callbacks name it "
            f"by; `jackfield accounts list --provider {order.provider}` shows those there are",
        ) from None


@unit
def _draft(order: CreateAccount, brought: NewAccount, *, gateway: Gateway) -> Steps[Draft]:
    secrets = AccountSecrets(
        gateway.keys,
        gateway.provider_apps,
        masks_access_tokens=gateway.settings.mask_access_tokens,
    )
    try:
        return (
            yield from secrets.draft(
                order.provider,
                brought,
                api_key=order.api_key,
                standing=standing_of_new_accounts(gateway.settings),
                now=gateway.clock(),
            )
        )
    except Invalid:
        # The API tells a tenant to ask the operator, who is reading this.
        name = brought.registration.provider_app
        kind = provider_app_kind(brought.registration, provider=order.provider)
        reason = (
            f"No {kind} provider app {name} serves {order.api_key}. If `jackfield provider-apps "
            f"list` has it: jackfield provider-apps grant {name} {order.api_key} --kind {kind}; "
            f"else: jackfield provider-apps add {kind} --help"
        )
        raise invalid("credentials.provider_app", reason) from None
