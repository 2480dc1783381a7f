"""The External Accounts API: a tenant's accounts, made, listed, shown and linked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import msgspec

from jackfield.accounts import Account, Accounts, Draft, Provider, Standing, credentials_place
from jackfield.api.bodies import Fields, json_fields
from jackfield.api.http import Request, Response
from jackfield.api.representations import (
    AccountBody,
    account_body,
    account_page_response,
    account_response,
)
from jackfield.applications import Applications
from jackfield.auth import Caller
from jackfield.clock import Clock
from jackfield.links import link, register
from jackfield.problems import Invalid, InvalidParameter, NotFound
from jackfield.provider_apps import ProviderApps
from jackfield.providers import PROVIDERS, WEBHOOKS
from jackfield.providers.contract import Registration
from jackfield.sealing import Keyring
from jackfield.units import Steps, Store, unit

MASK: Final = "********"
"""Shown instead of an access token where the installation wants it so (ruling R13)."""

LARGEST_PAGE: Final = 100
LAST_PAGE: Final = 2**53 - 1
"""The largest number that every JSON reader takes as it is."""

FURTHEST: Final = 2**31 - 1
"""How far into a list a page may begin: beyond it there is nothing anyway."""

LONGEST_NAME: Final = 255
LONGEST_ID: Final = 128


class _Secrets(msgspec.Struct):
    """What is read back of an account's sealed credentials."""

    access_token: str | None = None


_encoder = msgspec.json.Encoder()
_secrets = msgspec.json.Decoder(_Secrets)


class ExternalAccounts:
    """Answers known callers, about their own accounts only."""

    def __init__(
        self,
        store: Store,
        *,
        accounts: Accounts,
        applications: Applications,
        provider_apps: ProviderApps,
        keyring: Keyring,
        standing: Standing,
        public_url: str | None,
        masks_access_tokens: bool,
        clock: Clock,
        released: Callable[[], None],
    ) -> None:
        """Take `standing` for new accounts, and `released` to call when one was linked."""
        self._store = store
        self._accounts = accounts
        self._applications = applications
        self._provider_apps = provider_apps
        self._keyring = keyring
        self._standing = standing
        self._public_url = public_url
        self._masks_access_tokens = masks_access_tokens
        self._clock = clock
        self._released = released

    async def page(self, request: Request, caller: Caller) -> Response:
        """Return one page of the caller's accounts, in the order they were made (ruling R10)."""
        page_number, page_size, provider = _paging(request)
        page = await self._store.read(
            self._accounts.page(
                caller.api_key,
                provider=provider,
                offset=min((page_number - 1) * page_size, FURTHEST),
                limit=page_size,
            ),
        )
        return account_page_response(
            [self._body(account) for account in page.accounts],
            page=page,
            page_number=page_number,
            page_size=page_size,
            provider=provider,
            base=self._public_url or request.origin,
        )

    async def create(self, request: Request, caller: Caller) -> Response:
        """Store a new account (rulings R1, R4, R21, R22)."""
        provider = _provider(request)
        if provider not in PROVIDERS:
            raise NotFound
        fields = await json_fields(request)
        registration, name, application_id = _account_fields(provider, fields)
        external_id = str(fields.members["external_id"])
        place = credentials_place(provider, external_id)
        secrets = registration.secrets
        draft = Draft(
            provider=provider,
            external_id=external_id,
            routing_key=registration.routing_key,
            api_key=caller.api_key,
            name=name,
            standing=self._standing,
            provider_app_id=None,
            credentials=self._keyring.seal(_encoder.encode(secrets), place=place),
            application_id=application_id,
            created_at=self._clock(),
        )
        work = self._register(draft, provider_app=registration.provider_app)
        account = await self._store.commit(work)
        return account_response(self._body(account), version=account.version, status=201)

    async def show(self, request: Request, caller: Caller) -> Response:
        """Return one account; another tenant's is not there (ruling R5)."""
        external_id = request.parameters["external_id"]
        account = await self._store.read(self._accounts.find(_provider(request), external_id))
        if account is None or account.api_key != caller.api_key:
            raise NotFound
        return account_response(self._body(account), version=account.version)

    async def link(self, request: Request, caller: Caller) -> Response:
        """Link one account to one application (rulings R6, R7, R29)."""
        provider = _provider(request)
        fields = await json_fields(request)
        application_id = fields.required_text("application", longest=LONGEST_ID)
        fields.close()
        work = link(
            provider,
            request.parameters["external_id"],
            application_id=application_id,
            api_key=caller.api_key,
            accounts=self._accounts,
            applications=self._applications,
        )
        account = await self._store.commit(work)
        self._released()
        return account_response(self._body(account), version=account.version)

    @unit
    def _register(self, draft: Draft, *, provider_app: str | None) -> Steps[Account]:
        if provider_app is not None:
            number = yield from self._serving(provider_app, draft)
            draft = replace(draft, provider_app_id=number)
        account = yield from register(
            draft,
            accounts=self._accounts,
            applications=self._applications,
        )
        return account

    @unit
    def _serving(self, name: str, draft: Draft) -> Steps[int]:
        """Return the provider app of that name, if it may serve the draft's tenant."""
        kind = _KINDS[draft.provider]
        app = yield from self._provider_apps.find(kind, name)
        if app is not None:
            may = yield from self._provider_apps.may_serve(app.id, draft.api_key)
            if may:
                return app.id
        # One sentence for both: what the operator has for others is not this tenant's to know.
        reason = "There is no such provider app for you; ask the operator to grant it"
        raise Invalid(InvalidParameter("credentials.provider_app", reason))

    def _body(self, account: Account) -> AccountBody:
        return account_body(account, access_token=self._access_token(account))

    def _access_token(self, account: Account) -> str | None:
        """Return what is shown of the token; only Messenger's answers have one."""
        if account.provider is not Provider.MESSENGER or account.credentials is None:
            return None
        if self._masks_access_tokens:
            return MASK
        place = credentials_place(account.provider, account.external_id)
        unsealed = self._keyring.unseal(account.credentials, place=place)
        return _secrets.decode(unsealed).access_token


