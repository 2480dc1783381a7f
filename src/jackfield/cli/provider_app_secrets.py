"""The `provider-apps secrets` commands."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from jackfield.cli.asking import SECRET_DASH, operate
from jackfield.cli.options import DataOption, JsonOption, hint, print_json, secret_from

NameArgument = Annotated[str, typer.Argument(help="The provider app.")]


class RoleName(StrEnum):
    """What a secret is for, in the words of the provider app's table."""

    APP_SECRET = "app_secret"  # noqa: S105 - the word for it, not a secret
    VERIFY_TOKEN = "verify_token"  # noqa: S105 - the word for it, not a secret


secrets = typer.Typer(
    help="A provider app's secrets: two of a role at once, so that they can be rotated.",
    no_args_is_help=True,
)


@secrets.command("add")
def add_secret(
    name: NameArgument,
    role: Annotated[RoleName, typer.Argument(help="What the secret is for.")],
    *,
    secret: Annotated[str, typer.Option(help=f"The secret. {SECRET_DASH}")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Accept one more secret beside the one there is.

    \b
    jackfield provider-apps secrets add main app_secret --secret -
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.console.provider_app_orders import (  # noqa: PLC0415 - see options
        AddProviderAppSecret,
        ProviderAppSecretAdded,
    )
    from jackfield.provider_apps import SecretRole  # noqa: PLC0415 - see options

    order = AddProviderAppSecret(
        name=name,
        role=SecretRole(role.value),
        secret=secret_from(secret, called="the secret"),
    )
    added = operate("provider-apps.secrets.add", order, gives=ProviderAppSecretAdded, data=data)
    if as_json:
        print_json(added)
        return
    typer.echo(f"The provider app {added.name} accepts one more {added.role}; its id: {added.id}")
    hint(
        "Once the provider uses it, revoke the old one: "
        f"jackfield provider-apps secrets revoke {name} SECRET_ID\n"
        f"The ids: jackfield provider-apps show {name}",
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

    order = RevokeProviderAppSecret(name=name, id=secret_id, force=force)
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
        hint(
            "Webhooks are refused until you: "
            f"jackfield provider-apps secrets add {name} {revoked.role} --secret -",
        )
