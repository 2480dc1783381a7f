"""What every command refuses in the same words, each of which says what to do next."""

from __future__ import annotations

import re

from jackfield.accounts import Provider
from jackfield.egress import check_url
from jackfield.problems import Invalid, InvalidParameter, NotFound

MOST_SECRETS = 2
"""Of a kind at once: enough to rotate without a gap."""

_API_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")
_WEBHOOK_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_LONGEST = 255


def check_key(api_key: str | None) -> None:
    """Raise Invalid for an API key that no Basic header could carry."""
    if api_key is not None and not _API_KEY.fullmatch(api_key):
        raise invalid("api_key", "an API key is 1 to 64 of A-Z, a-z, 0-9, _ and -")


def check_webhook_name(name: str) -> None:
    """Raise Invalid for a name that cannot end a path."""
    if not _WEBHOOK_NAME.fullmatch(name):
        raise invalid("name", "a name is 1 to 63 of a-z, 0-9 and -, as it ends a webhook's path")


def check_text(parameter: str, text: str) -> None:
    """Refuse what no header, log line or database can carry, and what copying left behind."""
    if not 1 <= len(text) <= _LONGEST or not text.isprintable() or text != text.strip():
        reason = f"{parameter} is 1 to {_LONGEST} visible characters, no space around them"
        raise invalid(parameter, reason)


def check_address(parameter: str, url: str) -> None:
    """Raise Invalid for a URL that nothing could ever be sent to."""
    fault = check_url(url)
    if fault is not None:
        raise invalid(parameter, f"{parameter} cannot be used: {fault}")


def check_piece(piece_id: int) -> None:
    """Raise Invalid for a number that no kept piece can have."""
    if not 0 < piece_id < 2**62:
        raise invalid("id", "an id is a whole number; `jackfield unread list` shows them")


def no_tenant(api_key: str) -> NotFound:
    """Return that there is no such tenant."""
    return NotFound(
        f"There is no tenant with the API key {api_key} "
        "(`jackfield tenants list` shows those there are)",
    )


def named(kind: str | None, name: str) -> str:
    """Return how a command names a provider app that was named so."""
    return name if kind is None else f"{name} --kind {kind}"


def no_provider_app(kind: str | None, name: str) -> NotFound:
    """Return that there is no such provider app."""
    which = "provider app" if kind is None else f"{kind} provider app"
    return NotFound(
        f"There is no {which} named {name} (`jackfield provider-apps list` shows those there are)",
    )


def no_account(provider: Provider, external_id: str) -> NotFound:
    """Return that there is no such account."""
    return NotFound(
        f"There is no {provider} account {external_id} "
        f"(`jackfield accounts list --provider {provider}` shows those there are)",
    )


def no_application(application_id: str) -> NotFound:
    """Return that there is no such application."""
    return NotFound(
        f"There is no application {application_id} "
        "(`jackfield applications list` shows those there are)",
    )


def no_delivery(delivery_id: str) -> NotFound:
    """Return that there is no such delivery."""
    return NotFound(
        f"There is no delivery {delivery_id} (`jackfield deliveries list` shows those there are)",
    )


def no_piece(piece_id: int) -> NotFound:
    """Return that there is no such piece, or that it is for an unknown account."""
    return NotFound(
        f"There is no piece {piece_id} here (`jackfield unread list` shows those there are)",
    )


def no_destination(api_key: str, url: str) -> NotFound:
    """Return that a tenant has no such URL."""
    return NotFound(
        f"The tenant {api_key} hears nothing at {url} "
        f"(`jackfield applications list --tenant {api_key}` shows where its applications hear)",
    )


def no_secret(secret_id: int, *, see: str) -> NotFound:
    """Return that there is no secret of that id; `see` is the command that lists the ids."""
    return NotFound(f"There is no secret {secret_id} here (`{see}` shows those there are)")


def invalid(parameter: str, reason: str) -> Invalid:
    """Return that one parameter cannot be used."""
    return Invalid(InvalidParameter(parameter, reason))
