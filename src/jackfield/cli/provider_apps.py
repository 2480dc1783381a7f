"""The `provider-apps` commands."""

from __future__ import annotations

from typing import Annotated

import typer

from jackfield.cli.asking import AfterOption, LimitOption, hint_at_next, operate
from jackfield.cli.options import DataOption, JsonOption, hint, next_command, print_json
from jackfield.cli.provider_app_adding import add_provider_app
from jackfield.cli.provider_app_secrets import (
    KindOption,
    NameArgument,
    kind_of,
    secrets,
)

ApiKeyArgument = Annotated[str | None, typer.Argument(help="The tenant's API key.")]

app = typer.Typer(
    help="The apps you have with a provider, and whom they serve.",
    no_args_is_help=True,
)
app.add_typer(secrets, name="secrets")


app.command("add")(add_provider_app)


@app.command("list")
def list_provider_apps(
    *,
    after: AfterOption = "",
    limit: LimitOption = 50,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the provider apps in the order they were made.

    \b
    jackfield provider-apps list
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.cli.showing import day_and_time, print_table  # noqa: PLC0415 - see options
    from jackfield.console.provider_app_orders import (  # noqa: PLC0415 - see options
        ListProviderApps,
        ProviderAppsListed,
    )

    order = ListProviderApps(after=after, limit=limit)
    listed = operate("provider-apps.list", order, gives=ProviderAppsListed, data=data)
    if as_json:
        print_json(listed)
        return
    if not listed.provider_apps:
        add = next_command("jackfield provider-apps add --help", data=None)
        hint(f"There are no provider apps here; add one: {add}")
        return
    print_table(
        ("KIND", "NAME", "WEBHOOK PATH", "SERVES", "MADE (UTC)"),
        [
            (
                one.kind,
                one.name,
                one.webhook_path,
                "every tenant" if one.serves_all else f"{one.tenants} by name",
                day_and_time(one.created_at),
            )
            for one in listed.provider_apps
        ],
    )
    hint_at_next("jackfield provider-apps list", listed.next, limit=limit, data=data)


@app.command("show")
def show_provider_app(
    name: NameArgument,
    *,
    kind: KindOption = None,
    after: AfterOption = "",
    limit: LimitOption = 50,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a provider app: its secrets' ids, and whom it serves.

    \b
    jackfield provider-apps show main
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.cli.showing import (  # noqa: PLC0415 - see options
        day_and_time,
        print_document,
        print_table,
    )
    from jackfield.console.provider_app_orders import (  # noqa: PLC0415 - see options
        ProviderAppShown,
        ShowProviderApp,
    )

    order = ShowProviderApp(kind=kind_of(kind), name=name, after=after, limit=limit)
    shown = operate("provider-apps.show", order, gives=ProviderAppShown, data=data)
    if as_json:
        print_json(shown)
        return
    members = ("kind", "name", "webhook_path", "serves_all")
    print_document({each: getattr(shown, each) for each in members})
    rows = [(one.id, one.role, day_and_time(one.created_at)) for one in shown.secrets]
    typer.echo(f"\nSecrets: {len(rows)} live")
    if rows:
        print_table(("ID", "ROLE", "MADE (UTC)"), rows)
    if shown.missing:
        typer.echo(f"Secrets it lacks: {', '.join(shown.missing)}")
    if shown.tenants:
        typer.echo("")
        print_table(("SERVES BY NAME",), [(tenant,) for tenant in shown.tenants])
    options = {"kind": kind, "limit": limit}
    hint_at_next("jackfield provider-apps show", shown.next, name, data=data, **options)


@app.command("grant")
def grant_provider_app(
    name: NameArgument,
    api_key: ApiKeyArgument = None,
    *,
    to_all: Annotated[
        bool,
        typer.Option("--all", help="Every tenant, those to come included."),
    ] = False,
    kind: KindOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a provider app serve the accounts of one tenant, or of all.

    \b
    jackfield provider-apps grant main abcd1234
    jackfield provider-apps grant main --all
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.console.orders import GrantProviderApp, ProviderAppGranted  # noqa: PLC0415

    if (api_key is None) is not to_all:
        raise typer.BadParameter("name one tenant's API key, or say --all")
    order = GrantProviderApp(kind=kind_of(kind), name=name, api_key=api_key)
    granted = operate("provider-apps.grant", order, gives=ProviderAppGranted, data=data)
    if as_json:
        print_json(granted)
        return
    whom = "every tenant" if granted.all else f"the tenant {granted.api_key}"
    typer.echo(f"The provider app {granted.name} serves the accounts of {whom}.")


@app.command("revoke")
def revoke_provider_app(
    name: NameArgument,
    api_key: ApiKeyArgument = None,
    *,
    from_all: Annotated[
        bool,
        typer.Option("--all", help="The grant to every tenant; those by name stay."),
    ] = False,
    kind: KindOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take back what `grant` gave.

    What people write is then kept for you, not delivered.

    \b
    jackfield provider-apps revoke main abcd1234
    jackfield provider-apps revoke main --all
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.console.provider_app_orders import (  # noqa: PLC0415 - see options
        ProviderAppRevoked,
        RevokeProviderApp,
    )

    if (api_key is None) is not from_all:
        raise typer.BadParameter("name one tenant's API key, or say --all")
    order = RevokeProviderApp(kind=kind_of(kind), name=name, api_key=api_key)
    revoked = operate("provider-apps.revoke", order, gives=ProviderAppRevoked, data=data)
    if as_json:
        print_json(revoked)
        return
    whom = "every tenant" if revoked.all else f"the tenant {revoked.api_key}"
    typer.echo(f"The grant of {revoked.name} to {whom} is taken back.")
    if revoked.still_serves:
        left = "tenants it was granted to by name" if revoked.all else "every tenant, this one too"
        show = next_command("jackfield provider-apps show", revoked.name, kind=kind, data=data)
        hint(f"It still serves {left}: {show}")
