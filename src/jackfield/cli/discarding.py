"""The `discard` commands: what became no message, and nobody will need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jackfield.cli.asking import YesOption, be_clear, be_sure, operate
from jackfield.cli.delivery_options import DryRunOption, say_progress
from jackfield.cli.options import DataOption, JsonOption, hint, next_command, print_json
from jackfield.cli.piece_options import KindOption, RoutingKeyArgument, check_kind
from jackfield.cli.provider_names import ProviderArgument

if TYPE_CHECKING:
    from pathlib import Path

    from jackfield.console.kept_orders import (
        DiscardUnknown,
        DiscardUnread,
        UnknownDiscarded,
        UnreadDiscarded,
    )


def discard_unread(
    piece_id: Annotated[int | None, typer.Argument(help="One piece's id; else all.")] = None,
    *,
    kind: KindOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Throw pieces away that nobody will need.

    Nothing brings them back. It counts and asks before, and what comes after
    it counted stays.

    \b
    jackfield unread discard 7
    jackfield unread discard --kind differs --dry-run
    jackfield unread discard --yes
    """  # noqa: D301 - \b keeps the lines of the examples
    from msgspec.structs import replace  # noqa: PLC0415 - see options

    from jackfield.console.kept_orders import DiscardUnread  # noqa: PLC0415 - see options

    check_kind(kind)
    if piece_id is not None and kind is not None:
        raise typer.BadParameter("give one piece's id or a --kind, not both")
    be_clear(dry_run=dry_run, yes=yes)
    order = DiscardUnread(id=piece_id, kind=kind, dry_run=not yes)  # type: ignore[arg-type] # one of both
    done = _discard_unread(order, data=data)
    if (done.unread or done.differs) and not (dry_run or yes):
        counted = done
        be_sure(lambda: _about_pieces(counted, piece_id), yes=yes)
        done = _discard_unread(replace(order, dry_run=False, up_to=counted.up_to), data=data)
    if as_json:
        print_json(replace(done, dry_run=dry_run))
    elif not (done.unread or done.differs):
        typer.echo("There is nothing to discard.")
    else:
        begin = "Pieces that would be discarded" if dry_run else "Pieces discarded"
        typer.echo(f"{begin}: {done.unread} unread, {done.differs} that differ")


def discard_unknown(
    provider: ProviderArgument,
    routing_key: RoutingKeyArgument,
    *,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Throw away what was written to an account nobody has.

    Nothing brings it back. It counts and asks before, and what comes after it
    counted stays. What is written from then on is kept like anything else.

    \b
    jackfield unknown discard messenger 200000000000002 --dry-run
    jackfield unknown discard whatsapp 106000000000001 --yes
    """  # noqa: D301 - \b keeps the lines of the examples
    from msgspec.structs import replace  # noqa: PLC0415 - see options

    from jackfield.accounts import Provider  # noqa: PLC0415 - see options
    from jackfield.console.kept_orders import DiscardUnknown  # noqa: PLC0415 - see options

    be_clear(dry_run=dry_run, yes=yes)
    order = DiscardUnknown(
        provider=Provider(provider.value), routing_key=routing_key, dry_run=not yes
    )
    done = _discard_unknown(order, data=data)
    if done.messages and not (dry_run or yes):
        counted = done
        be_sure(lambda: _about_messages(counted), yes=yes)
        done = _discard_unknown(replace(order, dry_run=False, up_to=counted.up_to), data=data)
    if as_json:
        print_json(replace(done, dry_run=dry_run))
    elif not done.messages:
        typer.echo(f"Nothing is kept that was written to {provider} {routing_key}.")
        known = next_command("jackfield unknown list", data=data)
        hint(f"What is kept, and for which accounts: {known}")
    else:
        begin = "Messages that would be discarded" if dry_run else "Messages discarded"
        typer.echo(f"{begin}: {done.messages}")


def _about_pieces(counted: UnreadDiscarded, piece_id: int | None) -> str:
    if piece_id is not None:
        return (
            f"The piece {piece_id} would be discarded, with whatever somebody wrote in it. "
            "Nothing brings it back. Discard it?"
        )
    return (
        f"{counted.unread:,} pieces that could not be read and {counted.differs:,} that differ "
        "would be discarded, with whatever somebody wrote in them. Nothing brings them back. "
        "Discard them?"
    )


def _about_messages(counted: UnknownDiscarded) -> str:
    return (
        f"{counted.messages:,} messages to {counted.provider} {counted.routing_key} would be "
        "discarded. Nothing brings them back. Discard them?"
    )


def _discard_unread(order: DiscardUnread, *, data: Path | None) -> UnreadDiscarded:
    """Discard to the end, step by step, and return the sums."""
    from msgspec.structs import replace  # noqa: PLC0415 - see options

    from jackfield.console.kept_orders import UnreadDiscarded  # noqa: PLC0415 - see options

    unread = differs = 0
    while True:
        step = operate("unread.discard", order, gives=UnreadDiscarded, data=data)
        unread, differs = unread + step.unread, differs + step.differs
        say_progress(_progress(unread + differs, order), is_done=step.next is None)
        if step.next is None:
            return replace(step, unread=unread, differs=differs)
        order = replace(order, after=step.next, up_to=step.up_to)


def _discard_unknown(order: DiscardUnknown, *, data: Path | None) -> UnknownDiscarded:
    """Discard to the end, step by step, and return the sum."""
    from msgspec.structs import replace  # noqa: PLC0415 - see options

    from jackfield.console.kept_orders import UnknownDiscarded  # noqa: PLC0415 - see options

    messages = 0
    while True:
        step = operate("unknown.discard", order, gives=UnknownDiscarded, data=data)
        messages += step.messages
        say_progress(_progress(messages, order), is_done=step.next is None)
        if step.next is None:
            return replace(step, messages=messages)
        order = replace(order, after=step.next, up_to=step.up_to)


def _progress(number: int, order: DiscardUnread | DiscardUnknown) -> dict[str, int]:
    return {"found" if order.dry_run else "discarded": number}
