"""The `accounts` commands that link, unlink and delete."""

from __future__ import annotations

from typing import Annotated

import typer

from jackfield.cli.asking import YesOption, be_sure, operate
from jackfield.cli.options import DataOption, JsonOption, hint, next_command, print_json
from jackfield.cli.provider_names import ExternalIdArgument, ProviderArgument


def link_account(
    provider: ProviderArgument,
    external_id: ExternalIdArgument,
    application_id: Annotated[str, typer.Argument(help="One of the same tenant's.")],
    *,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have an application of its tenant's hear an account.

    What was held for want of a link goes out.

    \b
    jackfield accounts link whatsapp 447700900123 78d335fa-323d-4114-9c3d-d6f0d48968cf
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.accounts import Provider  # noqa: PLC0415 - see options
    from jackfield.console.account_orders import AccountLinked, LinkAccount  # noqa: PLC0415

    order = LinkAccount(
        provider=Provider(provider.value),
        external_id=external_id,
        application_id=application_id,
    )
    linked = operate("accounts.link", order, gives=AccountLinked, data=data)
    if as_json:
        print_json(linked)
        return
    typer.echo(
        f"The account {linked.provider} {linked.external_id} of {linked.api_key} is linked to "
        f"{linked.application_id}.",
    )
    if linked.held:
        typer.echo(f"Messages held until now: {linked.held}")
    if linked.standing == "claimed":
        vouch = next_command("jackfield accounts vouch", provider, external_id, data=data)
        hint(f"What people write stays held until you confirm that it is its tenant's: {vouch}")


def unlink_account(
    provider: ProviderArgument,
    external_id: ExternalIdArgument,
    *,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take the link from an account.

    What was accepted before still goes where it was bound.

    \b
    jackfield accounts unlink whatsapp 447700900123
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.accounts import Provider  # noqa: PLC0415 - see options
    from jackfield.console.account_orders import AccountUnlinked, UnlinkAccount  # noqa: PLC0415

    order = UnlinkAccount(provider=Provider(provider.value), external_id=external_id)
    unlinked = operate("accounts.unlink", order, gives=AccountUnlinked, data=data)
    if as_json:
        print_json(unlinked)
        return
    typer.echo(
        f"The account {unlinked.provider} {unlinked.external_id} of {unlinked.api_key} is no "
        f"longer linked to {unlinked.application_id}.",
    )
    account = (provider, external_id)
    link = next_command("jackfield accounts link", *account, unlinked.application_id, data=data)
    hint(f"To undo: {link}")


def delete_account(
    provider: ProviderArgument,
    external_id: ExternalIdArgument,
    *,
    yes: YesOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete an account and its link; nobody receives what waits for it.

    \b
    jackfield accounts delete whatsapp 447700900123
    jackfield accounts delete whatsapp 447700900123 --yes --json
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.accounts import Provider  # noqa: PLC0415 - see options
    from jackfield.console.account_orders import AccountDeleted, DeleteAccount  # noqa: PLC0415
    from jackfield.console.listing_orders import AccountShown, ShowAccount  # noqa: PLC0415

    order = DeleteAccount(provider=Provider(provider.value), external_id=external_id)

    def question() -> str:
        look = ShowAccount(provider=order.provider, external_id=external_id)
        there = operate("accounts.show", look, gives=AccountShown, data=data)
        return (
            f"The account {provider} {external_id} is {there.api_key}'s, with {there.held} "
            f"messages held and {there.pending} pending, which nobody will receive. Delete it?"
        )

    be_sure(question, yes=yes)
    deleted = operate("accounts.delete", order, gives=AccountDeleted, data=data)
    if as_json:
        print_json(deleted)
        return
    typer.echo(f"The account {provider} {external_id} of {deleted.api_key} is deleted.")
    typer.echo(f"Messages that are dead now: {deleted.held} held, {deleted.pending} pending")
