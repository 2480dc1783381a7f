"""The `unread` and `unknown` commands: what became no message, and its way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jackfield.cli.asking import (
    AfterOption,
    LimitOption,
    YesOption,
    be_clear,
    be_sure,
    hint_at_next,
    operate,
)
from jackfield.cli.delivery_options import DryRunOption, say_progress
from jackfield.cli.discarding import discard_unknown, discard_unread
from jackfield.cli.options import DataOption, JsonOption, hint, next_command, print_json
from jackfield.cli.piece_options import KindOption, RoutingKeyArgument, check_kind
from jackfield.cli.provider_names import ProviderArgument

if TYPE_CHECKING:
    from pathlib import Path

    from jackfield.console.kept_orders import AssignUnknown, UnknownAssigned, UnreadReparsed

unread = typer.Typer(
    help="What providers sent and could not be read.",
    no_args_is_help=True,
)
unknown = typer.Typer(
    help="Accounts that nobody has here, and were written to.",
    no_args_is_help=True,
)
unread.command("discard")(discard_unread)
unknown.command("discard")(discard_unknown)


@unread.command("list")
def list_unread(
    *,
    kind: KindOption = None,
    after: AfterOption = "",
    limit: LimitOption = 50,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what could not be read, in the order it came.

    \b
    jackfield unread list
    jackfield unread list --kind differs --json
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.cli.showing import day_and_time, print_table  # noqa: PLC0415 - see options
    from jackfield.console.kept_orders import ListUnread, UnreadListed  # noqa: PLC0415

    check_kind(kind)
    order = ListUnread(kind=kind, after=after, limit=limit)  # type: ignore[arg-type] # one of both
    listed = operate("unread.list", order, gives=UnreadListed, data=data)
    if as_json:
        print_json(listed)
        return
    if not listed.pieces:
        hint("No such piece is kept.")
        return
    print_table(
        ("ID", "KIND", "PROVIDER APP", "PROVIDER", "ROUTING KEY", "BYTES", "CAME (UTC)", "REASON"),
        [
            (
                one.id,
                one.kind,
                one.provider_app,
                one.provider,
                one.routing_key,
                one.bytes,
                day_and_time(one.received_at),
                one.reason,
            )
            for one in listed.pieces
        ],
    )
    reparse = next_command("jackfield unread reparse", data=data)
    discard = next_command("jackfield unread discard", data=data, kind=kind)
    hint(f"\nAfter an upgrade: {reparse}\nWhat nobody will need: {discard}")
    hint_at_next("jackfield unread list", listed.next, kind=kind, limit=limit, data=data)


@unread.command("show")
def show_unread(
    piece_id: Annotated[int, typer.Argument(help="The piece's id.")],
    *,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one piece whole, with whatever somebody wrote in it.

    \b
    jackfield unread show 7
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.cli.showing import print_document, words  # noqa: PLC0415 - see options
    from jackfield.console.kept_orders import PieceShown, ShowUnread  # noqa: PLC0415

    shown = operate("unread.show", ShowUnread(id=piece_id), gives=PieceShown, data=data)
    if as_json:
        print_json(shown)
        return
    members = [name for name in shown.__struct_fields__ if name != "body"]
    print_document({name: getattr(shown, name) for name in members})
    typer.echo("")
    for line in shown.body.split("\n"):
        typer.echo(words(line) if line else "")


@unread.command("reparse")
def reparse_unread(
    piece_id: Annotated[int | None, typer.Argument(help="One piece's id; else all.")] = None,
    *,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read pieces again, as after an upgrade.

    What can be read now goes out.

    \b
    jackfield unread reparse
    jackfield unread reparse 7
    """  # noqa: D301 - \b keeps the lines of the examples
    done = _reparse(piece_id, data=data)
    if as_json:
        print_json(done)
        return
    typer.echo(f"Pieces read again: {done.pieces}")
    typer.echo(f"Messages on their way: {done.delivered}")
    typer.echo(f"Messages held: {done.held}")
    nobodys = next_command("jackfield unknown list", data=data)
    still = next_command("jackfield unread list", data=data)
    for count, what in (
        (done.repeated, "Messages that were there already"),
        (done.unknown, f"Messages to accounts that nobody has (`{nobodys}`)"),
        (done.ignored, "Pieces that say nothing for anybody"),
        (done.still_unread, f"Pieces that still cannot be read (`{still}`)"),
    ):
        if count:
            typer.echo(f"{what}: {count}")
    if done.still_unread:
        hint(f"What nobody will need: {next_command('jackfield unread discard', data=data)}")


