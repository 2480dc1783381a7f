"""The rules of the plain model: who may link, pause, delete or repeat what, and what follows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from jackfield.clock import Moment
from jackfield.problems import Conflict, Forbidden, Invalid, NotFound
from model.plain_model import Model
from model.plain_values import Account, Message, Problems, State, Target, Tenant, Url


def register(model: Model, name: str, account: Account) -> Problems:
    if account.application is not None and not _is_linkable(model, account, account.application):
        return Forbidden
    there = model.accounts.get(name)
    if there is not None:
        return Invalid if there.api_key == account.api_key else Forbidden
    model.accounts_made += 1
    model.accounts[name] = replace(account, number=model.accounts_made)
    return None


def link(model: Model, name: str, application: str) -> Problems:
    account = model.accounts.get(name)
    if account is None:
        return NotFound
    if not _is_linkable(model, account, application):
        return Forbidden
    if account.application is not None:
        return Conflict
    model.accounts[name] = replace(account, application=application, is_marked=True)
    return None


def unlink(model: Model, name: str, application: str) -> Problems:
    account = model.accounts.get(name)
    if account is None:
        return NotFound
    if account.application != application:
        there = model.applications.get(application)
        is_foreign = there is not None and there.api_key != account.api_key
        return Forbidden if is_foreign else Conflict
    model.accounts[name] = replace(account, application=None)
    return None


def swap(model: Model, name: str, application: str | None) -> Problems:
    account = model.accounts.get(name)
    if account is None:
        return NotFound
    if application not in {None, account.application}:
        assert application is not None
        if not _is_linkable(model, account, application):
            return Forbidden
        account = replace(account, is_marked=True)
    model.accounts[name] = replace(account, application=application)
    return None


def delete(model: Model, name: str) -> Problems:
    account = model.accounts.pop(name, None)
    if account is None:
        return NotFound
    for message in [*model.pending(), *model.held()]:
        if message.account == account.number:
            model.end(message, State.DEAD)
    return None


def vouch(model: Model, name: str) -> None:
    account = model.accounts.get(name)
    if account is not None and account.is_claimed:
        model.accounts[name] = replace(account, is_claimed=False, is_marked=True)


def describe(model: Model, application: str, *, url: str | None, hears_messages: bool) -> Problems:
    there = model.applications.get(application)
    if there is None:
        return NotFound
    model.applications[application] = replace(there, url=url, hears_messages=hears_messages)
    if there.hears_messages and not hears_messages:
        _unbind(model, application)
    elif url is None:
        model.take_back(Target(there.api_key, application))
    elif there.url is None:
        holding = {message.account for message in model.held()}
        model.mark(*(a.number for a in _linked(model, application) if a.number in holding))
    return None


def remove(model: Model, application: str) -> Problems:
    if application not in model.applications:
        return NotFound
    _unbind(model, application)
    del model.applications[application]
    return None


def change_tenant(model: Model, api_key: str, tenant: Tenant) -> None:
    there = model.tenants[api_key]
    model.tenants[api_key] = tenant
    has_url_now = there.own_url is None and tenant.own_url is not None
    if has_url_now or (there.is_disabled and not tenant.is_disabled):
        model.mark(*(message.account for message in model.held()), of=api_key)
    if there.own_url is not None and tenant.own_url is None:
        model.take_back(Target(api_key, None))


def pause(model: Model, url: Url) -> bool:
    is_new = url not in model.paused
    model.paused.add(url)
    return is_new


def resume(model: Model, url: Url, *, now: Moment) -> bool:
    if url not in model.paused:
        return False
    model.paused.discard(url)
    model.resumed[url] = now
    return True


def _is_linkable(model: Model, account: Account, application: str) -> bool:
    there = model.applications.get(application)
    return there is not None and there.api_key == account.api_key and there.hears_messages


def _linked(model: Model, application: str) -> Collection[Account]:
    return [one for one in model.accounts.values() if one.application == application]


def _unbind(model: Model, application: str) -> None:
    for name, account in list(model.accounts.items()):
        if account.application == application:
            model.accounts[name] = replace(account, application=None)
    model.take_back(Target(model.applications[application].api_key, application))


def replay(model: Model, texts: Sequence[str], *, now: Moment) -> tuple[int, int]:
    """Send again what has ended; return how many go where they were bound, and how many are held.

    Those are held that go to whoever hears their account now, because their own target is gone.
    """
    ended = [model.messages[text] for text in dict.fromkeys(texts)]
    ended = [message for message in ended if message.state in {State.DELIVERED, State.DEAD}]
    again = [one for one in ended if one.target is not None and _is_there(model, one.target)]
    for message in again:
        assert message.target is not None
        model.bind(replace(message, is_displaced=True), message.target, now=now)
    others = [one for one in ended if one not in again and model.hearer_of(one) is not None]
    for message in others:
        model.hold(message)
    model.mark(*(message.account for message in others))
    return len(again), len(others)


def _is_there(model: Model, target: Target) -> bool:
    if target.application is None:
        return model.url_of(target) is not None
    there = model.applications.get(target.application)
    return there is not None and there.url is not None and there.hears_messages


def rebind(model: Model, api_key: str | None) -> int:
    """Hold again what waits for somebody its account is not linked to; return how many.

    What is behind that in the conversation it joins is held too, to keep the order.
    """
    misplaced = [
        message
        for message in model.pending()
        if api_key in {None, message.api_key} and _is_misplaced(model, message)
    ]
    joined = {(one.account, one.person, _linked_to(model, one)) for one in misplaced}
    behind = [
        message
        for message in model.pending()
        if message not in misplaced and not message.is_aside and _place(message) in joined
    ]
    for message in [*misplaced, *behind]:
        model.hold(message)
        model.mark(message.account)
    return len(misplaced)


def _place(message: Message) -> tuple[int, str, str | None]:
    assert message.target is not None
    return message.account, message.person, message.target.application


def _is_misplaced(model: Model, message: Message) -> bool:
    assert message.target is not None
    is_there = model.account(message.account) is not None
    return is_there and message.target.application != _linked_to(model, message)


def _linked_to(model: Model, message: Message) -> str | None:
    """Return the application that is linked to its account, if that hears anything."""
    account = model.account(message.account)
    if account is None or account.application is None:
        return None
    there = model.applications[account.application]
    return account.application if there.hears_messages and there.url is not None else None
