"""The `accounts` and `applications` commands."""

from __future__ import annotations

from typing import Annotated

import typer

from jackfield.cli.account_changes import delete_account, link_account, unlink_account
from jackfield.cli.application_changes import (
    create_application,
    delete_application,
    try_application,
)
from jackfield.cli.asking import AfterOption, LimitOption, hint_at_next, operate
from jackfield.cli.options import DataOption, JsonOption, hint, next_command, print_json
from jackfield.cli.provider_names import ExternalIdArgument, ProviderArgument, ProviderName
from jackfield.cli.registering import create_account

TenantOption = Annotated[
    str | None,
    typer.Option(metavar="API_KEY", help="Only this tenant's."),
]

accounts = typer.Typer(help="The chat accounts of every tenant.", no_args_is_help=True)
applications = typer.Typer(help="The applications of every tenant.", no_args_is_help=True)

accounts.command("create")(create_account)
accounts.command("link")(link_account)
accounts.command("unlink")(unlink_account)
accounts.command("delete")(delete_account)
applications.command("create")(create_application)
applications.command("delete")(delete_application)
applications.command("test")(try_application)


@accounts.command("list")
def list_accounts(
    *,
    tenant: TenantOption = None,
    provider: Annotated[ProviderName | None, typer.Option(help="Only of this one.")] = None,
    after: AfterOption = "",
    limit: LimitOption = 50,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List accounts in the order they were made.

    \b
    jackfield accounts list
    jackfield accounts list --tenant acme --provider whatsapp --limit 100
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.accounts import Provider  # noqa: PLC0415 - see options
    from jackfield.cli.showing import print_columns  # noqa: PLC0415 - see options
    from jackfield.console.listing_orders import AccountsListed, ListAccounts  # noqa: PLC0415

    order = ListAccounts(
        api_key=tenant,
        provider=None if provider is None else Provider(provider.value),
        after=after,
        limit=limit,
    )
    listed = operate("accounts.list", order, gives=AccountsListed, data=data)
    if as_json:
        print_json(listed)
        return
    if not listed.accounts:
        make = next_command("jackfield accounts create --help", data=None)
        hint(f"There are no such accounts here; make one: {make}")
        return
    columns = {
        "PROVIDER": "provider",
        "ID": "external_id",
        "NAME": "name",
        "TENANT": "api_key",
        "STANDING": "standing",
        "APPLICATION": "application_id",
    }
    print_columns(columns, listed.accounts)
    options = {"tenant": tenant, "provider": provider, "limit": limit}
    hint_at_next("jackfield accounts list", listed.next, data=data, **options)


@accounts.command("show")
def show_account(
    provider: ProviderArgument,
    external_id: ExternalIdArgument,
    *,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one account: whose it is, who hears it, what waits.

    \b
    jackfield accounts show whatsapp 447700900123
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.accounts import Provider  # noqa: PLC0415 - see options
    from jackfield.cli.showing import print_all  # noqa: PLC0415 - see options
    from jackfield.console.listing_orders import AccountShown, ShowAccount  # noqa: PLC0415

    order = ShowAccount(provider=Provider(provider.value), external_id=external_id)
    shown = operate("accounts.show", order, gives=AccountShown, data=data)
    if as_json:
        print_json(shown)
        return
    print_all(shown)
    if shown.standing == "claimed":
        vouch = next_command("jackfield accounts vouch", provider, external_id, data=data)
        hint(
            "\nNobody confirmed that it is its tenant's, so what people write is held. If you "
            f"know better: {vouch}",
        )


@accounts.command("vouch")
def vouch_account(
    provider: ProviderArgument,
    external_id: ExternalIdArgument,
    *,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that an account is its tenant's.

    What people wrote to it until now goes out.

    \b
    jackfield accounts vouch whatsapp 447700900123
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.accounts import Provider  # noqa: PLC0415 - see options
    from jackfield.console.orders import AccountVouched, VouchAccount  # noqa: PLC0415

    order = VouchAccount(provider=Provider(provider.value), external_id=external_id)
    vouched = operate("accounts.vouch", order, gives=AccountVouched, data=data)
    if as_json:
        print_json(vouched)
        return
    typer.echo(f"The account {vouched.provider} {vouched.external_id} is {vouched.standing}.")


@applications.command("list")
def list_applications(
    *,
    tenant: TenantOption = None,
    after: AfterOption = "",
    limit: LimitOption = 50,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List applications in the order they were made.

    \b
    jackfield applications list --tenant acme
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.cli.showing import print_columns  # noqa: PLC0415 - see options
    from jackfield.console.listing_orders import (  # noqa: PLC0415 - see options
        ApplicationsListed,
        ListApplications,
    )

    order = ListApplications(api_key=tenant, after=after, limit=limit)
    listed = operate("applications.list", order, gives=ApplicationsListed, data=data)
    if as_json:
        print_json(listed)
        return
    if not listed.applications:
        make = next_command("jackfield applications create --help", data=None)
        hint(f"There are no such applications here; make one: {make}")
        return
    columns = {
        "ID": "id",
        "NAME": "name",
        "TENANT": "api_key",
        "WEBHOOKS": "webhook_version",
        "INBOUND URL": "inbound_url",
    }
    print_columns(columns, listed.applications)
    options = {"tenant": tenant, "limit": limit}
    hint_at_next("jackfield applications list", listed.next, data=data, **options)


@applications.command("show")
def show_application(
    application_id: Annotated[str, typer.Argument(help="The application's id.")],
    *,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one application: whose it is, where and whom it hears.

    \b
    jackfield applications show 78d335fa-323d-4114-9c3d-d6f0d48968cf
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.cli.showing import print_all  # noqa: PLC0415 - see options
    from jackfield.console.listing_orders import (  # noqa: PLC0415 - see options
        ApplicationShown,
        ShowApplication,
    )

    order = ShowApplication(id=application_id)
    shown = operate("applications.show", order, gives=ApplicationShown, data=data)
    if as_json:
        print_json(shown)
        return
    print_all(shown)
