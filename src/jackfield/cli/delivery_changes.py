"""The `deliveries` commands that send again and move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jackfield.cli.asking import YesOption, be_clear, be_sure, operate
from jackfield.cli.delivery_options import (
    AccountOption,
    ApplicationOption,
    DryRunOption,
    FromOption,
    ProviderOption,
    ReasonOption,
    StateOption,
    TenantOption,
    UntilOption,
    narrowed,
    say_progress,
)
from jackfield.cli.options import DataOption, JsonOption, hint, next_command, print_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jackfield.api.delivery_bodies import ReboundBody, ReplayedBody
    from jackfield.console.delivery_orders import RebindDeliveries, ReplayDeliveries

ToOption = Annotated[
    str | None,
    typer.Option(
        "--to", metavar="URL", help="Send copies to this test URL, and leave the originals alone."
    ),
]


def replay_deliveries(
    delivery_id: Annotated[
        str | None, typer.Argument(help="One delivery's id; else say which ones.")
    ] = None,
    *,
    tenant: TenantOption = None,
    provider: ProviderOption = None,
    account: AccountOption = None,
    application: ApplicationOption = None,
    state: StateOption = None,
    reason: ReasonOption = None,
    since: FromOption = None,
    until: UntilOption = None,
    to: ToOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send dead or delivered ones again.

    They keep their id, their message and their bytes. Of many, those that are
    dead unless you name another --state, oldest first.

    \b
    jackfield deliveries replay 0198c5e2-7f30-7000-8000-0123456789ab
    jackfield deliveries replay --tenant acme --from 2026-01-02T03:00 --until 2026-01-02T05:00
    jackfield deliveries replay --application ID --state delivered --to https://trial.example/in
    """  # noqa: D301 - \b keeps the lines of the examples
    import msgspec  # noqa: PLC0415 - see options

    from jackfield.console.delivery_orders import ReplayDeliveries  # noqa: PLC0415 - see options

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
    _check_meant(delivery_id, narrow)
    if delivery_id is not None:
        _replay_one(delivery_id, to=to, dry_run=dry_run, data=data, as_json=as_json)
        return
    be_clear(dry_run=dry_run, yes=yes)
    order = ReplayDeliveries(**narrow, to=to, dry_run=False)
    done = _replay(msgspec.structs.replace(order, dry_run=not yes), data=data)
    if (done.replayed or done.held) and not (dry_run or yes):
        counted = done
        be_sure(lambda: _question(counted, to=to), yes=yes)
        done = _replay(order, data=data)
    if as_json:
        print_json(done)
    else:
        _say(done, to=to)