def _kind(name: str) -> str:
    """Return the kind of provider app that serves a provider's accounts."""
    provider = PROVIDERS[name]
    return next(hook.KIND for hook in WEBHOOKS.values() if provider in hook.PROVIDERS)


_KINDS: Final = {name: _kind(name) for name in PROVIDERS}


def _provider(request: Request) -> Provider:
    try:
        return Provider(request.parameters["provider"])
    except ValueError:
        raise NotFound from None


def _account_fields(
    provider: Provider, fields: Fields
) -> tuple[Registration, str | None, str | None]:
    """Return the registration, the name and the application; raise `Invalid` with every fault."""
    given = fields.members
    try:
        registration = PROVIDERS[provider].registration(
            given.get("external_id"),
            access_token=given.get("access_token"),
            credentials=given.get("credentials"),
        )
    except Invalid as invalid:
        fields.add(*invalid.parameters)
        registration = Registration("")  # never used: what was added makes `close` raise
    name = fields.text("name", shortest=0, longest=LONGEST_NAME)
    applications = fields.texts("applications", most=1, longest=LONGEST_ID)
    fields.close()
    return registration, name or None, applications[0] if applications else None


def _paging(request: Request) -> tuple[int, int, Provider | None]:
    """Return page number, page size and provider; raise `Invalid` with every fault."""
    fields = Fields(request.query)
    page_number = fields.number("page_number", default=1, largest=LAST_PAGE)
    page_size = fields.number("page_size", default=20, largest=LARGEST_PAGE)
    word = request.query.get("provider")
    provider = next((each for each in Provider if each == word), None)
    if word is not None and provider is None:
        fields.refuse("provider", f"must be one of: {', '.join(Provider)}")
    fields.close()
    return page_number, page_size, provider
