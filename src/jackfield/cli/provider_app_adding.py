"""The `provider-apps add` command: each kind of provider app with its own secrets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jackfield.cli.asking import SECRET_DASH, operate
from jackfield.cli.options import (
    DataOption,
    JsonOption,
    hint,
    next_command,
    print_json,
    print_members,
    secret_from,
    text_in,
)
from jackfield.cli.provider_app_secrets import Kind

if TYPE_CHECKING:
    from jackfield.console.orders import ProviderAppAdded


AppSecret = Annotated[
    str | None,
    typer.Option(metavar="SECRET", help=f"meta: the app's secret. {SECRET_DASH}"),
]
VerifyToken = Annotated[
    str | None,
    typer.Option(metavar="WORD", help=f"meta: a word you also enter there. {SECRET_DASH}"),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(metavar="URL", help="infobip: your own, https://xxxxx.api.infobip.com."),
]
ApiKey = Annotated[
    str | None,
    typer.Option(metavar="SECRET", help=f"infobip: a key of your account. {SECRET_DASH}"),
]
WebhookToken = Annotated[
    str | None,
    typer.Option(
        metavar="WORD",
        help=f"infobip: proves its webhooks (openssl rand -hex 16 makes one). {SECRET_DASH}",
    ),
]
ServiceAccount = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="google: the JSON file of your service account's key. `-` reads standard input.",
    ),
]
ClientToken = Annotated[
    str | None,
    typer.Option(metavar="WORD", help=f"google: a word you also enter there. {SECRET_DASH}"),
]


def add_provider_app(
    kind: Annotated[Kind, typer.Argument(help="Who the app or the contract is with.")],
    name: Annotated[str, typer.Argument(help="a-z, 0-9 and -; accounts name it by this.")],
    *,
    app_secret: AppSecret = None,
    verify_token: VerifyToken = None,
    base_url: BaseUrl = None,
    api_key: ApiKey = None,
    webhook_token: WebhookToken = None,
    service_account: ServiceAccount = None,
    client_token: ClientToken = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add an app or a contract you have with a provider.

    It serves nobody until it is granted. Several secrets given as `-` are read line by line, in
    the order they are listed here; a service account comes last.

    \b
    jackfield provider-apps add meta main --app-secret - --verify-token -
    jackfield provider-apps add infobip partner --api-key - \\
        --base-url https://xxxxx.api.infobip.com --webhook-token -
    jackfield provider-apps add google agents --service-account key.json --client-token -
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.console.orders import AddProviderApp, ProviderAppAdded  # noqa: PLC0415
    from jackfield.provider_apps import ProviderAppKind, SecretRole  # noqa: PLC0415 - see options

    given = {
        SecretRole.APP_SECRET: app_secret,
        SecretRole.VERIFY_TOKEN: verify_token,
        SecretRole.BASE_URL: base_url,
        SecretRole.API_KEY: api_key,
        SecretRole.WEBHOOK_TOKEN: webhook_token,
        SecretRole.CLIENT_TOKEN: client_token,
    }
    secrets = {
        role: secret_from(text, called=f"the {role.replace('_', ' ')}")
        for role, text in given.items()
        if text is not None
    }
    if service_account is not None:
        secrets[SecretRole.SERVICE_ACCOUNT] = text_in(service_account)
    order = AddProviderApp(kind=ProviderAppKind(kind.value), name=name, secrets=secrets)
    added = operate("provider-apps.add", order, gives=ProviderAppAdded, data=data)
    if as_json:
        print_json(added)
        return
    _tell(added, data=data)


def _tell(added: ProviderAppAdded, *, data: Path | None) -> None:
    typer.echo(f"The {added.kind} provider app {added.name} is added.")
    if added.webhook_path is not None:
        typer.echo("")
        print_members({"webhook path": added.webhook_path})
        hint("\nGive the provider the gateway's public URL with this path, and the verify token.")
    if added.missing:
        words = ("jackfield provider-apps secrets add", added.name, "ROLE", "--secret", "-")
        hint(
            f"It will need yet, before messages go its way: {', '.join(added.missing)}\n"
            f"For each: {next_command(*words, data=data)}",
        )
    grant = next_command("jackfield provider-apps grant", added.name, "--all", data=data)
    hint(f"Then say whom it serves: {grant}")
