"""The account itself, on logs made by hand: where the planted defects leave a case open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from ledger import account
from ledger.account import Account, Checker, Logs
from ledger.duplicates import IN_FLIGHT
from ledger.final_store import Attempt, Delivery, FinalStore
from ledger.logs import End, Generation, ProviderLog, Request, Said
from ledger.manners import Manner
from ledger.traffic import PAGES, Event, Fate

RED = PAGES[0]


def event(number: int, *, position: int = 0) -> Event:
    """Return what one person says to the red application's page."""
    name = f"event-1-{number}"
    return Event(name, 1, RED, "ann", "ann", f"{name} hello", name, Fate.HEARD, position, {})


def said(
    number: int,
    *,
    sent: int,
    acknowledged: int | None,
    post: str = "",
    position: int = 0,
) -> Said:
    """Return an event in the provider's logs, in a POST of its own unless one is named."""
    return Said(event(number, position=position), post or str(number), sent, acknowledged)


def request(
    number: int,
    *,
    arrived: int,
    ended: int | None = None,
    generation: int = 1,
    manner: Manner = Manner.OK,
) -> Request:
    """Return a request about an event, answered at once unless said otherwise."""
    told = event(number)
    document = {"text": told.text, "to": RED.external_id, "from": "ann"}
    return Request(
        "red",
        generation,
        f"delivery-{number}",
        told.text.encode(),
        document,
        (),
        arrived,
        manner,
        ended or arrived + 1,
        manner.is_acceptance,
    )


def closed(
    provider: Sequence[Said],
    requests: Sequence[Request],
    *,
    store: FinalStore | None = None,
    end: End = End.STOPPED,
    excuse: str | None = None,
) -> Account:
    """Return the account of two lives, the first of which ended so."""
    lives = {
        1: Generation(1, 1, "a fault", began=1_000, ended=2_000, end=end, excuse=excuse),
        2: Generation(2, 0, "none", began=3_000, ended=4_000),
    }
    log = ProviderLog({one.event.id: one for one in provider})
    return account.close(Logs(log, requests, store or FinalStore(), lives, in_flight=256))


def found(account: Account) -> list[Checker]:
    """Return what was found."""
    return [finding.checker for finding in account.findings]


def test_what_was_never_acknowledged_may_be_missing() -> None:
    assert found(closed([said(1, sent=1, acknowledged=None)], [])) == []


def test_what_was_acknowledged_may_not() -> None:
    assert found(closed([said(1, sent=1, acknowledged=2)], [])) == [Checker.LOST]


@pytest.mark.parametrize(
    ("delivery", "findings"),
    [
        (Delivery("delivery-1", "held"), []),
        (Delivery("delivery-1", "dead"), []),
        (Delivery("delivery-1", "pending", is_to_be_done=True, is_paused=True), []),
        (Delivery("delivery-1", "pending", is_to_be_done=True), [Checker.STUCK]),
        (Delivery("delivery-1", "pending"), [Checker.LOST]),
        (Delivery("delivery-1", "delivered"), [Checker.LOST]),
    ],
)
def test_the_store_is_believed_as_far_as_something_comes_of_it(
    delivery: Delivery, findings: list[Checker]
) -> None:
    store = FinalStore(deliveries={"event-1-1": [delivery]})

    assert found(closed([said(1, sent=1, acknowledged=2)], [], store=store)) == findings


def test_a_repeat_after_a_kill_is_explained_while_its_outcome_was_not_recorded() -> None:
    provider = [said(1, sent=1, acknowledged=2)]
    requests = [request(1, arrived=3), request(1, arrived=9, generation=2)]

    killed = closed(provider, requests, end=End.KILLED)
    stopped = closed(provider, requests, end=End.STOPPED)
    recorded = FinalStore(attempts={"delivery-1": [Attempt(1_500, "delivered")]})
    known = closed(provider, requests, end=End.KILLED, store=recorded)

    assert found(killed) == []
    assert killed.total()[f"because: {IN_FLIGHT}"] == 1
    assert found(stopped) == found(known) == [Checker.UNEXPLAINED]


