"""Whatever is asked of an account, in any order or all at once: one link at most, as told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, permutations
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from external_accounts import BASE, page
from gateway import Client, Doors, application, opened

OWNER, OTHER = "acme0001", "umbr0002"
ACCOUNTS = ("a", "b")
HEARING = {"desk": OWNER, "till": OWNER, "theirs": OTHER}
"""The applications that can be linked, and by whom."""

OWNED = HEARING | {"deaf": OWNER}
APPLICATIONS = (*OWNED, "unknown")

_examples = count(1)


@dataclass(frozen=True)
class Act:
    """One request: `kind` is what it asks for, `application` which one it names, if any."""

    kind: str
    account: str
    application: str | None
    who: str


often = ("link", "link", "unlink", "swap")
acts = st.builds(
    Act,
    st.sampled_from((*often, *often, "create", "delete")),
    st.sampled_from(("a", "a", "a", "b")),
    st.sampled_from(("desk", "desk", "till", "till", *APPLICATIONS)),
    st.sampled_from((OWNER, OWNER, OWNER, OWNER, OTHER)),
) | st.builds(
    Act,
    st.sampled_from(("create", "swap")),
    st.sampled_from(ACCOUNTS),
    st.none(),
    st.sampled_from((OWNER, OWNER, OTHER)),
)
"""Mostly what can succeed, or little would ever be linked."""

State: TypeAlias = dict[str, tuple[str, str | None]]
"""The owner of each account that is there, and the application it is linked to."""


# The model, from the contract alone --------------------------------------------------------


def expected(state: State, act: Act) -> tuple[int, State]:
    """Return the status that an act is answered with, and what is there afterwards."""
    there = state.get(act.account)
    status = refusal(there, act)
    if status is not None:
        return status, state
    left = {name: one for name, one in state.items() if name != act.account}
    match act.kind:
        case "create":
            return 201, state | {act.account: (act.who, act.application)}
        case "link" | "swap":
            return 200, left | {act.account: (act.who, act.application)}
        case "unlink":
            return 204, left | {act.account: (act.who, None)}
        case _:
            return 204, left


def refusal(there: tuple[str, str | None] | None, act: Act) -> int | None:
    """Return the status that refuses an act, or None when it is done."""
    if act.kind == "create" or there is None:
        return of_creation(there, act) if act.kind == "create" else 404
    owner, linked = there
    if owner != act.who:
        return 404 if act.kind in {"link", "unlink"} else 403
    if act.kind == "unlink":
        return of_unlinking(linked, act)
    if act.kind == "delete" or (act.kind == "swap" and act.application == linked):
        return None
    if not may_link(act):
        return 403
    return 409 if act.kind == "link" and linked is not None else None


def of_creation(there: tuple[str, str | None] | None, act: Act) -> int | None:
    if not may_link(act):
        return 403
    if there is None:
        return None
    return 400 if there[0] == act.who else 403


def of_unlinking(linked: str | None, act: Act) -> int | None:
    if act.application == linked:
        return None
    return 403 if OWNED.get(str(act.application), act.who) != act.who else 409


def may_link(act: Act) -> bool:
    return act.application is None or HEARING.get(act.application) == act.who


# The gateway -------------------------------------------------------------------------------


@dataclass(frozen=True)
class There:
    """A gateway with two tenants, and their applications by the names above."""

    callers: Mapping[str, Client]
    ids: Mapping[str, str]

    async def perform(self, act: Act, *, example: int) -> int:
        """Ask for it, and return the status."""
        caller, name = self.callers[act.who], f"{example}-{act.account}"
        one = f"{BASE}/messenger/{name}"
        wanted = "" if act.application is None else self.ids[act.application]
        linked = [wanted] if wanted else []
        match act.kind:
            case "create":
                answer = await page(caller, name, applications=linked)
            case "link":
                answer = await caller.post(one + "/applications", {"application": wanted})
            case "unlink":
                answer = await caller.ask("DELETE", f"{one}/applications/{wanted}")
            case "swap":
                answer = await caller.ask("PATCH", one, body={"applications": linked})
            case _:
                answer = await caller.ask("DELETE", one)
        return answer.status

    async def state(self, *, example: int) -> State:
        """Return what both tenants are shown; there is no room for a second link in it."""
        names = {number: name for name, number in self.ids.items()}
        found: State = {}
        for who, caller in self.callers.items():
            for account in ACCOUNTS:
                answer = await caller.get(f"{BASE}/messenger/{example}-{account}")
                if answer.status == 200:
                    assert account not in found
                    linked = answer.json["applications"]
                    assert len(linked) <= 1
                    found[account] = (who, names[linked[0]] if linked else None)
        return found


async def there(doors: Doors) -> There:
    callers = {who: await doors.tenant(who) for who in (OWNER, OTHER)}
    ids = {name: await application(callers[who]) for name, who in HEARING.items()}
    deaf = await callers[OWNER].post("/v2/applications", {"name": "Deaf"})
    ids |= {"deaf": deaf.json["id"], "unknown": "78d335fa-323d-0114-9c3d-d6f0d48968cf"}
    return There(callers, ids)


@pytest.fixture
async def both(sqlite_url: str, postgres_url: str) -> AsyncIterator[list[There]]:
    async with opened(sqlite_url) as sqlite, opened(postgres_url) as postgres:
        yield [await there(sqlite), await there(postgres)]


# Names are new in each example, so the gateways may be the same for all of them.
shared = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@shared
@given(history=st.lists(acts, min_size=5, max_size=25))
async def test_each_answer_and_what_is_left_are_as_the_contract_says(
    both: list[There], history: Sequence[Act]
) -> None:
    example = next(_examples)
    for gateway in both:
        state: State = {}
        for act in (Act("create", "a", None, OWNER), *history):
            told, state = expected(state, act)
            assert (act, await gateway.perform(act, example=example)) == (act, told)
        assert await gateway.state(example=example) == state


@shared
@given(before=st.lists(acts, max_size=4), at_once=st.lists(acts, min_size=3, max_size=5))
async def test_what_is_asked_all_at_once_is_answered_as_in_some_order(
    both: list[There], before: Sequence[Act], at_once: Sequence[Act]
) -> None:
    example = next(_examples)
    for gateway in both:
        start: State = {}
        for act in (Act("create", "a", None, OWNER), *before):
            told, start = expected(start, act)
            assert await gateway.perform(act, example=example) == told

        statuses = await asyncio.gather(
            *(gateway.perform(act, example=example) for act in at_once)
        )

        left = await gateway.state(example=example)
        assert any(
            fits(order, start=start, left=left)
            for order in permutations(list(zip(at_once, statuses, strict=True)))
        ), (statuses, left)


def fits(order: Sequence[tuple[Act, int]], *, start: State, left: State) -> bool:
    """Say whether these answers in this order lead from one state to the other."""
    state = start
    for act, status in order:
        told, state = expected(state, act)
        if told != status:
            return False
    return state == left
