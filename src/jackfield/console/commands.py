"""What an operator may command, by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog

from jackfield import ids
from jackfield.accounts import Account, Accounts, Provider, Standing
from jackfield.app import Gateway
from jackfield.auth import ApiSecrets, SecretKind
from jackfield.clock import Moment
from jackfield.console import (
    accounts,
    applications,
    books,
    certainty,
    deliveries,
    destinations,
    discarding,
    keys,
    listing,
    people,
    provider_app_secrets,
    provider_apps,
    registering,
    tenant_secrets,
    tenants,
    unknown,
    unread,
)
from jackfield.console.account_orders import (
    CreateAccount,
    DeleteAccount,
    LinkAccount,
    UnlinkAccount,
)
from jackfield.console.application_orders import CreateApplication, DeleteApplication
from jackfield.console.book_orders import Audit
from jackfield.console.checks import (
    check_key,
    check_text,
    no_account,
)
from jackfield.console.delivery_orders import (
    ChangeDestination,
    ListDeliveries,
    ListDestinations,
    RebindDeliveries,
    ReplayDeliveries,
    ReplayDelivery,
    ShowDelivery,
    TryApplication,
)
from jackfield.console.kept_orders import (
    AssignUnknown,
    DiscardUnknown,
    DiscardUnread,
    ListUnknown,
    ListUnread,
    ReparseUnread,
    ShowUnread,
)
from jackfield.console.key_orders import BeginRotation, FinishRotation, Reseal, ShowKeys
from jackfield.console.listing_orders import (
    ListAccounts,
    ListApplications,
    ShowAccount,
    ShowApplication,
)
from jackfield.console.orders import (
    AccountVouched,
    AddProviderApp,
    CreateTenant,
    GrantProviderApp,
    TenantCreated,
    VouchAccount,
)
from jackfield.console.people_orders import ErasePerson
from jackfield.console.provider_app_orders import (
    AddProviderAppSecret,
    ListProviderApps,
    RevokeProviderApp,
    RevokeProviderAppSecret,
    ShowProviderApp,
)
from jackfield.console.tenant_orders import (
    AddApiSecret,
    ListTenants,
    RevokeApiSecret,
    SetTenant,
    ShowTenant,
)
from jackfield.delivery.signing import webhook_secret
from jackfield.problems import Conflict
from jackfield.tenants import Tenant, Tenants, signature_secret_place
from jackfield.units import Steps, unit

log = structlog.get_logger()

Arguments = TypeVar("Arguments")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Command(Generic[Arguments, Result]):
    """One command: the type of what it takes, and what it does."""

    takes: type[Arguments]
    run: Callable[[Gateway, Arguments], Awaitable[Result]]


async def create_tenant(gateway: Gateway, order: CreateTenant) -> TenantCreated:
    """Store a tenant with an API secret and a signature secret, all at once.

    A secret we generate has 128 random bits and is kept as a keyed hash; one that somebody
    chose is kept as argon2id. Raises Invalid, and Conflict for an API key that is taken.
    """
    check_text("name", order.name)
    check_key(order.api_key)
    api_secret = ids.secret() if order.api_secret is None else order.api_secret
    check_text("api_secret", api_secret)
    if order.api_secret is None:
        kept = gateway.secrets.hash_generated(api_secret)
    else:
        kept = await gateway.secrets.hash_chosen(api_secret)
    signature_secret = ids.signature_secret()
    tenant = Tenant(order.api_key or ids.api_key(), order.name, gateway.clock())
    place = signature_secret_place(tenant.api_key)
    sealed = gateway.keys.seal(signature_secret.encode(), place=place)
    await certainty.commit(
        gateway,
        _add_tenant(
            tenant, kept, sealed, tenants=gateway.tenants, api_secrets=gateway.api_secrets
        ),
        stands=lambda _: tenant_secrets.signs(tenant.api_key, sealed, tenants=gateway.tenants),
        see=f"jackfield tenants show {tenant.api_key}",
    )
    log.info("tenant.created", tenant=tenant.api_key)
    return TenantCreated(
        name=tenant.name,
        api_key=tenant.api_key,
        api_secret=api_secret,
        signature_secret=signature_secret,
        webhook_secret=webhook_secret(signature_secret),
    )


async def vouch_account(gateway: Gateway, order: VouchAccount) -> AccountVouched:
    """Say that an account is its owner's: what people wrote to it meanwhile goes out.

    It goes out from the server, now or when it next starts. Raises NotFound.
    """
    work = _vouch(order.provider, order.external_id, accounts=gateway.accounts)
    account = await certainty.commit(
        gateway,
        work,
        stands=lambda vouched: _is_vouched(vouched, accounts=gateway.accounts),
        see=f"jackfield accounts show {order.provider} {order.external_id}",
    )
    gateway.released()
    log.info("account.vouched", provider=order.provider, account=account.id)
    return AccountVouched(
        provider=account.provider,
        external_id=account.external_id,
        standing=account.standing,
    )


COMMANDS: Mapping[str, Command[Any, Any]] = {
    "tenants.create": Command(CreateTenant, create_tenant),
    "tenants.list": Command(ListTenants, tenants.list_tenants),
    "tenants.show": Command(ShowTenant, tenants.show_tenant),
    "tenants.set": Command(SetTenant, tenants.set_tenant),
    "tenants.disable": Command(ShowTenant, tenants.disable_tenant),
    "tenants.enable": Command(ShowTenant, tenants.enable_tenant),
    "tenants.secrets.add": Command(AddApiSecret, tenant_secrets.add_api_secret),
    "tenants.secrets.revoke": Command(RevokeApiSecret, tenant_secrets.revoke_api_secret),
    "tenants.signature.rotate": Command(ShowTenant, tenant_secrets.rotate_signature),
    "provider-apps.add": Command(AddProviderApp, provider_apps.add_provider_app),
    "provider-apps.list": Command(ListProviderApps, provider_apps.list_provider_apps),
    "provider-apps.show": Command(ShowProviderApp, provider_apps.show_provider_app),
    "provider-apps.grant": Command(GrantProviderApp, provider_apps.grant_provider_app),
    "provider-apps.revoke": Command(RevokeProviderApp, provider_apps.revoke_provider_app),
    "provider-apps.secrets.add": Command(AddProviderAppSecret, provider_app_secrets.add_secret),
    "provider-apps.secrets.revoke": Command(
        RevokeProviderAppSecret, provider_app_secrets.revoke_secret
    ),
    "accounts.list": Command(ListAccounts, listing.list_accounts),
    "accounts.show": Command(ShowAccount, listing.show_account),
    "accounts.vouch": Command(VouchAccount, vouch_account),
    "accounts.create": Command(CreateAccount, registering.create_account),
    "accounts.link": Command(LinkAccount, accounts.link_account),
    "accounts.unlink": Command(UnlinkAccount, accounts.unlink_account),
    "accounts.delete": Command(DeleteAccount, accounts.delete_account),
    "applications.list": Command(ListApplications, listing.list_applications),
    "applications.show": Command(ShowApplication, listing.show_application),
    "applications.create": Command(CreateApplication, applications.create_application),
    "applications.delete": Command(DeleteApplication, applications.delete_application),
    "keys.show": Command(ShowKeys, keys.show_keys),
    "keys.rotate.begin": Command(BeginRotation, keys.begin_rotation),
    "keys.rotate.reseal": Command(Reseal, keys.reseal),
    "keys.rotate.finish": Command(FinishRotation, keys.finish_rotation),
    "people.erase": Command(ErasePerson, people.erase_person),
    "audit": Command(Audit, books.audit),
    "applications.test": Command(TryApplication, deliveries.try_application),
    "deliveries.list": Command(ListDeliveries, deliveries.list_deliveries),
    "deliveries.show": Command(ShowDelivery, deliveries.show_delivery),
    "deliveries.replay-one": Command(ReplayDelivery, deliveries.replay_delivery),
    "deliveries.replay": Command(ReplayDeliveries, deliveries.replay_deliveries),
    "deliveries.rebind": Command(RebindDeliveries, deliveries.rebind_deliveries),
    "destinations.list": Command(ListDestinations, destinations.list_destinations),
    "destinations.pause": Command(ChangeDestination, destinations.pause_destination),
    "destinations.resume": Command(ChangeDestination, destinations.resume_destination),
    "unread.list": Command(ListUnread, unread.list_unread),
    "unread.show": Command(ShowUnread, unread.show_unread),
    "unread.reparse": Command(ReparseUnread, unread.reparse_unread),
    "unread.discard": Command(DiscardUnread, discarding.discard_unread),
    "unknown.list": Command(ListUnknown, unknown.list_unknown),
    "unknown.assign": Command(AssignUnknown, unknown.assign_unknown),
    "unknown.discard": Command(DiscardUnknown, discarding.discard_unknown),
}


@unit
def _add_tenant(
    tenant: Tenant,
    secret: tuple[SecretKind, bytes],
    sealed: bytes,
    *,
    tenants: Tenants,
    api_secrets: ApiSecrets,
) -> Steps[None]:
    now: Moment = tenant.created_at
    if not (yield from tenants.add(tenant)):
        raise Conflict(f"The API key {tenant.api_key} is taken; choose another.")
    yield from api_secrets.add_api_secret(tenant.api_key, *secret, now=now)
    yield from tenants.add_signature_secret(tenant.api_key, sealed, now=now)


@unit
def _vouch(provider: Provider, external_id: str, *, accounts: Accounts) -> Steps[Account]:
    account = yield from accounts.find(provider, external_id)
    if account is None:
        raise no_account(provider, external_id)
    return (yield from accounts.vouch(account.id))


@unit
def _is_vouched(vouched: Account, *, accounts: Accounts) -> Steps[bool]:
    found = yield from accounts.find(vouched.provider, vouched.external_id)
    return found is not None and found.id == vouched.id and found.standing != Standing.CLAIMED
