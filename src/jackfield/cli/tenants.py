"""The `tenants` commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jackfield.cli.asking import SECRET_DASH, AfterOption, LimitOption, hint_at_next, operate
from jackfield.cli.options import (
    DataOption,
    JsonOption,
    hint,
    next_command,
    print_json,
    print_members,
    secret_from,
)
from jackfield.cli.tenant_secrets import secrets, signature

if TYPE_CHECKING:
    from jackfield.console.tenant_orders import TenantChanged

ApiKeyOption = Annotated[
    str | None,
    typer.Option(help="Its key; else eight hexadecimal characters are made."),
]
ApiSecretOption = Annotated[
    str | None,
    typer.Option(help=f"Its secret; else one is made, which is better. {SECRET_DASH}"),
]
TenantArgument = Annotated[str, typer.Argument(help="The tenant's API key.")]

app = typer.Typer(
    help="Who may call the API, and their secrets.",
    no_args_is_help=True,
)
app.add_typer(secrets, name="secrets")
app.add_typer(signature, name="signature")


@app.command("create")
def create_tenant(
    name: Annotated[str, typer.Argument(help="How people call the tenant.")],
    *,
    api_key: ApiKeyOption = None,
    api_secret: ApiSecretOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a tenant; its secrets are shown this once.

    \b
    jackfield tenants create "Acme"
    jackfield tenants create "Acme" --api-key acme --api-secret - --json
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.console.orders import CreateTenant, TenantCreated  # noqa: PLC0415 - see options

    if api_secret is not None:
        api_secret = secret_from(api_secret, called="the API secret")
    order = CreateTenant(name=name, api_key=api_key, api_secret=api_secret)
    made = operate("tenants.create", order, gives=TenantCreated, data=data)
    if as_json:
        print_json(made)
        return
    typer.echo(f"The tenant {made.name} is made.\n")
    shown = ("api_key", "api_secret", "signature_secret", "webhook_secret")
    print_members({each: getattr(made, each) for each in shown})
    hint("\nKeep the secrets now: they are not shown again.")


@app.command("list")
def list_tenants(
    *,
    after: AfterOption = "",
    limit: LimitOption = 50,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the tenants in the order of their API keys.

    \b
    jackfield tenants list
    jackfield tenants list --after acme --limit 100 --json
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.cli.showing import day_and_time, print_table  # noqa: PLC0415 - see options
    from jackfield.console.tenant_orders import ListTenants, TenantsListed  # noqa: PLC0415

    order = ListTenants(after=after, limit=limit)
    listed = operate("tenants.list", order, gives=TenantsListed, data=data)
    if as_json:
        print_json(listed)
        return
    if not listed.tenants:
        make = next_command("jackfield tenants create", "NAME", data=data)
        hint(f"There are no tenants here; make one: {make}")
        return
    print_table(
        ("API KEY", "NAME", "DISABLED", "INBOUND URL", "MADE (UTC)"),
        [
            (one.api_key, one.name, one.disabled, one.inbound_url, day_and_time(one.created_at))
            for one in listed.tenants
        ],
    )
    hint_at_next("jackfield tenants list", listed.next, limit=limit, data=data)


@app.command("show")
def show_tenant(
    api_key: TenantArgument,
    *,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one tenant and which secrets it has, never the secrets.

    \b
    jackfield tenants show acme
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.cli.showing import (  # noqa: PLC0415 - see options
        day_and_time,
        print_document,
        print_table,
    )
    from jackfield.console.tenant_orders import ShowTenant, TenantShown  # noqa: PLC0415 - see options

    shown = operate("tenants.show", ShowTenant(api_key=api_key), gives=TenantShown, data=data)
    if as_json:
        print_json(shown)
        return
    members = ("api_key", "name", "inbound_url", "status_url", "disabled", "created_at")
    print_document({each: getattr(shown, each) for each in members})
    for title, lines in (("API", shown.api_secrets), ("Signature", shown.signature_secrets)):
        typer.echo(f"\n{title} secrets: {len(lines)} live")
        if lines:
            rows = [(one.id, one.kind, day_and_time(one.created_at)) for one in lines]
            print_table(("ID", "KIND", "MADE (UTC)"), rows)


@app.command("set")
def set_tenant(
    api_key: TenantArgument,
    *,
    name: Annotated[str | None, typer.Option(help="How people call the tenant.")] = None,
    inbound_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where messages to unlinked accounts go; '' clears it."),
    ] = None,
    status_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where statuses of messages sent go; '' clears it."),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a tenant's name or URLs.

    A first inbound URL hears what was held until now.

    \b
    jackfield tenants set acme --name "Acme Ltd"
    jackfield tenants set acme --inbound-url https://acme.example/in --status-url ''
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.console.tenant_orders import SetTenant, TenantChanged  # noqa: PLC0415

    if name is inbound_url is status_url is None:
        raise typer.BadParameter("say what to change: --name, --inbound-url or --status-url")
    order = SetTenant(api_key=api_key, name=name, inbound_url=inbound_url, status_url=status_url)
    changed = operate("tenants.set", order, gives=TenantChanged, data=data)
    _tell_change(changed, "is changed", as_json=as_json)


@app.command("disable")
def disable_tenant(
    api_key: TenantArgument,
    *,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Shut a tenant out from its next request on.

    What people write to it is held until it is enabled again.

    \b
    jackfield tenants disable acme
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.console.tenant_orders import ShowTenant, TenantChanged  # noqa: PLC0415

    order = ShowTenant(api_key=api_key)
    changed = operate("tenants.disable", order, gives=TenantChanged, data=data)
    _tell_change(changed, "is disabled", as_json=as_json)
    if not as_json:
        enable = next_command("jackfield tenants enable", api_key, data=data)
        hint(f"To let it in again: {enable}")


@app.command("enable")
def enable_tenant(
    api_key: TenantArgument,
    *,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a disabled tenant in again.

    What was held meanwhile goes out.

    \b
    jackfield tenants enable acme
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.console.tenant_orders import ShowTenant, TenantChanged  # noqa: PLC0415

    order = ShowTenant(api_key=api_key)
    changed = operate("tenants.enable", order, gives=TenantChanged, data=data)
    _tell_change(changed, "is enabled", as_json=as_json)


def _tell_change(changed: TenantChanged, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json(changed)
        return
    typer.echo(f"The tenant {changed.api_key} {what}.")
    if changed.releasing:
        typer.echo(f"Accounts whose held messages now go out: {changed.releasing}")
