"""Which application hears an account; at most one may."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from jackfield.accounts import Account, Accounts, Draft, Provider
from jackfield.applications import Applications
from jackfield.clock import Moment
from jackfield.problems import (
    Conflict,
    Forbidden,
    Invalid,
    InvalidParameter,
    NotFound,
    OutcomeUnknown,
    Problem,
    Stale,
)
from jackfield.units import Steps, Unit, unit

_CONFLICT = "Application conflict"


@unit
def register(draft: Draft, *, accounts: Accounts, applications: Applications) -> Steps[Account]:
    """Store a new account, linked from the start when the draft names an application.

    Raises Forbidden when the application cannot be linked, or (without a reason) when the
    account or its routing key is another tenant's; Invalid when the tenant has it already
    (rulings R4 and R22).
    """
    if draft.application_id is not None:
        yield from _linkable(draft.application_id, draft.api_key, applications)
    account = yield from accounts.add(draft)
    if account is not None:
        return account
    there = yield from accounts.find(draft.provider, draft.external_id)
    if there is not None and there.api_key == draft.api_key:
        raise Invalid(
            InvalidParameter(
                "external_id",
                "You have an account with this 'external_id' already; change it with PATCH",
            ),
        )
    raise Forbidden


@unit
def link(
    provider: Provider,
    external_id: str,
    *,
    application_id: str,
    api_key: str,
    accounts: Accounts,
    applications: Applications,
    versions: Collection[int] | None = None,
) -> Steps[Account]:
    """Link an account of the tenant to one of its applications.

    Raises NotFound for an account the tenant does not have (rulings R7, R29), Stale when it has
    none of `versions`, Forbidden for an application that the tenant does not have or that has
    no messages capability, and Conflict when the account holds a link, also one to the same
    application (ruling R6).
    """
    linked = None
    while linked is None:
        account = yield from accounts.find(provider, external_id)
        account = _own(account, api_key, versions=versions, foreign=NotFound)
        yield from _linkable(application_id, api_key, applications)
        if account.application_id is not None:
            raise Conflict("Unable to link application", title=_CONFLICT)
        linked = yield from accounts.change(account, _linked(account, application_id))
    return linked


@unit
def unlink(
    provider: Provider,
    external_id: str,
    *,
    application_id: str,
    api_key: str,
    accounts: Accounts,
    applications: Applications,
    versions: Collection[int] | None = None,
) -> Steps[Account]:
    """Take the link from an account of the tenant; what was accepted before stays bound.

    Raises NotFound for an account the tenant does not have (rulings R7, R29), Stale when it has
    none of `versions`, Forbidden when the application is another tenant's (ruling R8), and
    Conflict when the account is not linked to it, or nobody has such an application.
    """
    unlinked = None
    while unlinked is None:
        account = yield from accounts.find(provider, external_id)
        account = _own(account, api_key, versions=versions, foreign=NotFound)
        if account.application_id != application_id:
            application = yield from applications.find(application_id)
            if application is not None and application.api_key != api_key:
                raise Forbidden("Cannot unlink application", title="Forbidden")
            raise Conflict("Unable to unlink application", title=_CONFLICT)
        unlinked = yield from accounts.change(account, _linked(account, None))
    return unlinked


@unit
def change(
    provider: Provider,
    external_id: str,
    *,
    edit: Callable[[Account], Unit[Account]],
    linked_to: Sequence[str] | None,
    api_key: str,
    accounts: Accounts,
    applications: Applications,
    versions: Collection[int] | None = None,
) -> Steps[Account]:
    """Change an account of the tenant in one step, and its link with it (ruling R9).

    `edit` gives the account as it is to be, apart from its link; it raises the version itself for
    what is seen of the credentials, which are sealed here. `linked_to` is the one application,
    or none to unlink, or None to leave the link. What changes nothing raises no version (R23).

    Raises NotFound when nobody has the account, Forbidden (without a reason) when another
    tenant has it, Stale when it has none of `versions`, Forbidden when the application cannot
    be linked, and what `edit` raises.
    """
    stored = None
    while stored is None:
        account = yield from accounts.find(provider, external_id)
        account = _own(account, api_key, versions=versions, foreign=Forbidden)
        changed = yield from edit(account)
        if changed.name != account.name:
            changed = replace(changed, version=account.version + 1)
        application_id = account.application_id
        if linked_to is not None:
            application_id = next(iter(linked_to), None)
        if application_id != account.application_id:
            if application_id is not None:
                yield from _linkable(application_id, api_key, applications)
            changed = _linked(replace(changed, version=account.version), application_id)
        if changed == account:
            return account
        stored = yield from accounts.change(account, changed)
    return stored


@unit
def delete(
    provider: Provider,
    external_id: str,
    *,
    api_key: str,
    now: Moment,
    accounts: Accounts,
    versions: Collection[int] | None = None,
) -> Steps[Account]:
    """Delete an account of the tenant; its link goes with it, and what is owed goes to dead.

    Returns the account as it was.

    Raises NotFound when nobody has the account, Forbidden (without a reason) when another
    tenant has it (ruling R5), and Stale when it has none of `versions`.
    """
    while True:
        there = yield from accounts.find(provider, external_id)
        account = _own(there, api_key, versions=versions, foreign=Forbidden)
        was_quicker = yield from accounts.delete(account, now=now)
        if was_quicker:
            return account


@unit
def stands(written: Account, *, accounts: Accounts) -> Steps[bool]:
    """Say whether an account is as a write returned it, when nobody knows if that was stored.

    Raises OutcomeUnknown when it was changed since, so that it can be said no more.
    """
    found = yield from accounts.find(written.provider, written.external_id)
    if found == written:
        return True
    if found is None or found.id != written.id or found.version < written.version:
        return False
    raise OutcomeUnknown


@unit
def is_gone(deleted: Account, *, accounts: Accounts) -> Steps[bool]:
    """Say whether an account is not there, or another one by its name, which has another id."""
    found = yield from accounts.find(deleted.provider, deleted.external_id)
    return found is None or found.id != deleted.id


def _own(
    account: Account | None,
    api_key: str,
    *,
    versions: Collection[int] | None,
    foreign: type[Problem],
) -> Account:
    """Return the account if it is the tenant's and has one of `versions`, if any are given."""
    if account is None:
        raise NotFound
    if account.api_key != api_key:
        raise foreign
    if versions is not None and account.version not in versions:
        raise Stale
    return account


def _linked(account: Account, application_id: str | None) -> Account:
    return replace(
        account,
        application_id=application_id,
        link_version=account.link_version + 1,
        version=account.version + 1,
    )


@unit
def _linkable(application_id: str, api_key: str, applications: Applications) -> Steps[None]:
    # Another process must not take it away between this look and the link.
    application = yield from applications.find_to_link(application_id)
    if application is None or application.api_key != api_key or not application.hears_messages:
        raise Forbidden("Cannot link application", title="Forbidden")
