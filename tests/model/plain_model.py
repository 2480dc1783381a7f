"""What must be true of every message: the rules once more, in memory, without a database.

It knows who hears an account, whom a message is bound to, and how each attempt moves it. It does
not know how the store finds, orders or keeps anything; that is what it is held against.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from jackfield.clock import Moment, after
from jackfield.deliveries import Outcome
from model.plain_values import (
    GIVE_UP_AFTER,
    ORDER_HOLD,
    Account,
    Application,
    Message,
    Said,
    State,
    Target,
    Tenant,
    Url,
)


@dataclass
class Model:
    """All that is remembered; `copy` gives another that could have happened instead."""

    tenants: dict[str, Tenant] = field(default_factory=dict)
    applications: dict[str, Application] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    people: dict[tuple[int, str], str] = field(default_factory=dict)
    events: set[tuple[str, str]] = field(default_factory=set)
    messages: dict[str, Message] = field(default_factory=dict)
    paused: set[Url] = field(default_factory=set)
    resumed: dict[Url, Moment] = field(default_factory=dict)
    succeeded: dict[Url, Moment] = field(default_factory=dict)
    accounts_made: int = 0
    turns: int = 0

    def copy(self) -> Model:
        return Model(
            dict(self.tenants),
            dict(self.applications),
            dict(self.accounts),
            dict(self.people),
            set(self.events),
            dict(self.messages),
            set(self.paused),
            dict(self.resumed),
            dict(self.succeeded),
            self.accounts_made,
            self.turns,
        )

    # Who hears ---------------------------------------------------------------------------

    def hearer(self, account: Account) -> Target | None:
        """Return whom a message to the account is bound to now, None when it must wait."""
        tenant = self.tenants[account.api_key]
        if tenant.is_disabled or account.is_claimed:
            return None
        if account.application is not None:
            application = self.applications[account.application]
            if application.hears_messages and application.url is not None:
                return Target(account.api_key, account.application)
        return Target(account.api_key, None) if tenant.own_url is not None else None

    def hearer_of(self, message: Message) -> Target | None:
        account = self.account(message.account)
        return None if account is None else self.hearer(account)

    def account(self, number: int) -> Account | None:
        return next((one for one in self.accounts.values() if one.number == number), None)

    def url_of(self, target: Target) -> str | None:
        if target.application is None:
            return self.tenants[target.api_key].own_url
        application = self.applications.get(target.application)
        return None if application is None else application.url

    # What happens to messages ------------------------------------------------------------

    def hear(self, said: Iterable[Said], *, now: Moment) -> tuple[int, int, int, int]:
        """Accept events; return how many were bound, held, repeats, and for nobody known."""
        bound = held = repeated = unknown = 0
        for one in said:
            account = self.accounts.get(one.account)
            if account is None:
                unknown += 1
                continue
            if (one.account, one.key) in self.events:
                repeated += 1
                continue
            self.events.add((one.account, one.key))
            message = Message(
                one.text,
                len(self.messages),
                account.number,
                self._person(account, one.people),
                account.api_key,
                now,
            )
            self.messages[one.text] = message
            target = self.hearer(account)
            if target is None or account.is_marked:
                held += 1
            else:
                bound += 1
                self.bind(message, target, now=now)
        return bound, held, repeated, unknown

    def _person(self, account: Account, people: Sequence[str]) -> str:
        if not account.has_several_ids:
            return people[0]
        known = (self.people.get((account.number, each)) for each in people)
        person = next((each for each in known if each is not None), people[0])
        for each in people:
            self.people.setdefault((account.number, each), person)
        return person

    def bind(self, message: Message, target: Target, *, now: Moment) -> None:
        self.turns += 1
        self.messages[message.text] = replace(
            message,
            state=State.PENDING,
            target=target,
            binding=message.binding + 1,
            turn=self.turns,
            since=now,
            tries=0,
            failing_since=None,
            is_aside=False,
        )

    def answered(
        self, text: str, binding: int, outcome: Outcome, *, url: Url, begun_at: Moment, now: Moment
    ) -> None:
        """Record how one attempt ended that was made while it was bound for the n-th time."""
        message = self.messages[text]
        is_current = message.state is State.PENDING and message.binding == binding
        if outcome is Outcome.DELIVERED:
            self.succeeded[url] = now
            if is_current or message.state is State.HELD:
                self.end(message, State.DELIVERED, attempts=1)
            return
        if outcome is Outcome.GONE:
            self.paused.add(url)
        if not is_current:
            return
        begun = max(message.since, self.resumed.get(url, message.since))
        if outcome is not Outcome.GONE and now >= after(begun, GIVE_UP_AFTER):
            self.end(message, State.DEAD, attempts=1)
            return
        self.messages[text] = replace(
            message,
            tries=message.tries + 1,
            attempts=message.attempts + 1,
            failing_since=message.failing_since or begun_at,
        )

    def may_go_aside(self, text: str, url: Url, *, now: Moment) -> bool:
        """Return whether it is refused for long enough by a URL that took something meanwhile."""
        since = self.messages[text].failing_since
        return (
            since is not None
            and now >= after(since, ORDER_HOLD)
            and self.succeeded.get(url, since - 1) >= since
        )

    def end(self, message: Message, state: State, *, attempts: int = 0) -> None:
        target = message.target if message.state is State.PENDING else None
        self.messages[message.text] = replace(
            message, state=state, target=target, attempts=message.attempts + attempts
        )

    def take_back(self, target: Target) -> None:
        """Hold again all that waits for somebody who is gone."""
        for message in self.pending():
            if message.target == target:
                self.hold(message)
                self.mark(message.account)

    def hold(self, message: Message) -> None:
        self.messages[message.text] = replace(
            message, state=State.HELD, target=None, is_displaced=True, is_aside=False
        )

    def pending(self) -> list[Message]:
        return [one for one in self.messages.values() if one.state is State.PENDING]

    def held(self) -> list[Message]:
        return [one for one in self.messages.values() if one.state is State.HELD]

    def mark(self, *numbers: int, of: str | None = None) -> None:
        """Let what is held for these accounts go out from now on, those of a tenant's if named."""
        for name, account in list(self.accounts.items()):
            if account.number in numbers and of in {None, account.api_key}:
                self.accounts[name] = replace(account, is_marked=True)