def rebind_deliveries(
    *,
    provider: ProviderOption = None,
    account: AccountOption = None,
    application: ApplicationOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move what waits for an application that its account has left.

    It goes to the present one. Of one account, or all that waits for one application. Where the
    account is linked to nothing, it is held until it is.

    \b
    jackfield deliveries rebind --provider whatsapp --account 447700900123
    jackfield deliveries rebind --application 78d335fa-323d-4114-9c3d-d6f0d48968cf --dry-run
    """  # noqa: D301 - \b keeps the lines of the examples
    import msgspec  # noqa: PLC0415 - see options

    from jackfield.console.delivery_orders import RebindDeliveries  # noqa: PLC0415 - see options

    if (provider is None) is not (account is None):
        raise typer.BadParameter("an account is named by --provider and --account together")
    if account is application is None:
        raise typer.BadParameter("say what is meant: --application, or --provider and --account")
    be_clear(dry_run=dry_run, yes=yes)
    order = RebindDeliveries(
        provider=None if provider is None else provider.value,
        external_id=account,
        application_id=application,
        dry_run=not yes,
    )
    done = _rebind(order, data=data)
    if done.moved and not (dry_run or yes):
        question = f"{done.moved:,} deliveries would move to whoever hears their account now."
        be_sure(lambda: f"{question} Move them?", yes=yes)
        done = _rebind(msgspec.structs.replace(order, dry_run=False), data=data)
    if as_json:
        print_json(done)
    elif not done.moved:
        typer.echo("There is nothing to move: all that waits is bound to whoever hears it now.")
    elif dry_run:
        typer.echo(f"Deliveries that would move: {done.moved}")
    else:
        typer.echo(f"Deliveries that moved: {done.moved}")


def _check_meant(delivery_id: str | None, narrow: Mapping[str, object]) -> None:
    if delivery_id is None and not narrow:
        raise typer.BadParameter(
            "give one delivery's id, or say which ones are meant: --tenant, --account, "
            "--application, --state, --reason, --from or --until",
        )
    if delivery_id is not None and narrow:
        raise typer.BadParameter("give one delivery's id or say which ones are meant, not both")


def _replay_one(
    delivery_id: str, *, to: str | None, dry_run: bool, data: Path | None, as_json: bool
) -> None:
    from jackfield.api.delivery_bodies import DeliveryShownBody  # noqa: PLC0415 - see options
    from jackfield.console.delivery_orders import ReplayDelivery  # noqa: PLC0415 - see options

    if dry_run:
        raise typer.BadParameter("one delivery needs no counting", param_hint="--dry-run")
    order = ReplayDelivery(id=delivery_id, to=to)
    shown = operate("deliveries.replay-one", order, gives=DeliveryShownBody, data=data)
    if as_json:
        print_json(shown)
        return
    if to is not None:
        typer.echo(f"A copy is on its way to {to}, as {shown.id}.")
    elif shown.state == "held":
        typer.echo(f"The delivery {shown.id} goes to whoever hears its account now.")
    else:
        typer.echo(f"The delivery {shown.id} is on its way again.")
    show = next_command("jackfield deliveries show", shown.id, data=data)
    hint(f"To see how it goes: {show}")


def _say(done: ReplayedBody, *, to: str | None) -> None:
    """Say how many were sent, or would be, and where to; and how many are left as they are."""
    if not done.matched:
        typer.echo("There are no such deliveries, so nothing is sent.")
        return
    begin = "Would go" if done.dry_run else "On their way"
    typer.echo(f"{begin} to {'where they were bound' if to is None else to}: {done.replayed}")
    if to is None:
        typer.echo(f"{begin} to whoever hears their account now: {done.held}")
    if left := done.matched - done.replayed - done.held:
        why = "nobody would hear them" if to is None else "nothing of them may be copied"
        typer.echo(f"Left as they are, since {why}: {left}")


def _question(counted: ReplayedBody, *, to: str | None) -> str:
    number = counted.replayed + counted.held
    where = "again" if to is None else f"as copies to {to}"
    return f"{number:,} of {counted.matched:,} deliveries would be sent {where}. Send them?"


def _replay(order: ReplayDeliveries, *, data: Path | None) -> ReplayedBody:
    """Replay to the end, step by step, and return the sums."""
    import msgspec  # noqa: PLC0415 - see options

    from jackfield.api.delivery_bodies import ReplayedBody  # noqa: PLC0415 - see options

    sums = ReplayedBody(dry_run=order.dry_run, matched=0, replayed=0, held=0, next="")
    while sums.next is not None:
        step = operate(
            "deliveries.replay",
            msgspec.structs.replace(order, after=sums.next),
            gives=ReplayedBody,
            data=data,
        )
        sums = ReplayedBody(
            dry_run=order.dry_run,
            matched=sums.matched + step.matched,
            replayed=sums.replayed + step.replayed,
            held=sums.held + step.held,
            next=step.next,
        )
        numbers = {"found": sums.matched, "sent": sums.replayed + sums.held}
        say_progress(numbers, is_done=sums.next is None)
    return sums


def _rebind(order: RebindDeliveries, *, data: Path | None) -> ReboundBody:
    """Rebind to the end, step by step, and return the sums."""
    import msgspec  # noqa: PLC0415 - see options

    from jackfield.api.delivery_bodies import ReboundBody  # noqa: PLC0415 - see options

    sums = ReboundBody(dry_run=order.dry_run, moved=0, next="")
    while sums.next is not None:
        step = operate(
            "deliveries.rebind",
            msgspec.structs.replace(order, after=sums.next),
            gives=ReboundBody,
            data=data,
        )
        sums = ReboundBody(dry_run=order.dry_run, moved=sums.moved + step.moved, next=step.next)
        say_progress({"found": sums.moved}, is_done=sums.next is None)
    return sums
