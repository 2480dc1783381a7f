"""The `applications` commands that create and delete."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from jackfield.cli.asking import YesOption, be_sure, operate
from jackfield.cli.options import (
    DataOption,
    JsonOption,
    hint,
    next_command,
    print_json,
    print_members,
)


def create_application(
    *,
    tenant: Annotated[str, typer.Option(metavar="API_KEY", help="Whose it is to be.")],
    name: Annotated[str, typer.Option(help="How people call the application.")],
    inbound_url: Annotated[str, typer.Option(metavar="URL", help="Where it hears messages.")],
    status_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where it hears what became of messages it sent."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Its public key in PEM; else a pair is made. `-` reads standard input.",
        ),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an application of a tenant's.

    A private key made for it is shown this once.

    \b
    jackfield applications create --tenant acme --name Desk --inbound-url https://acme.example/in
    jackfield applications create --tenant acme --name Desk --key public.pem \\
        --inbound-url https://acme.example/in --status-url https://acme.example/status
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.console.application_orders import (  # noqa: PLC0415 - see options
        ApplicationCreated,
        CreateApplication,
    )

    order = CreateApplication(
        api_key=tenant,
        name=name,
        inbound_url=inbound_url,
        status_url=status_url,
        public_key=None if key is None else _public_key_in(key),
    )
    made = operate("applications.create", order, gives=ApplicationCreated, data=data)
    if as_json:
        print_json(made)
        return
    typer.echo(f"The application {made.name} of {made.api_key} is made.\n")
    print_members({"id": made.id})
    if made.private_key is not None:
        typer.echo(f"\n{made.private_key}", nl=False)
        hint("\nKeep the private key now: it is not shown again.")
    account = ("PROVIDER", "EXTERNAL_ID")
    link = next_command("jackfield accounts link", *account, made.id, data=data)
    hint(f"To have it hear an account: {link}")


def delete_application(
    application_id: Annotated[str, typer.Argument(help="The application's id.")],
    *,
    yes: YesOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete an application and its links.

    What waits for it is held, or goes to its tenant where that has a URL of its own.

    \b
    jackfield applications delete 78d335fa-323d-4114-9c3d-d6f0d48968cf
    jackfield applications delete 78d335fa-323d-4114-9c3d-d6f0d48968cf --yes --json
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.console.application_orders import (  # noqa: PLC0415 - see options
        ApplicationDeleted,
        DeleteApplication,
    )
    from jackfield.console.listing_orders import (  # noqa: PLC0415 - see options
        ApplicationShown,
        ShowApplication,
    )

    def question() -> str:
        look = ShowApplication(id=application_id)
        there = operate("applications.show", look, gives=ApplicationShown, data=data)
        return (
            f"The application {there.name!r} is {there.api_key}'s and hears {there.accounts} "
            "accounts, which will lose their link. Delete it?"
        )

    be_sure(question, yes=yes)
    order = DeleteApplication(id=application_id)
    deleted = operate("applications.delete", order, gives=ApplicationDeleted, data=data)
    if as_json:
        print_json(deleted)
        return
    typer.echo(f"The application {deleted.id} of {deleted.api_key} is deleted.")
    typer.echo(f"Accounts that lost their link: {deleted.accounts}")


def try_application(
    application_id: Annotated[str, typer.Argument(help="The application's id.")],
    *,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send an application a signed test message.

    It goes the way of its messages.

    \b
    jackfield applications test 78d335fa-323d-4114-9c3d-d6f0d48968cf
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.api.delivery_bodies import DeliveryShownBody  # noqa: PLC0415 - see options
    from jackfield.console.delivery_orders import TryApplication  # noqa: PLC0415 - see options

    order = TryApplication(id=application_id)
    sent = operate("applications.test", order, gives=DeliveryShownBody, data=data)
    if as_json:
        print_json(sent)
        return
    typer.echo(f"A test is on its way, as {sent.id}.")
    show = next_command("jackfield deliveries show", sent.id, data=data)
    hint(f"To see what the application answered: {show}")


def _public_key_in(file: str) -> str:
    """Return the public key of a file; a private one goes no further."""
    text = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    if b"PRIVATE KEY" in text:
        raise typer.BadParameter(
            "this is the private key; give the public one: openssl rsa -in FILE -pubout",
            param_hint="--key",
        )
    return text.decode(errors="replace")
