"""The `accounts create` command."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from jackfield.cli.asking import SECRET_DASH, operate
from jackfield.cli.options import (
    DataOption,
    JsonOption,
    escaped,
    hint,
    next_command,
    print_json,
    secret_from,
    text_in,
)
from jackfield.cli.provider_names import ExternalIdArgument, ProviderArgument


def create_account(
    provider: ProviderArgument,
    external_id: ExternalIdArgument,
    *,
    tenant: Annotated[str, typer.Option(metavar="API_KEY", help="Whose it is to be.")],
    name: Annotated[str | None, typer.Option(help="How people call the account.")] = None,
    access_token: Annotated[
        str | None,
        typer.Option(help=f"Its token with the provider, where it has one. {SECRET_DASH}"),
    ] = None,
    credentials: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="A JSON object, as said above. `-` reads standard input.",
        ),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an account of a tenant's.

    It is made as the tenant would make it through the API. What --credentials holds:

    \b
    messenger          nothing: give --access-token; {"provider_app": "…"} if you like
    whatsapp           {"phone_number_id": "…", "waba_id": "…", "access_token": "…"}
    viber_service_msg  {"connector": "bot", "auth_token": "…"}
                       {"connector": "infobip", "provider_app": "…", "sender": "…"}
    rcs                {"connector": "google", "provider_app": "…"}
                       {"connector": "infobip", "provider_app": "…", "sender": "…"}

    A provider_app is the name of one that you have: jackfield provider-apps list

    \b
    jackfield accounts create messenger 200000000000002 --tenant acme --access-token -
    jackfield accounts create whatsapp 447700900123 --tenant acme --credentials number.json
    echo '{"connector": "google", "provider_app": "agents"}' | \\
        jackfield accounts create rcs shop@rbm.goog --tenant acme --credentials -
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.accounts import Provider  # noqa: PLC0415 - see options
    from jackfield.console.account_orders import AccountCreated, CreateAccount  # noqa: PLC0415
    from jackfield.problems import Invalid  # noqa: PLC0415 - see options

    if access_token is not None:
        access_token = secret_from(access_token, called="the access token")
    order = CreateAccount(
        provider=Provider(provider.value),
        external_id=external_id,
        api_key=tenant,
        name=name,
        access_token=access_token,
        credentials=None if credentials is None else _object_in(credentials),
    )
    try:
        made = operate("accounts.create", order, gives=AccountCreated, data=data)
    except Invalid as invalid:
        # The API's own words, which do not say what else there is.
        more = f"what a {provider} account needs: {_help()}"
        raise Invalid(*invalid.parameters, detail=f"{invalid}; {more}") from None
    if as_json:
        print_json(made)
        return
    typer.echo(f"The account {provider} {external_id} of {made.api_key} is made.")
    if made.standing == "claimed":
        vouch = next_command("jackfield accounts vouch", provider, external_id, data=data)
        hint(f"What people write is held until you confirm that it is its tenant's: {vouch}")
    words = ("jackfield accounts link", provider, external_id, "APPLICATION_ID")
    hint(f"To link it: {next_command(*words, data=data)}")


def _help() -> str:
    return next_command("jackfield accounts create --help", data=None)


def _object_in(file: str) -> dict[str, Any]:
    """Return the JSON object of a file, or of what is left of standard input."""
    import msgspec  # noqa: PLC0415 - see options

    text = text_in(file)
    try:
        document: dict[str, Any] = msgspec.json.decode(text, type=dict[str, Any])
    except (ValueError, RecursionError):
        # The decoder's own words quote what it was given.
        where = "standard input" if file == "-" else file
        raise typer.BadParameter(
            f"{escaped(where)} holds no JSON object; see: {_help()}",
            param_hint="--credentials",
        ) from None
    return document