def test_what_retention_let_go_is_remembered_and_what_it_had_to_keep_is_not() -> None:
    provider = [said(1, sent=1, acknowledged=2), said(2, sent=1, acknowledged=2)]
    repeated = [request(1, arrived=3), request(1, arrived=9, generation=2)]
    recorded = {"delivery-1": [Attempt(1_500, "delivered")]}
    store = FinalStore()
    store.remember(FinalStore(kept={"differs": {"event-1-2"}}, attempts=recorded))

    swept = closed(provider, repeated, end=End.KILLED, store=store)
    forgotten = closed(provider, repeated, end=End.KILLED)

    assert found(swept) == [Checker.UNEXPLAINED]
    assert found(forgotten) == [Checker.LOST]
    assert swept.total()["let go"] == 1


def test_a_repeat_within_one_life_is_explained_by_a_bad_answer_only() -> None:
    provider = [said(1, sent=1, acknowledged=2)]

    bad = closed(
        provider, [request(1, arrived=3, manner=Manner.SERVER_ERROR), request(1, arrived=9)]
    )
    good = closed(provider, [request(1, arrived=3), request(1, arrived=9)], end=End.KILLED)

    assert found(bad) == []
    assert found(good) == [Checker.UNEXPLAINED]


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [(["timed_out", "delivered"], []), (["delivered"], [Checker.UNEXPLAINED])],
)
def test_a_repeat_in_a_life_that_was_frozen_is_explained_if_an_attempt_failed(
    outcomes: list[str], expected: list[Checker]
) -> None:
    provider = [said(1, sent=1, acknowledged=2)]
    attempts = [Attempt(1_100 + number, outcome) for number, outcome in enumerate(outcomes)]
    store = FinalStore(attempts={"delivery-1": attempts})

    account = closed(
        provider, [request(1, arrived=3), request(1, arrived=9)], store=store, excuse="frozen"
    )

    assert found(account) == expected


def test_two_of_one_conversation_in_flight_at_a_kill_are_one_too_many() -> None:
    provider = [said(n, sent=1, acknowledged=20) for n in (1, 2)]
    requests = [
        *(request(n, arrived=2 + n, ended=8) for n in (1, 2)),
        *(request(n, arrived=10 + 2 * n, generation=2) for n in (1, 2)),
    ]

    assert found(closed(provider, requests, end=End.KILLED)) == [Checker.UNEXPLAINED]


def test_what_was_sent_after_another_was_acknowledged_comes_after_its_answer() -> None:
    provider = [said(1, sent=1, acknowledged=2), said(2, sent=3, acknowledged=4)]

    in_order = [request(1, arrived=5, ended=6), request(2, arrived=7)]
    too_soon = [request(1, arrived=5, ended=8), request(2, arrived=7)]
    before = [request(2, arrived=5), request(1, arrived=7)]

    assert found(closed(provider, in_order)) == []
    assert found(closed(provider, too_soon)) == [Checker.INVERSION]
    assert found(closed(provider, before)) == [Checker.INVERSION]


def test_no_order_is_promised_for_what_was_under_way_at_the_same_time() -> None:
    provider = [said(1, sent=1, acknowledged=4), said(2, sent=2, acknowledged=3)]

    assert found(closed(provider, [request(1, arrived=5), request(2, arrived=7)])) == []
    assert found(closed(provider, [request(2, arrived=5), request(1, arrived=7)])) == []


def test_within_one_post_the_position_is_the_order() -> None:
    provider = [said(n, sent=1, acknowledged=2, post="one", position=n) for n in (1, 2)]
    swapped = [request(2, arrived=5), request(1, arrived=7)]
    carried_by_another = [provider[0], replace(provider[1], is_place_known=False)]

    assert found(closed(provider, swapped)) == [Checker.INVERSION]
    assert found(closed(carried_by_another, swapped)) == []


def test_what_went_aside_has_no_place_in_the_order() -> None:
    provider = [said(1, sent=1, acknowledged=2), said(2, sent=3, acknowledged=4)]
    aside = Delivery("delivery-1", "delivered", is_aside=True)
    store = FinalStore(deliveries={"event-1-1": [aside]})

    made = closed(provider, [request(2, arrived=5), request(1, arrived=7)], store=store)

    assert found(made) == []
    assert made.total()["aside"] == 1


def test_one_event_has_one_delivery_and_the_same_bytes() -> None:
    provider = [said(1, sent=1, acknowledged=2)]
    first, again = request(1, arrived=3), request(1, arrived=9, generation=2)

    two = closed(provider, [first, replace(again, webhook_id="another")], end=End.KILLED)
    bytes_differ = closed(provider, [first, replace(again, body=b"other")], end=End.KILLED)

    assert found(two) == [Checker.UNEXPLAINED]
    assert found(bytes_differ) == [Checker.CORRUPTED]
