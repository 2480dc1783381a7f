"""The operations on accounts, each kind by itself as the contract has them."""

from __future__ import annotations

from typing import Final

from jackfield.accounts import Provider
from jackfield.api.account_pages import LARGEST_PAGE, LAST_PAGE
from jackfield.api.openapi_operation import Operation, query, whole
from jackfield.api.openapi_refusal import Schema
from jackfield.api.openapi_schemas import KINDS, ref
from jackfield.api.representations import ACCOUNTS_PATH

ACCOUNTS: Final = "External Accounts"

_KIND: Final = ACCOUNTS_PATH + "/{provider}"
_ONE: Final = _KIND + "/{external_id}"
_LINKS: Final = _ONE + "/applications"

EITHER: Final[tuple[Schema, ...]] = ({"basic": []}, {"bearer": []})
_ACCOUNT: Final = ("AccountUnauthorised", "AccountWrongMethod", "AccountBug", "AccountUnavailable")
_READ: Final = ("AccountForbidden", "AccountInvalid")
_SENT: Final = ("AccountInvalid", "AccountTooSlow", "AccountTooLarge")


def account_operations() -> list[Operation]:
    """Return the operations of the External Accounts API, in the order of the document."""
    kinds = [each for provider in KINDS for each in _of_one_kind(provider)]
    return [_listing(), *kinds, _link(), _unlink()]


def _listing() -> Operation:
    number = query("page_number", whole(LAST_PAGE, 1), "Which page, from 1.")
    size = query("page_size", whole(LARGEST_PAGE, 20), "Accounts on a page.")
    kind = query("provider", {"enum": [p.value for p in KINDS]}, "Only this kind.")
    behind = "Opaque, from a `next` link: walking costs the same on every page."
    after = query("after", {"type": "string"}, behind)
    before = query("before", {"type": "string"}, behind.replace("next", "prev"))
    return Operation(
        method="GET",
        path=ACCOUNTS_PATH,
        route=ACCOUNTS_PATH + "/?",
        name="GetAllAccounts",
        tag=ACCOUNTS,
        summary="List your accounts, in the order they were made",
        answer=ref("AccountPage"),
        parameters=(kind, number, size, after, before),
        security=EITHER,
        refusals=(*_ACCOUNT, *_READ),
    )


def _of_one_kind(provider: Provider) -> list[Operation]:
    return [_made(provider), _shown(provider), _changed(provider), _deleted(provider)]


def _made(provider: Provider) -> Operation:
    short, called = KINDS[provider]
    return Operation(
        method="POST",
        path=f"{ACCOUNTS_PATH}/{provider}",
        route=_KIND,
        name=f"Create{short}Account",
        tag=ACCOUNTS,
        summary=f"Create {called} account",
        status=201,
        answer=ref(f"{short}Account"),
        has_version=True,
        body=ref(f"New{short}Account"),
        parameters=("idempotency_key",),
        security=EITHER,
        refusals=(
            *_ACCOUNT,
            *_SENT,
            "AccountLinkForbidden",
            "AccountKeyInUse",
            "AccountKeyReused",
        ),
    )


def _shown(provider: Provider) -> Operation:
    short, called = KINDS[provider]
    return Operation(
        method="GET",
        path=_one(provider),
        route=_ONE,
        name=f"Get{short}Account",
        tag=ACCOUNTS,
        summary=f"Retrieve {called} account",
        answer=ref(f"{short}Account"),
        has_version=True,
        parameters=("external_id",),
        security=EITHER,
        refusals=(*_ACCOUNT, *_READ, "AccountNotFound"),
    )


def _changed(provider: Provider) -> Operation:
    short, called = KINDS[provider]
    return Operation(
        method="PATCH",
        path=_one(provider),
        route=_ONE,
        name=f"Update{short}Account",
        tag=ACCOUNTS,
        summary=f"Update {called} account",
        answer=ref(f"{short}Account"),
        has_version=True,
        body=ref(f"{short}AccountChange"),
        needs_body=False,
        parameters=("external_id", "if_match"),
        security=EITHER,
        refusals=(*_ACCOUNT, *_SENT, "AccountLinkForbidden", "AccountNotFound", "AccountStale"),
    )


def _deleted(provider: Provider) -> Operation:
    short, called = KINDS[provider]
    return Operation(
        method="DELETE",
        path=_one(provider),
        route=_ONE,
        name=f"Delete{short}Account",
        tag=ACCOUNTS,
        summary=f"Delete {called} account, and its link",
        status=204,
        parameters=("external_id", "if_match"),
        security=EITHER,
        refusals=(*_ACCOUNT, *_READ, "AccountNotFound", "AccountStale"),
    )


def _one(provider: Provider) -> str:
    return f"{ACCOUNTS_PATH}/{provider}" + "/{external_id}"


def _link() -> Operation:
    return Operation(
        method="POST",
        path=_LINKS,
        name="LinkApplication",
        tag=ACCOUNTS,
        summary="Link an application to an account",
        answer=ref("Account"),
        has_version=True,
        body=ref("Link"),
        parameters=("provider", "external_id", "if_match", "idempotency_key"),
        security=EITHER,
        refusals=(
            *_ACCOUNT,
            *_SENT,
            "AccountLinkForbidden",
            "AccountNotFound",
            "AccountLinkConflict",
            "AccountStale",
            "AccountKeyReused",
        ),
    )


def _unlink() -> Operation:
    return Operation(
        method="DELETE",
        path=_LINKS + "/{application_id}",
        # The published id, as it is published.
        name="UnliWithoutApplicationnkApplication",
        tag=ACCOUNTS,
        summary="Unlink an application from an account",
        status=204,
        parameters=("provider", "external_id", "application_id", "if_match"),
        security=EITHER,
        refusals=(
            *_ACCOUNT,
            "AccountInvalid",
            "AccountUnlinkForbidden",
            "AccountNotFound",
            "AccountUnlinkConflict",
            "AccountStale",
        ),
    )
