"""The `destinations` commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jackfield.cli.asking import AfterOption, LimitOption, hint_at_next, operate
from jackfield.cli.delivery_options import TenantOption
from jackfield.cli.options import DataOption, JsonOption, hint, next_command, print_json

TenantArgument = Annotated[str, typer.Argument(metavar="API_KEY", help="The tenant's API key.")]
UrlArgument = Annotated[str, typer.Argument(metavar="URL", help="The URL, as the tenant gave it.")]

app = typer.Typer(
    help="The URLs that tenants hear at: down, paused or well.",
    no_args_is_help=True,
)


@app.command("list")
def list_destinations(
    *,
    tenant: TenantOption = None,
    after: AfterOption = "",
    limit: LimitOption = 50,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the URLs that are, or were, paused or down.

    One that always worked is not listed.

    \b
    jackfield destinations list
    jackfield destinations list --tenant acme --json
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.api.delivery_bodies import DestinationPageBody  # noqa: PLC0415 - see options
    from jackfield.cli.showing import day_and_time, print_table  # noqa: PLC0415 - see options
    from jackfield.console.delivery_orders import ListDestinations  # noqa: PLC0415 - see options

    order = ListDestinations(api_key=tenant, after=after, limit=limit)
    listed = operate("destinations.list", order, gives=DestinationPageBody, data=data)
    if as_json:
        print_json(listed)
        return
    if not listed.destinations:
        hint("Nothing is wrong with any URL here.")
        return
    print_table(
        ("TENANT", "URL", "STATE", "BECAUSE", "FAILURES", "NEXT CALL (UTC)"),
        [
            (
                one.api_key,
                one.url,
                one.state,
                one.paused_because,
                one.failures,
                one.not_before and day_and_time(one.not_before),
            )
            for one in listed.destinations
        ],
    )
    paused = next((one for one in listed.destinations if one.state == "paused"), None)
    if paused is not None:
        url = (paused.api_key, paused.url)
        hint(f"\nTo resume one: {next_command('jackfield destinations resume', *url, data=data)}")
    hint_at_next("jackfield destinations list", listed.next, tenant=tenant, limit=limit, data=data)


@app.command("pause")
def pause_destination(
    api_key: TenantArgument,
    url: UrlArgument,
    *,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Call a URL no more until it is resumed; what is owed to it waits.

    \b
    jackfield destinations pause acme https://acme.example/in
    """  # noqa: D301 - \b keeps the lines of the examples
    _change("destinations.pause", api_key, url, data=data, as_json=as_json)
    if not as_json:
        resume = next_command("jackfield destinations resume", api_key, url, data=data)
        hint(f"To have it called again: {resume}")


@app.command("resume")
def resume_destination(
    api_key: TenantArgument,
    url: UrlArgument,
    *,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Call a URL again, gently at first.

    What waits for it gets its 24 hours anew.

    \b
    jackfield destinations resume acme https://acme.example/in
    """  # noqa: D301 - \b keeps the lines of the examples
    _change("destinations.resume", api_key, url, data=data, as_json=as_json)


def _change(command: str, api_key: str, url: str, *, data: Path | None, as_json: bool) -> None:
    from jackfield.api.delivery_bodies import DestinationBody  # noqa: PLC0415 - see options
    from jackfield.console.delivery_orders import ChangeDestination  # noqa: PLC0415 - see options

    order = ChangeDestination(api_key=api_key, url=url)
    changed = operate(command, order, gives=DestinationBody, data=data)
    if as_json:
        print_json(changed)
        return
    typer.echo(f"The URL {changed.url} of {changed.api_key} is {changed.state}.")
