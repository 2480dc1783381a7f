"""The commands about what a tenant proves itself with: `tenants secrets`, `tenants signature`."""

from __future__ import annotations

from typing import Annotated

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
)

TenantArgument = Annotated[str, typer.Argument(help="The tenant's API key.")]

secrets = typer.Typer(
    help="The secrets a tenant calls with, two at once for rotation.",
    no_args_is_help=True,
)
signature = typer.Typer(
    help="The secrets that sign what a tenant receives.",
    no_args_is_help=True,
)


@signature.callback()
def _signature() -> None:
    """Keep `rotate` a word of its own while it is the only one."""


@secrets.command("add")
def add_secret(
    api_key: TenantArgument,
    *,
    secret: Annotated[
        str | None,
        typer.Option(help=f"The secret; else one is made, which is better. {SECRET_DASH}"),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a tenant one more API secret; it is shown this once.

    \b
    jackfield tenants secrets add acme
    jackfield tenants secrets add acme --secret - --json
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.console.tenant_orders import AddApiSecret, ApiSecretAdded  # noqa: PLC0415

    if secret is not None:
        secret = secret_from(secret, called="the API secret")
    order = AddApiSecret(api_key=api_key, api_secret=secret)
    added = operate("tenants.secrets.add", order, gives=ApiSecretAdded, data=data)
    if as_json:
        print_json(added)
        return
    typer.echo(f"The tenant {added.api_key} has one more API secret.\n")
    print_members({"id": str(added.id), "api_secret": added.api_secret})
    revoke = next_command("jackfield tenants secrets revoke", api_key, "SECRET_ID", data=data)
    hint(
        "\nKeep the secret now: it is not shown again.\n"
        f"Once the tenant uses it, revoke the old one: {revoke}\n"
        f"The ids: {next_command('jackfield tenants show', api_key, data=data)}",
    )


@secrets.command("revoke")
def revoke_secret(
    api_key: TenantArgument,
    secret_id: Annotated[int, typer.Argument(help="Its id, as `tenants show` lists it.")],
    *,
    force: Annotated[
        bool,
        typer.Option("--force", help="Also the last one, which shuts the tenant out."),
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have an API secret open nothing any more.

    It is refused from the next request on, in every process.

    \b
    jackfield tenants secrets revoke acme 7
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.console.tenant_orders import ApiSecretRevoked, RevokeApiSecret  # noqa: PLC0415

    order = RevokeApiSecret(api_key=api_key, id=secret_id, force=force)
    revoked = operate("tenants.secrets.revoke", order, gives=ApiSecretRevoked, data=data)
    if as_json:
        print_json(revoked)
        return
    typer.echo(f"The API secret {revoked.id} of {revoked.api_key} is revoked.")
    if not revoked.left:
        add = next_command("jackfield tenants secrets add", api_key, data=data)
        hint(f"The tenant is shut out until you: {add}")


@signature.command("rotate")
def rotate_signature(
    api_key: TenantArgument,
    *,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have a new secret sign what a tenant receives.

    It is shown this once, and signs the JWT from now on; it and the one before it sign
    `webhook-signature`. An older one signs nothing any more, so rotate again only when
    receivers know the new one.

    \b
    jackfield tenants signature rotate acme
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.console.tenant_orders import ShowTenant, SignatureRotated  # noqa: PLC0415

    order = ShowTenant(api_key=api_key)
    rotated = operate("tenants.signature.rotate", order, gives=SignatureRotated, data=data)
    if as_json:
        print_json(rotated)
        return
    typer.echo(f"What {rotated.api_key} receives is signed with a new secret.\n")
    shown = ("signature_secret", "webhook_secret")
    print_members({each: getattr(rotated, each) for each in shown})
    hint("\nKeep the secret now, in either form: it is not shown again.")
