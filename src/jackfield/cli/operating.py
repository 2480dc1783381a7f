"""The operator's commands: `tenants`, `provider-apps`, `accounts`."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from jackfield.cli.options import (
    DataOption,
    JsonOption,
    hint,
    print_json,
    print_members,
    secret_from,
    settings_from,
)

if TYPE_CHECKING:
    from pathlib import Path

    from jackfield.console.orders import Order

Result = TypeVar("Result")

_DASH = "`-` reads it from standard input."


ApiKeyOption = Annotated[
    str | None,
    typer.Option(help="Its key; else eight hexadecimal characters are made."),
]
ApiSecretOption = Annotated[
    str | None,
    typer.Option(help=f"Its secret; else one is made, which is better. {_DASH}"),
]


class Kind(StrEnum):
    """Who a provider app is with."""

    META = "meta"


class ProviderName(StrEnum):
    """The providers, in the words of the API."""

    MESSENGER = "messenger"
    VIBER = "viber_service_msg"
    WHATSAPP = "whatsapp"
    RCS = "rcs"


tenants = typer.Typer(
    help="Who may call the API, and their secrets.",
    no_args_is_help=True,
)
provider_apps = typer.Typer(
    help="The apps you have with a provider, and whom they serve.",
    no_args_is_help=True,
)
accounts = typer.Typer(help="The chat accounts of every tenant.", no_args_is_help=True)


@tenants.callback()
def _tenants() -> None:
    """Keep `create` a word of its own while it is the only one."""


@accounts.callback()
def _accounts() -> None:
    """Keep `vouch` a word of its own while it is the only one."""


@tenants.command("create")
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
    made = _operate("tenants.create", order, gives=TenantCreated, data=data)
    if as_json:
        print_json(made)
        return
    typer.echo(f"The tenant {made.name} is made.\n")
    secrets = ("api_key", "api_secret", "signature_secret", "webhook_secret")
    print_members({each: getattr(made, each) for each in secrets})
    hint("\nKeep the secrets now: they are not shown again.")


@provider_apps.command("add")
def add_provider_app(
    kind: Annotated[Kind, typer.Argument(help="Who the app is with.")],
    name: Annotated[str, typer.Argument(help="a-z, 0-9 and -; it ends the webhook's path.")],
    *,
    app_secret: Annotated[str, typer.Option(help=f"The app's secret. {_DASH}")],
    verify_token: Annotated[
        str,
        typer.Option(help=f"What you also enter at the provider. {_DASH}"),
    ],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add an app you have with a provider; it serves nobody until it is granted.

    \b
    jackfield provider-apps add meta main --app-secret - --verify-token -
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.console.orders import AddProviderApp, ProviderAppAdded  # noqa: PLC0415

    order = AddProviderApp(
        kind=kind.value,
        name=name,
        app_secret=secret_from(app_secret, called="the app secret"),
        verify_token=secret_from(verify_token, called="the verify token"),
    )
    added = _operate("provider-apps.add", order, gives=ProviderAppAdded, data=data)
    if as_json:
        print_json(added)
        return
    typer.echo(f"The provider app {added.name} is added.\n")
    print_members({"webhook path": added.webhook_path})
    hint(
        "\nGive the provider the gateway's public URL with this path, and the verify token.\n"
        f"Then say whom it serves: jackfield provider-apps grant {added.name} --all",
    )


@provider_apps.command("grant")
def grant_provider_app(
    name: Annotated[str, typer.Argument(help="The provider app.")],
    api_key: Annotated[str | None, typer.Argument(help="The tenant it may serve.")] = None,
    *,
    to_all: Annotated[
        bool,
        typer.Option("--all", help="Every tenant, those to come included."),
    ] = False,
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
    order = GrantProviderApp(name=name, api_key=api_key)
    granted = _operate("provider-apps.grant", order, gives=ProviderAppGranted, data=data)
    if as_json:
        print_json(granted)
        return
    whom = "every tenant" if granted.all else f"the tenant {granted.api_key}"
    typer.echo(f"The provider app {granted.name} serves the accounts of {whom}.")


@accounts.command("vouch")
def vouch_account(
    provider: Annotated[ProviderName, typer.Argument(help="The account's provider.")],
    external_id: Annotated[str, typer.Argument(help="The account's id.")],
    *,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that an account is its tenant's; what people wrote to it then goes out.

    \b
    jackfield accounts vouch whatsapp 447700900123
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.accounts import Provider  # noqa: PLC0415
    from jackfield.console.orders import AccountVouched, VouchAccount  # noqa: PLC0415

    order = VouchAccount(provider=Provider(provider.value), external_id=external_id)
    vouched = _operate("accounts.vouch", order, gives=AccountVouched, data=data)
    if as_json:
        print_json(vouched)
        return
    typer.echo(f"The account {vouched.provider} {vouched.external_id} is {vouched.standing}.")


def _operate(
    command: str,
    order: Order,
    *,
    gives: type[Result],
    data: Path | None,
) -> Result:
    from jackfield.console.operator import operate  # noqa: PLC0415 - see options

    settings = settings_from(data=data)

    def keep_logs_apart() -> None:
        """Have what a gateway in this process logs not mix with what is printed."""
        from jackfield.cli import logs  # noqa: PLC0415 - only for such a gateway
        from jackfield.settings import LogLevel  # noqa: PLC0415

        logs.configure(LogLevel.WARNING, settings.log_format)

    return operate(settings, command, order, gives=gives, before_here=keep_logs_apart)
