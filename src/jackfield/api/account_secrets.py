"""What opens an account at its provider: sealed, renewed, and shown as far as it may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import msgspec

from jackfield.accounts import Account, Draft, Provider, Standing, credentials_place
from jackfield.api.account_fields import NewAccount
from jackfield.clock import Moment
from jackfield.problems import Invalid, InvalidParameter
from jackfield.provider_apps import ProviderApps
from jackfield.providers import PROVIDERS, WEBHOOKS
from jackfield.providers.contract import Registration
from jackfield.sealing import Keyring
from jackfield.units import Steps, unit

MASK: Final = "********"
"""Shown instead of an access token where the installation wants it so (ruling R13)."""

_encoder = msgspec.json.Encoder()
_kept = msgspec.json.Decoder(dict[str, str])


class AccountSecrets:
    """Seals what accounts bring, and opens it again where it is needed."""

    def __init__(
        self, keyring: Keyring, provider_apps: ProviderApps, *, masks_access_tokens: bool
    ) -> None:
        self._keyring = keyring
        self._provider_apps = provider_apps
        self._masks_access_tokens = masks_access_tokens

    def shown(self, account: Account) -> str | None:
        """Return what is shown of the access token; only Messenger's answers have one."""
        if account.provider is not Provider.MESSENGER or account.credentials is None:
            return None
        if self._masks_access_tokens:
            return MASK
        return self._opened(account).get("access_token")

    def sealed(self, provider: Provider, external_id: str, *, registration: Registration) -> bytes:
        """Return what is stored of an account's credentials."""
        place = credentials_place(provider, external_id)
        return self._keyring.seal(_encoder.encode(_secrets(registration)), place=place)

    @unit
    def serving(
        self, registration: Registration, *, provider: Provider, api_key: str
    ) -> Steps[int | None]:
        """Return the number of the provider app that is named, or None when none is.

        Raises `Invalid` when there is no such, or it may not serve the tenant.
        """
        if registration.provider_app is None:
            return None
        kind = provider_app_kind(registration, provider=provider)
        app = yield from self._provider_apps.find(kind, registration.provider_app)
        if app is not None:
            may = yield from self._provider_apps.may_serve(app.id, api_key)
            if may:
                return app.id
        # One sentence for both: what the operator has for others is not this tenant's to know.
        reason = "There is no such provider app for you; ask the operator to grant it"
        raise Invalid(InvalidParameter("credentials.provider_app", reason))

    @unit
    def draft(
        self,
        provider: Provider,
        brought: NewAccount,
        *,
        api_key: str,
        standing: Standing,
        now: Moment,
    ) -> Steps[Draft]:
        """Return what is to be stored of a new account; raises as `serving` does."""
        registration = brought.registration
        provider_app_id = yield from self.serving(registration, provider=provider, api_key=api_key)
        return Draft(
            provider=provider,
            external_id=brought.external_id,
            routing_key=registration.routing_key,
            api_key=api_key,
            name=brought.name,
            standing=standing,
            provider_app_id=provider_app_id,
            credentials=self.sealed(provider, brought.external_id, registration=registration),
            application_id=brought.application_id,
            created_at=now,
        )

    @unit
    def renewed(self, account: Account, given: Mapping[str, object]) -> Steps[Account]:
        """Return the account with `given`, its other credentials as they were.

        `given` holds `access_token` and `credentials` as they were sent. A new token that its
        owner is shown raises the version. Raises `Invalid` for what cannot be used, and for
        what would give the account another place with its provider.
        """
        kept = {} if account.credentials is None else self._opened(account)
        registration = _registration_again(account, kept, given)
        if registration.routing_key != account.routing_key:
            reason = "These name another account at the provider and cannot be changed; create it"
            raise Invalid(InvalidParameter("credentials", reason))
        changes = given.get("credentials")
        provider_app_id = account.provider_app_id
        if isinstance(changes, dict) and "provider_app" in changes:
            provider_app_id = yield from self.serving(
                registration, provider=account.provider, api_key=account.api_key
            )
        secrets = _secrets(registration)
        if secrets == kept:
            return replace(account, provider_app_id=provider_app_id)
        is_seen = account.provider is Provider.MESSENGER and (
            secrets.get("access_token") != kept.get("access_token")
        )
        return replace(
            account,
            provider_app_id=provider_app_id,
            credentials=self.sealed(
                account.provider, account.external_id, registration=registration
            ),
            version=account.version + is_seen,
        )

    def _opened(self, account: Account) -> dict[str, str]:
        assert account.credentials is not None  # noqa: S101 -- both callers looked
        place = credentials_place(account.provider, account.external_id)
        return _kept.decode(self._keyring.unseal(account.credentials, place=place))


def _secrets(registration: Registration) -> dict[str, str]:
    """Return what is sealed: the provider app's name too, which a change may leave out."""
    name = registration.provider_app
    return {**registration.secrets} | ({"provider_app": name} if name is not None else {})


def _registration_again(
    account: Account, kept: Mapping[str, str], given: Mapping[str, object]
) -> Registration:
    """Return what the provider makes of the kept credentials with the given ones over them."""
    # A number is registered with its id at the provider; others pass that over.
    before: dict[str, object] = {"phone_number_id": account.routing_key, **kept}
    token = given.get("access_token", kept.get("access_token"))
    if "access_token" in given:
        before.pop("access_token", None)
    changes = given.get("credentials")
    after = {**before, **changes} if isinstance(changes, dict) else changes
    return PROVIDERS[account.provider].registration(
        account.external_id,
        access_token=token,
        credentials=before if changes is None else after,
    )


def provider_app_kind(registration: Registration, *, provider: Provider) -> str:
    """Return the kind of provider app that is named: the connector's, or the webhook's."""
    if registration.provider_app_kind is not None:
        return registration.provider_app_kind
    served = PROVIDERS[provider]
    return next(hook.KIND for hook in WEBHOOKS.values() if served in hook.PROVIDERS)
