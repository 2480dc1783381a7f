"""What the commands about pieces that became no message take and give, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from jackfield.accounts import Provider
from jackfield.console.orders import Order


class ListUnread(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`unread.list`: a page in the order they came, behind `after`; of one kind if given."""

    kind: Literal["unread", "differs"] | None = None
    after: str = ""
    limit: int = 50


class PieceLine(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of a verified webhook, without what is in it.

    `kind` is `unread`, or `differs` for a known event that came again with another content.
    """

    id: int
    kind: str
    provider_app: str | None
    provider: str | None
    routing_key: str | None
    reason: str
    bytes: int
    received_at: str


class UnreadListed(msgspec.Struct, frozen=True, kw_only=True):
    """A page; `next` is what `after` must be for the following one, None on the last."""

    pieces: Sequence[PieceLine]
    next: str | None


class ShowUnread(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`unread.show`."""

    id: int


class PieceShown(PieceLine, frozen=True, kw_only=True):
    """One piece with its `body`, what is no UTF-8 in it replaced."""

    body: str


class ReparseUnread(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`unread.reparse`: one piece, or all of them behind `after`, as far as one command goes."""

    id: int | None = None
    after: str = ""


class UnreadReparsed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of so many pieces, in numbers of messages.

    `ignored` pieces were read and say nothing for anybody; `still_unread` ones are kept. `next`
    goes on, None at the end.
    """

    pieces: int
    delivered: int
    held: int
    repeated: int
    unknown: int
    ignored: int
    still_unread: int
    next: str | None


class DiscardUnread(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`unread.discard`: one piece, or all of them (of one kind if given) behind `after`.

    As far as one command goes, and none that came later than the one of the id `up_to`: the newest
    that is there, if none is given. With `dry_run`, only count.
    """

    id: int | None = None
    kind: Literal["unread", "differs"] | None = None
    dry_run: bool = False
    after: str = ""
    up_to: int | None = None


class UnreadDiscarded(msgspec.Struct, frozen=True, kw_only=True):
    """How many of each kind are gone, or would be; `next` goes on, None at the end.

    Whoever goes on, or does what was counted, gives `up_to` back.
    """

    dry_run: bool
    unread: int
    differs: int
    up_to: int
    next: str | None


class ListUnknown(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`unknown.list`: accounts that are not here and were written to, by name, behind `after`."""

    after: str = ""
    limit: int = 50


class UnknownLine(msgspec.Struct, frozen=True, kw_only=True):
    """One of them: how many of its messages are kept, and since when."""

    provider: str
    routing_key: str
    messages: int
    first_at: str
    last_at: str


class UnknownListed(msgspec.Struct, frozen=True, kw_only=True):
    """A page; `next` is what `after` must be for the following one, None on the last."""

    accounts: Sequence[UnknownLine]
    next: str | None


class AssignUnknown(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`unknown.assign`: to the account that the routing key names now, behind `after`.

    With `dry_run`, only count.
    """

    provider: Provider
    routing_key: str
    dry_run: bool = False
    after: str = ""


class UnknownAssigned(msgspec.Struct, frozen=True, kw_only=True):
    """Whose they are now, and what became of them; `next` goes on, None at the end.

    Those `left` are not for this account: its tenant may not use the provider app that they came
    by, or the provider shows another number.
    """

    provider: Provider
    external_id: str
    api_key: str
    standing: str
    delivered: int
    held: int
    repeated: int
    left: int
    next: str | None


class DiscardUnknown(Order, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`unknown.discard`: what was written to one account, behind `after`; see `DiscardUnread`."""

    provider: Provider
    routing_key: str
    dry_run: bool = False
    after: str = ""
    up_to: int | None = None


class UnknownDiscarded(msgspec.Struct, frozen=True, kw_only=True):
    """How many messages are gone, or would be; see `UnreadDiscarded`."""

    dry_run: bool
    provider: Provider
    routing_key: str
    messages: int
    up_to: int
    next: str | None
