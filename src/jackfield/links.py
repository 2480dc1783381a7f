"""Which application hears an account; at most one may."""

from __future__ import annotations

from jackfield.accounts import Account, Accounts, Draft, Provider
from jackfield.applications import Applications
from jackfield.problems import Conflict, Forbidden, Invalid, InvalidParameter, NotFound
from jackfield.units import Steps, unit


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
) -> Steps[Account]:
    """Link an account of the tenant to one of its applications.

    Raises NotFound for an account the tenant does not have (rulings R7, R29), Forbidden for an
    application that it does not have or that has no messages capability, and Conflict when the
    account holds a link, also one to the same application (ruling R6).
    """
    account = yield from accounts.find(provider, external_id)
    if account is None or account.api_key != api_key:
        raise NotFound
    yield from _linkable(application_id, api_key, applications)
    linked = yield from accounts.link(account.id, application_id)
    if linked is None:
        raise Conflict("Unable to link application", title="Application conflict")
    return linked


@unit
def _linkable(application_id: str, api_key: str, applications: Applications) -> Steps[None]:
    application = yield from applications.find(application_id)
    if application is None or application.api_key != api_key or not application.hears_messages:
        raise Forbidden("Cannot link application", title="Forbidden")
