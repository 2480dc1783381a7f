"""The `provider-apps secrets` commands."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from jackfield.cli.asking import SECRET_DASH, operate
from jackfield.cli.options import (
    DataOption,
    JsonOption,
    hint,
    next_command,
    print_json,
    secret_from,
    text_in,
)

if TYPE_CHECKING:
    from jackfield.provider_apps import ProviderAppKind


class Kind(StrEnum):
    """Who a provider app is with."""

    META = "meta"
    INFOBIP = "infobip"
    GOOGLE = "google"


class RoleName(StrEnum):
    """What a secret is for, in the words of the provider app's table."""

    APP_SECRET = "app_secret"  # noqa: S105 - the word for it, not a secret
    VERIFY_TOKEN = "verify_token"  # noqa: S105 - the word for it, not a secret
    BASE_URL = "base_url"
    API_KEY = "api_key"
    WEBHOOK_TOKEN = "webhook_token"  # noqa: S105 - the word for it, not a secret
    SERVICE_ACCOUNT = "service_account"
    CLIENT_TOKEN = "client_token"  # noqa: S105 - the word for it, not a secret


NameArgument = Annotated[str, typer.Argument(help="The provider app.")]
KindOption = Annotated[
    Kind | None,
    typer.Option(help="Its kind, where several have this name."),
]


def kind_of(kind: Kind | None) -> ProviderAppKind | None:
    """Return the kind that was named, if one was."""
    from jackfield.provider_apps import ProviderAppKind  # noqa: PLC0415 - see options

    return None if kind is None else ProviderAppKind(kind.value)


secrets = typer.Typer(
    help="A provider app's secrets, two of a role at once for rotation.",
    no_args_is_help=True,
)


@secrets.command("add")
def add_secret(
    name: NameArgument,
    role: Annotated[RoleName, typer.Argument(help="What the secret is for.")],
    *,
    secret: Annotated[str | None, typer.Option(help=f"The secret. {SECRET_DASH}")] = None,
    file: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A file that is the secret, as a service account is."),
    ] = None,
    kind: KindOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Accept one more secret beside the one there is.

    \b
    jackfield provider-apps secrets add main app_secret --secret -
    jackfield provider-apps secrets add agents service_account --file key.json
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.console.provider_app_orders import (  # noqa: PLC0415 - see options
        AddProviderAppSecret,
        ProviderAppSecretAdded,
    )
    from jackfield.provider_apps import SecretRole  # noqa: PLC0415 - see options

    if (secret is None) is (file is None):
        raise typer.BadParameter("give the secret with --secret, or its file with --file")
    given = secret_from(secret, called="the secret") if secret is not None else text_in(file or "")
    order = AddProviderAppSecret(
        kind=kind_of(kind),
        name=name,
        role=SecretRole(role.value),
        secret=given,
    )
    added = operate("provider-apps.secrets.add", order, gives=ProviderAppSecretAdded, data=data)
    if as_json:
        print_json(added)
        return
    typer.echo(f"The provider app {added.name} has one more {added.role}; its id: {added.id}")
    if added.live > 1:
        words = ("jackfield provider-apps secrets revoke", name, "SECRET_ID")
        hint(
            "Once the provider uses it, revoke the old one: "
            f"{next_command(*words, kind=kind, data=data)}\n"
            f"The ids: {next_command('jackfield provider-apps show', name, kind=kind, data=data)}",
        )


@secrets.command("revoke")
def revoke_secret(
    name: NameArgument,
    secret_id: Annotated[int, typer.Argument(help="Its id, as `provider-apps show` lists it.")],
    *,
    force: Annotated[
        bool,
        typer.Option("--force", help="Also the last of its role."),
    ] = False,
    kind: KindOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Refuse a secret from the next webhook on.

    \b
    jackfield provider-apps secrets revoke main 3
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.console.provider_app_orders import (  # noqa: PLC0415 - see options
        ProviderAppSecretRevoked,
        RevokeProviderAppSecret,
    )

    order = RevokeProviderAppSecret(kind=kind_of(kind), name=name, id=secret_id, force=force)
    revoked = operate(
        "provider-apps.secrets.revoke",
        order,
        gives=ProviderAppSecretRevoked,
        data=data,
    )
    if as_json:
        print_json(revoked)
        return
    typer.echo(f"The {revoked.role} {revoked.id} of {revoked.name} is revoked.")
    if not revoked.left:
        words = ("jackfield provider-apps secrets add", name, revoked.role, "--secret", "-")
        add = next_command(*words, kind=kind, data=data)
        hint(f"It cannot do without, so give it another: {add}")
