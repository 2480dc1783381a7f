"""How deliveries are chosen on the command line, and how something long is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jackfield.cli.options import hint
from jackfield.cli.provider_names import ProviderName

if TYPE_CHECKING:
    from collections.abc import Mapping

TenantOption = Annotated[
    str | None, typer.Option("--tenant", metavar="API_KEY", help="Only this tenant's.")
]
ProviderOption = Annotated[ProviderName | None, typer.Option(help="Only of this one's accounts.")]
AccountOption = Annotated[
    str | None,
    typer.Option("--account", metavar="ID", help="Only of this account; give --provider too."),
]
ApplicationOption = Annotated[
    str | None,
    typer.Option("--application", metavar="ID", help="Only what is bound to this application."),
]
StateOption = Annotated[
    str | None, typer.Option(metavar="STATE", help="held, pending, delivered or dead.")
]
ReasonOption = Annotated[
    str | None,
    typer.Option(
        metavar="WORD",
        help="Why it is held (unlinked, ...), or how its last attempt ended (failed, ...).",
    ),
]
FromOption = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", help="Accepted then or later: ISO 8601, else UTC."),
]
UntilOption = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="Accepted before that.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only count; change nothing.")]


def narrowed(
    *,
    tenant: str | None,
    provider: ProviderName | None,
    account: str | None,
    application: str | None,
    state: str | None,
    reason: str | None,
    since: str | None,
    until: str | None,
) -> dict[str, str]:
    """Return what narrows, by the names that orders have; half an account is a BadParameter."""
    if account is not None and provider is None:
        raise typer.BadParameter("an account has a --provider too", param_hint="--account")
    given = {
        "api_key": tenant,
        "provider": None if provider is None else provider.value,
        "external_id": account,
        "application_id": application,
        "state": state,
        "reason": reason,
        "since": since,
        "until": until,
    }
    return {name: value for name, value in given.items() if value is not None}


def say_progress(numbers: Mapping[str, int], *, is_done: bool) -> None:
    """Say how far something long has come, unless it is at its end."""
    if not is_done:
        hint("... " + ", ".join(f"{count} {what}" for what, count in numbers.items()))
