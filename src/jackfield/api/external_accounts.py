"""The External Accounts API: a tenant's accounts, made, listed, shown, changed and linked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from jackfield.accounts import Account, Accounts, Provider, Standing
from jackfield.api.account_fields import (
    LONGEST_ID,
    AccountChange,
    NewAccount,
    account_change,
    new_account,
    provider_asked_for,
)
from jackfield.api.account_pages import account_page_response, paging
from jackfield.api.account_secrets import AccountSecrets
from jackfield.api.bodies import json_fields
from jackfield.api.http import Request, Response
from jackfield.api.representations import AccountBody, account_body, account_response
from jackfield.api.versions import versions_asked_for
from jackfield.api.writes import Write, Writes
from jackfield.applications import Applications
from jackfield.auth import Caller
from jackfield.clock import Clock
from jackfield.links import change, delete, is_gone, link, register, stands, unlink
from jackfield.problems import NotFound
from jackfield.provider_apps import ProviderApps
from jackfield.sealing import Keyring
from jackfield.units import Steps, Store, Unit, alone, unit


class ExternalAccounts:
    """Answers known callers, about their own accounts only."""

    def __init__(
        self,
        store: Store,
        *,
        writes: Writes,
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
        self._writes = writes
        self._accounts = accounts
        self._applications = applications
        self._secrets = AccountSecrets(
            keyring, provider_apps, masks_access_tokens=masks_access_tokens
        )
        self._standing = standing
        self._public_url = public_url
        self._clock = clock
        self._released = released

    async def page(self, request: Request, caller: Caller) -> Response:
        """Return one page of the caller's accounts, in the order they were made (ruling R10)."""
        asked = paging(request)
        page = await self._store.read(asked.of(self._accounts, caller.api_key))
        return account_page_response(
            [self._body(account) for account in page.accounts],
            page=page,
            paging=asked,
            base=self._public_url or request.origin,
        )

    async def create(self, request: Request, caller: Caller) -> Response:
        """Store a new account (rulings R1, R4, R21, R22, R24)."""
        return await self._writes.make_once(request, caller, self._creation)

    async def show(self, request: Request, caller: Caller) -> Response:
        """Return one account; another tenant's is not there (ruling R5)."""
        provider, external_id = _named(request)
        account = await self._store.recall(self._accounts.find(provider, external_id))
        if account is None or account.api_key != caller.api_key:
            raise NotFound
        return self._response(account)

    async def change(self, request: Request, caller: Caller) -> Response:
        """Change one account: what is not sent stays (rulings R1, R5, R9, R21, R23)."""
        provider, external_id = _named(request)
        asked = account_change(await json_fields(request))
        work = change(
            provider,
            external_id,
            edit=lambda account: self._edited(account, asked),
            linked_to=asked.applications,
            api_key=caller.api_key,
            accounts=self._accounts,
            applications=self._applications,
            versions=versions_asked_for(request),
        )
        response = await self._writes.make(self._write(work))
        if asked.applications:
            self._released()
        return response

    async def delete(self, request: Request, caller: Caller) -> Response:
        """Delete one account, and its link with it (ruling R5); a body is not looked at."""
        provider, external_id = _named(request)
        work = delete(
            provider,
            external_id,
            api_key=caller.api_key,
            now=self._clock(),
            accounts=self._accounts,
            versions=versions_asked_for(request),
        )
        # Alone, so that no message arrives between its statements.
        write = Write(
            work=alone(work),
            shown=_nothing,
            stands=partial(is_gone, accounts=self._accounts),
        )
        response = await self._writes.make(write)
        self._released()  # what waits for it may be more than was taken back with it
        return response

    async def link(self, request: Request, caller: Caller) -> Response:
        """Link one account to one application (rulings R6, R7, R24, R29)."""
        response = await self._writes.make_once(request, caller, self._linking)
        self._released()
        return response

    async def unlink(self, request: Request, caller: Caller) -> Response:
        """Take the link from one account (rulings R7, R8, R29); a body is not looked at."""
        provider, external_id = _named(request)
        work = unlink(
            provider,
            external_id,
            application_id=request.parameters["application_id"],
            api_key=caller.api_key,
            accounts=self._accounts,
            applications=self._applications,
            versions=versions_asked_for(request),
        )
        return await self._writes.make(replace(self._write(work), shown=_nothing))

    async def _creation(self, request: Request, caller: Caller) -> Write[Account]:
        provider = provider_asked_for(request)
        brought = new_account(provider, await json_fields(request))
        return self._write(self._register(provider, brought, caller), status=201)

    async def _linking(self, request: Request, caller: Caller) -> Write[Account]:
        provider, external_id = _named(request)
        fields = await json_fields(request)
        application_id = fields.required_text("application", longest=LONGEST_ID)
        fields.close()
        work = link(
            provider,
            external_id,
            application_id=application_id,
            api_key=caller.api_key,
            accounts=self._accounts,
            applications=self._applications,
            versions=versions_asked_for(request),
        )
        return self._write(work)

    def _write(self, work: Unit[Account], *, status: int = 200) -> Write[Account]:
        return Write(
            work=work,
            shown=partial(self._response, status=status),
            stands=partial(stands, accounts=self._accounts),
        )

    @unit
    def _register(self, provider: Provider, brought: NewAccount, caller: Caller) -> Steps[Account]:
        draft = yield from self._secrets.draft(
            provider,
            brought,
            api_key=caller.api_key,
            standing=self._standing,
            now=self._clock(),
        )
        return (
            yield from register(draft, accounts=self._accounts, applications=self._applications)
        )

    @unit
    def _edited(self, account: Account, asked: AccountChange) -> Steps[Account]:
        if asked.renames:
            account = replace(account, name=asked.name)
        if asked.credentials:
            account = yield from self._secrets.renewed(account, asked.credentials)
        return account

    def _response(self, account: Account, *, status: int = 200) -> Response:
        return account_response(self._body(account), version=account.version, status=status)

    def _body(self, account: Account) -> AccountBody:
        return account_body(account, access_token=self._secrets.shown(account))


def _nothing(_: object) -> Response:
    return Response(status=204)


def _named(request: Request) -> tuple[Provider, str]:
    """Return the provider and the account's id in the path; raise `NotFound` for no provider."""
    return provider_asked_for(request), request.parameters["external_id"]
