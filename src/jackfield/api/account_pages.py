"""Pages of a tenant's accounts: which one is asked for, and where its neighbours are."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from jackfield.accounts import AccountPage, Accounts, Provider
from jackfield.api.bodies import Fields
from jackfield.api.http import JSON_CONTENT, Request, Response
from jackfield.api.representations import ACCOUNTS_PATH, AccountBody, AccountPageBody, LinkBody
from jackfield.units import Unit

LARGEST_PAGE: Final = 100
LAST_PAGE: Final = 2**53 - 1
"""The largest number that every JSON reader takes as it is."""

FURTHEST: Final = 2**31 - 1
"""How far into a list a page may begin: beyond it there is nothing anyway."""

_CURSOR_BYTES = 8
_LARGEST_ID = 2**63 - 1

_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """One page as it was asked for (rulings R10 and R25).

    It begins behind the account with the id `after`, or ends before `before`; `page_number` is
    then only its name, for whoever counts. Without either, it is found by counting.
    """

    page_number: int = 1
    page_size: int = 20
    provider: Provider | None = None
    after: int | None = None
    before: int | None = None

    def of(self, accounts: Accounts, api_key: str) -> Unit[AccountPage]:
        """Return the unit that reads this page of one tenant's accounts."""
        provider, limit = self.provider, self.page_size
        if self.before is not None:
            return accounts.page_before(
                api_key, provider=provider, limit=limit, before=self.before
            )
        if self.after is not None:
            return accounts.page(api_key, provider=provider, limit=limit, after=self.after)
        offset = min((self.page_number - 1) * limit, FURTHEST)
        return accounts.page(api_key, provider=provider, limit=limit, offset=offset)


def paging(request: Request) -> Paging:
    """Return the page that a query asks for; raise `Invalid` with every fault."""
    fields = Fields(request.query)
    page_number = fields.number("page_number", default=1, largest=LAST_PAGE)
    page_size = fields.number("page_size", default=20, largest=LARGEST_PAGE)
    word = request.query.get("provider")
    provider = next((each for each in Provider if each == word), None)
    if word is not None and provider is None:
        fields.refuse("provider", f"must be one of: {', '.join(Provider)}")
    after, before = _cursor(fields, "after"), _cursor(fields, "before")
    if "after" in request.query and "before" in request.query:
        fields.refuse("before", "cannot be used together with `after`")
    fields.close()
    return Paging(
        page_number=page_number,
        page_size=page_size,
        provider=provider,
        after=after,
        before=before,
    )


def account_page_response(
    bodies: Sequence[AccountBody], *, page: AccountPage, paging: Paging, base: str
) -> Response:
    """Return the answer that holds one page; `base` begins its links, such as `https://host`.

    `next` is left out on the last page and `prev` on the first; of a page past the end, `prev`
    is the last one there is. Both carry where they begin, so that walking costs the same
    everywhere and shows every account once, whatever is made or deleted meanwhile.
    """
    total_pages = -(-page.total // paging.page_size)
    targets = dict(_targets(page, paging, last=max(total_pages, 1)))
    rest = f"&page_size={paging.page_size}"
    rest += f"&provider={paging.provider}" if paging.provider else ""
    start = f"{base}{ACCOUNTS_PATH}?page_number="
    body = AccountPageBody(
        page_number=paging.page_number,
        page_size=paging.page_size,
        total_items=page.total,
        total_pages=total_pages,
        embedded=list(bodies),
        links={name: LinkBody(f"{start}{n}{rest}{at}") for name, (n, at) in targets.items()},
    )
    return Response(body=_encoder.encode(body), headers=(JSON_CONTENT,))


def _targets(
    page: AccountPage, paging: Paging, *, last: int
) -> Iterator[tuple[str, tuple[int, str]]]:
    """Yield each link's name, its page's number and the rest of its query."""
    yield "self", (paging.page_number, _after(paging.after) + _before(paging.before))
    yield "first", (1, "")
    yield "last", (last, "")
    is_backward = paging.before is not None
    if page.has_more if is_backward else paging.page_number > 1:
        yield "prev", _prev(page, paging, last=last)
    # Who came backward came from the next page.
    if is_backward or page.has_more:
        following = page.accounts[-1].id if page.accounts else (paging.before or 1) - 1
        yield "next", (paging.page_number + 1, _after(following))


def _prev(page: AccountPage, paging: Paging, *, last: int) -> tuple[int, str]:
    number = max(paging.page_number - 1, 1)
    if page.accounts:
        return number, _before(page.accounts[0].id)
    if paging.after is not None:
        return number, _before(min(paging.after + 1, _LARGEST_ID))
    return min(number, last), ""


def _after(account_id: int | None) -> str:
    return "" if account_id is None else f"&after={_opaque(account_id)}"


def _before(account_id: int | None) -> str:
    return "" if account_id is None else f"&before={_opaque(account_id)}"


def _opaque(account_id: int) -> str:
    encoded = base64.urlsafe_b64encode(account_id.to_bytes(_CURSOR_BYTES))
    return encoded.decode().rstrip("=")


def _cursor(fields: Fields, name: str) -> int | None:
    """Return the id that an opaque text stands for; None when there is none, or it is not ours."""
    given = fields.members.get(name)
    if given is None:
        return None
    try:
        number = int.from_bytes(base64.urlsafe_b64decode(f"{given}="))
    except (binascii.Error, ValueError):
        number = -1
    if 0 <= number <= _LARGEST_ID and _opaque(number) == given:
        return number
    fields.refuse(name, "must be taken from a `next` or `prev` link; or begin without it")
    return None
