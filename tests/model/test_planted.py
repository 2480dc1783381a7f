"""The machine can fail: each defect that is planted here is found, and named."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import bindparam, delete, update

from jackfield.accounts import Account
from jackfield.clock import Moment
from jackfield.deliveries import Attempt, Outgoing, Pending
from jackfield.delivery.destinations import Destination
from jackfield.delivery.release import HeldMessage
from jackfield.inbound import Arrival
from jackfield.messages import Event
from jackfield.storage import accounts, arrivals, deliveries, destinations, held
from jackfield.storage.dialects import Prepared
from jackfield.storage.tables import accounts as accounts_table
from jackfield.storage.tables import deliveries as deliveries_table
from jackfield.storage.tables import pending as pending_table
from jackfield.units import Steps, unit
from model.grounds import on_sqlite
from model.playing import play, until_it_fails
from model.process import Parts

_FORGET = Prepared(delete(pending_table).where(pending_table.c.subject == bindparam("of")))
_UNCALL = Prepared(
    update(pending_table)
    .where(
        pending_table.c.conversation == bindparam("of_conversation"),
        pending_table.c.due_at == bindparam("now"),
    )
    .values(due_at=None)
)
_DELETE = Prepared(
    delete(accounts_table)
    .where(accounts_table.c.id == bindparam("of"))
    .returning(accounts_table.c.id)
)
_REBIND = Prepared(
    update(deliveries_table)
    .where(
        deliveries_table.c.account_id == bindparam("of"),
        deliveries_table.c.state == "pending",
    )
    .values(application_id=bindparam("to"))
)


@unit
def _add_and_forget_one(messages: Sequence[Arrival], *, now: Moment) -> Steps[None]:
    yield from arrivals.add(messages, now=now)
    yield _FORGET(of=messages[-1].delivery_id)


@unit
def _claim_all(events: Sequence[tuple[str, Event]], *, now: Moment) -> Steps[set[str]]:
    yield from arrivals.claim(events, now=now)
    return {message_id for message_id, _ in events}


@unit
def _newest(account_id: int, limit: int) -> Steps[list[HeldMessage]]:
    return (yield from held.oldest(account_id, limit))[::-1]


@unit
def _succeed_and_call_nobody(item: Pending, attempt: Attempt, *, now: Moment) -> Steps[bool]:
    yield from deliveries.succeed(item, attempt, now=now)
    yield _UNCALL(of_conversation=item.conversation, now=now)
    return False


@unit
def _everybody_is_first(
    lanes: Mapping[int, int], *, floors: Mapping[int, Moment], lowest: Mapping[int, int]
) -> Steps[dict[int, list[Pending]]]:
    found = yield from deliveries.due(lanes, floors=floors, lowest=lowest)
    return {
        lane: [replace(item, head=item.number) for item in items] for lane, items in found.items()
    }


@unit
def _outgoing_with_other_bytes(item: Pending) -> Steps[Outgoing | None]:
    outgoing = yield from deliveries.outgoing(item)
    if outgoing is None or not item.tries:
        return outgoing
    return replace(outgoing, body=outgoing.body + b" ")


@unit
def _nothing_is_paused(
    *, after: tuple[str, str], limit: int
) -> Steps[dict[tuple[str, str], Destination]]:
    known = yield from destinations.known(after=after, limit=limit)
    return {url: replace(one, paused_at=None) for url, one in known.items()}


@unit
def _delete_and_give_up_nothing(account: Account, *, now: Moment) -> Steps[bool]:
    rows = yield _DELETE(of=account.id)
    return bool(rows)


@unit
def _change_and_rebind(account: Account, changed: Account) -> Steps[Account | None]:
    stored = yield from accounts.change(account, changed)
    if stored is not None and stored.application_id is not None:
        yield _REBIND(of=account.id, to=stored.application_id)
    return stored


def but(module: ModuleType, **others: Callable[..., object]) -> Any:  # noqa: ANN401 -- a module
    """Return a part of the store with some of its units replaced."""
    return SimpleNamespace(**{**vars(module), **others})


PLANTED = [
    ("nobody", Parts(arrivals=but(arrivals, add=_add_and_forget_one)), "to be done: None"),
    ("repeats", Parts(arrivals=but(arrivals, claim=_claim_all)), "it was told"),
    ("newest", Parts(held=but(held, oldest=_newest)), "released before an older one|comes before"),
    (
        "uncalled",
        Parts(deliveries=but(deliveries, succeed=_succeed_and_call_nobody)),
        "nobody will call it",
    ),
    ("overtaken", Parts(deliveries=but(deliveries, due=_everybody_is_first)), "comes before it"),
    (
        "other bytes",
        Parts(deliveries=but(deliveries, outgoing=_outgoing_with_other_bytes)),
        "it had other bytes before",
    ),
    ("unpaused", Parts(destinations=but(destinations, known=_nothing_is_paused)), "is paused"),
    (
        "deleted",
        Parts(accounts=but(accounts, delete=_delete_and_give_up_nothing)),
        "is (pending|held|delivered) and not dead",
    ),
    ("rebound", Parts(accounts=but(accounts, change=_change_and_rebind)), "is bound to"),
]


@pytest.mark.parametrize(
    ("parts", "words"), [case[1:] for case in PLANTED], ids=[case[0] for case in PLANTED]
)
def test_a_planted_defect_is_found(sqlite_template: Path, parts: Parts, words: str) -> None:
    with (
        on_sqlite(sqlite_template) as grounds,
        pytest.raises(AssertionError, match=re.compile(words)),
    ):
        play(grounds, until_it_fails(), parts)
