"""What is sent about an account: a new one, and a change of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from jackfield.accounts import Provider
from jackfield.api.bodies import Fields
from jackfield.api.http import Request
from jackfield.problems import Invalid, InvalidParameter, NotFound
from jackfield.providers import PROVIDERS
from jackfield.providers.contract import Registration

LONGEST_NAME: Final = 255
LONGEST_ID: Final = 128

_FIXED: Final = ("external_id", "api_key", "provider")
_CREDENTIALS: Final = ("access_token", "credentials")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """What a new account brings."""

    external_id: str
    registration: Registration
    name: str | None
    application_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChange:
    """What is to be different: a member that was not sent stays as it is.

    `credentials` holds `access_token` and `credentials` as they were sent, if they were;
    `applications` is None when nothing is said about the link.
    """

    renames: bool
    name: str | None
    applications: Sequence[str] | None
    credentials: Mapping[str, object] = field(repr=False)


def provider_asked_for(request: Request) -> Provider:
    """Return the provider in the path; raise `NotFound` when there is no such."""
    try:
        return Provider(request.parameters["provider"])
    except ValueError:
        raise NotFound from None


def new_account(provider: Provider, fields: Fields) -> NewAccount:
    """Return what a new account brings; raise `Invalid` with every fault (ruling R21)."""
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
    return NewAccount(
        external_id=str(given["external_id"]),
        registration=registration,
        name=name or None,
        application_id=next(iter(applications), None),
    )


def account_change(fields: Fields) -> AccountChange:
    """Return what is to be different; raise `Invalid` with every fault (rulings R9, R21).

    The credentials are looked at later, together with those that stay.
    """
    given = fields.members
    for fixed in _FIXED:
        if fixed in given:
            # The published words, which quote it another way than our other faults.
            fields.add(InvalidParameter(fixed, f"'{fixed}' parameter cannot be changed"))
    name = fields.text("name", shortest=0, longest=LONGEST_NAME)
    applications = fields.texts("applications", most=1, longest=LONGEST_ID)
    fields.close()
    return AccountChange(
        renames="name" in given,
        name=name or None,
        applications=applications if "applications" in given else None,
        credentials={member: given[member] for member in _CREDENTIALS if member in given},
    )