@unknown.command("list")
def list_unknown(
    *,
    after: AfterOption = "",
    limit: LimitOption = 50,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List accounts that nobody has here, and what is kept.

    \b
    jackfield unknown list
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.cli.showing import day_and_time, print_table  # noqa: PLC0415 - see options
    from jackfield.console.kept_orders import ListUnknown, UnknownListed  # noqa: PLC0415

    order = ListUnknown(after=after, limit=limit)
    listed = operate("unknown.list", order, gives=UnknownListed, data=data)
    if as_json:
        print_json(listed)
        return
    if not listed.accounts:
        hint("Nobody wrote to an account that is not here.")
        return
    print_table(
        ("PROVIDER", "ROUTING KEY", "MESSAGES", "FIRST (UTC)", "LAST (UTC)"),
        [
            (
                one.provider,
                one.routing_key,
                one.messages,
                day_and_time(one.first_at),
                day_and_time(one.last_at),
            )
            for one in listed.accounts
        ],
    )
    account = ("PROVIDER", "ROUTING_KEY")
    assign = next_command("jackfield unknown assign", *account, data=data)
    discard = next_command("jackfield unknown discard", *account, data=data)
    hint(f"\nOnce such an account is registered: {assign}\nIf it never will be: {discard}")
    hint_at_next("jackfield unknown list", listed.next, limit=limit, data=data)


@unknown.command("assign")
def assign_unknown(
    provider: ProviderArgument,
    routing_key: RoutingKeyArgument,
    *,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give an account what came before it was here.

    Make sure that it was the same owner's then: nobody can tell but you.

    \b
    jackfield unknown assign messenger 200000000000002 --dry-run
    jackfield unknown assign whatsapp 106000000000001 --yes
    """  # noqa: D301 - \b keeps the lines of the examples
    from msgspec.structs import replace  # noqa: PLC0415 - see options

    from jackfield.accounts import Provider  # noqa: PLC0415 - see options
    from jackfield.console.kept_orders import AssignUnknown  # noqa: PLC0415 - see options

    be_clear(dry_run=dry_run, yes=yes)
    order = AssignUnknown(
        provider=Provider(provider.value), routing_key=routing_key, dry_run=not yes
    )
    done = _assign(order, data=data)
    if done.delivered and not (dry_run or yes):
        counted = done
        be_sure(lambda: _question(counted), yes=yes)
        done = _assign(replace(order, dry_run=False), data=data)
    if as_json:
        print_json(done)
        return
    if dry_run:
        typer.echo(f"Messages that would go to {_named(done)}: {done.delivered}")
    elif done.delivered or done.held or done.repeated:
        typer.echo(f"Messages on their way to {_named(done)}: {done.delivered}")
        typer.echo(f"Messages held: {done.held}")
    else:
        typer.echo(f"There is nothing to assign to {_named(done)}.")
    if done.left:
        hint(
            f"{done.left} stay as they are: the tenant {done.api_key} may not use the provider "
            "app they came by, or they are for another number.",
        )


def _question(counted: UnknownAssigned) -> str:
    return (
        f"{counted.delivered} messages would go to {_named(counted)}. Was it the same owner's "
        "when they were written?"
    )


def _named(assigned: UnknownAssigned) -> str:
    return f"{assigned.provider} {assigned.external_id} of {assigned.api_key}"


def _reparse(piece_id: int | None, *, data: Path | None) -> UnreadReparsed:
    """Read again to the end, step by step, and return the sums."""
    from jackfield.console.kept_orders import ReparseUnread, UnreadReparsed  # noqa: PLC0415 - loaded late, as the others

    names = ("pieces", "delivered", "held", "repeated", "unknown", "ignored", "still_unread")
    sums = dict.fromkeys(names, 0)
    after: str | None = ""
    while after is not None:
        order = ReparseUnread(id=piece_id, after=after)
        step = operate("unread.reparse", order, gives=UnreadReparsed, data=data)
        sums = {name: count + getattr(step, name) for name, count in sums.items()}
        after = step.next
        say_progress({"read": sums["pieces"]}, is_done=after is None)
    return UnreadReparsed(**sums, next=None)


def _assign(order: AssignUnknown, *, data: Path | None) -> UnknownAssigned:
    """Assign to the end, step by step, and return the sums."""
    import msgspec  # noqa: PLC0415 - see options

    from jackfield.console.kept_orders import UnknownAssigned  # noqa: PLC0415 - see options

    names = ("delivered", "held", "repeated", "left")
    sums = dict.fromkeys(names, 0)
    while True:
        step = operate("unknown.assign", order, gives=UnknownAssigned, data=data)
        sums = {name: count + getattr(step, name) for name, count in sums.items()}
        say_progress({"found": sum(sums.values())}, is_done=step.next is None)
        if step.next is None:
            return msgspec.structs.replace(step, **sums)
        order = msgspec.structs.replace(order, after=step.next)
