"""The `deliveries` commands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jackfield.cli.asking import AfterOption, LimitOption, hint_at_next, operate
from jackfield.cli.delivery_changes import rebind_deliveries, replay_deliveries
from jackfield.cli.delivery_options import (
    AccountOption,
    ApplicationOption,
    FromOption,
    ProviderOption,
    ReasonOption,
    StateOption,
    TenantOption,
    UntilOption,
    narrowed,
)
from jackfield.cli.options import DataOption, JsonOption, hint, next_command, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jackfield.api.delivery_bodies import AttemptBody, DeliveryBody

app = typer.Typer(
    help="What every tenant's messages came to; send them again.",
    no_args_is_help=True,
)
app.command("replay")(replay_deliveries)
app.command("rebind")(rebind_deliveries)


@app.command("list")
def list_deliveries(
    *,
    tenant: TenantOption = None,
    provider: ProviderOption = None,
    account: AccountOption = None,
    application: ApplicationOption = None,
    state: StateOption = None,
    reason: ReasonOption = None,
    since: FromOption = None,
    until: UntilOption = None,
    after: AfterOption = "",
    limit: LimitOption = 50,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List deliveries, newest first, without anything that was said.

    \b
    jackfield deliveries list --state dead --tenant acme
    jackfield deliveries list --provider whatsapp --account 447700900123 --from 2026-01-02
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.api.delivery_bodies import DeliveryPageBody  # noqa: PLC0415 - see options
    from jackfield.cli.showing import day_and_time, print_table  # noqa: PLC0415 - see options
    from jackfield.console.delivery_orders import ListDeliveries  # noqa: PLC0415 - see options

    narrow = narrowed(
        tenant=tenant,
        provider=provider,
        account=account,
        application=application,
        state=state,
        reason=reason,
        since=since,
        until=until,
    )
    order = ListDeliveries(**narrow, after=after, limit=limit)
    listed = operate("deliveries.list", order, gives=DeliveryPageBody, data=data)
    if as_json:
        print_json(listed)
        return
    if listed.deliveries:
        header = ("ID", "STATE", "REASON", "TRIES", "TENANT", "ACCOUNT", "ACCEPTED (UTC)")
        print_table(
            header, [(*_cells(one), day_and_time(one.accepted_at)) for one in listed.deliveries]
        )
    elif listed.next is None:
        hint("There are no such deliveries here.")
    options = {"tenant": tenant, "provider": provider, "account": account}
    options |= {"application": application, "state": state, "reason": reason}
    options |= {"from": since, "until": until}
    hint_at_next("jackfield deliveries list", listed.next, **options, limit=limit, data=data)


def _cells(one: DeliveryBody) -> tuple[object, ...]:
    """Return one line of the list, but for when it was accepted."""
    state = one.state if one.kind != "test" else f"{one.state} test"
    account = one.external_id and f"{one.provider} {one.external_id}"
    return one.id, state, one.reason, one.tries, one.api_key, account


@app.command("show")
def show_delivery(
    delivery_id: Annotated[str, typer.Argument(help="Its id, which is its `webhook-id`.")],
    *,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one delivery: what was tried, and why it waits.

    \b
    jackfield deliveries show 0198c5e2-7f30-7000-8000-0123456789ab
    """  # noqa: D301 - \b keeps the lines of the examples
    import msgspec  # noqa: PLC0415 - see options

    from jackfield.api.delivery_bodies import DeliveryShownBody  # noqa: PLC0415 - see options
    from jackfield.cli.showing import print_document  # noqa: PLC0415 - see options
    from jackfield.console.delivery_orders import ShowDelivery  # noqa: PLC0415 - see options

    order = ShowDelivery(id=delivery_id)
    shown = operate("deliveries.show", order, gives=DeliveryShownBody, data=data)
    if as_json:
        print_json(shown)
        return
    fields = [each for each in msgspec.structs.fields(shown) if each.name != "attempts"]
    print_document({each.encode_name: getattr(shown, each.name) for each in fields})
    typer.echo(f"\nAttempts: {shown.tries}")
    if shown.attempts:
        _print_attempts(shown.attempts)
    if shown.state in {"dead", "delivered"}:
        replay = next_command("jackfield deliveries replay", delivery_id, data=data)
        hint(f"\nTo send it again: {replay}")
    if shown.waits_for == "paused":
        urls = next_command("jackfield destinations list", data=data)
        hint(f"\nIts URL is paused. To see it, and how to resume it: {urls}")


def _print_attempts(attempts: Sequence[AttemptBody]) -> None:
    from jackfield.cli.showing import day_and_time, print_table  # noqa: PLC0415 - see options

    rows = [
        (
            one.tried,
            day_and_time(one.started_at),
            one.milliseconds,
            one.outcome,
            one.status,
            one.detail,
        )
        for one in attempts
    ]
    print_table(("TRIED", "AT (UTC)", "TOOK (MS)", "OUTCOME", "STATUS", "DETAIL"), rows)
